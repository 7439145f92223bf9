// Telemetry of a real exporter: what is of no use is left out alone, and an admin sees which and why.

import { alive, expectAccessible, signedIn } from '../clients/dashboard';
import { expect, test } from '../clients/world';

test('what an exporter sends for nothing stands under Clients, with the reason', async ({ browser, world }) => {
    const page = await signedIn(browser, world, 'admin');
    const nanos = (ms: number) => `${ms}000000`;
    const evaluated = (flag: string, variant: string) => ({
        name: 'feature_flag.evaluation',
        attributes: [
            { key: 'feature_flag.key', value: { stringValue: flag } },
            { key: 'feature_flag.result.variant', value: { stringValue: variant } },
            { key: 'feature_flag.context.id', value: { intValue: '4711' } },
        ],
    });
    const span = {
        traceId: '0af7651916cd43dd8448eb211c80319c',
        spanId: 'b7ad6b7169203331',
        startTimeUnixNano: nanos(Date.now() - 300),
        endTimeUnixNano: nanos(Date.now()),
        events: [evaluated('vendor/<b>banner</b>', 'on'), evaluated('fast-payment', 'off')],
        status: { code: 2 },
    };
    const answer = await page.request.post(`${world.fader}/v1/traces`, {
        headers: { Authorization: `Bearer ${world.serverToken}` },
        data: { resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] },
    });
    expect(answer.status(), await answer.text()).toBe(200);
    expect((await answer.json()).partialSuccess.errorMessage).toContain('1 evaluation of a flag not known here');

    await page.goto('/');
    await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Clients' }).click();
    await alive(page);
    await expect(page.getByRole('heading', { name: 'Clients' })).toBeVisible();
    await expect(async () => {
        await page.reload();
        await expect(page.locator('.left-out').first()).toContainText('there is no flag "vendor/<b>banner</b>" in production', { timeout: 500 });
    }).toPass({ timeout: 20_000 });
    await expectAccessible(page);
    await page.context().close();
});
