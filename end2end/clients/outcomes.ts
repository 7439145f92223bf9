// What a backend reports after it served a flag.

import { expect, type Page } from '@playwright/test';
import type { World } from './world';

/** So many outcomes of each arm of the rule for everyone, and how many of the treatment's failed. */
export async function report(
    page: Page,
    world: World,
    flag: string,
    arms: { treatment: number; control: number },
    failed: number,
): Promise<void> {
    const outcome = (arm: string, at: number) => ({
        type: 'outcome',
        subject: `${arm}-${at}`,
        metric: 'error_rate',
        ok: arm === 'control' || at >= failed,
        features: [{ flag, variant: arm === 'treatment' ? 'on' : 'off', rule: 'everyone', arm }],
    });
    const events = Object.entries(arms).flatMap(([arm, count]) => Array.from({ length: count }, (_, at) => outcome(arm, at)));
    const headers = { Authorization: `Bearer ${world.serverToken}` };
    const answer = await page.request.post(`${world.fader}/api/v1/events`, { headers, data: { events } });
    expect(answer.status(), await answer.text()).toBe(202);
    expect((await answer.json()).rejected).toEqual([]);
}
