// What clients served stands in the ledger: by the hook in pages and in Node.js, and by itself for backends.

import { OFREPProvider } from '@openfeature/ofrep-provider';
import { OpenFeature } from '@openfeature/server-sdk';
import { nodeAsker, servePage, webAsker } from '../clients/ask';
import { Desk } from '../clients/desk';
import { CUSTOMERS } from '../clients/demo';
import { Shop } from '../clients/shop';
import { expect, ROOT, test, type World } from '../clients/world';

const FAST_PAYMENT = { type: 'boolean', flag: 'fast-payment', fallback: false } as const;

interface Line {
    subject: string;
    variant: string;
    revision: number;
    rule: string | null;
    arm: string | null;
    count: number;
}

let server: { close(): Promise<void> };
let support: string;

test.beforeAll(async ({ world }) => {
    server = await servePage(world.page);
    const kind = ['--kind', 'admin', '--role', 'support'];
    support = world.cli('token', 'create', ...kind, '--env', 'production', '--name', 'e2e support');
    // Made by another process: the server hears of it within a second.
    const headers = { Authorization: `Bearer ${support}` };
    const known = async () => (await fetch(`${world.fader}/api/v1/flags/fast-payment/exposures`, { headers })).status;
    await expect.poll(known).toBe(200);
});
test.afterAll(() => server.close());

/** The lines about one subject, read through REST. */
async function ledger(world: World, subject: string): Promise<Line[]> {
    const lines: Line[] = [];
    for (let cursor: string | null = ''; cursor !== null; ) {
        const address = `${world.fader}/api/v1/flags/fast-payment/exposures?limit=500${cursor && `&cursor=${cursor}`}`;
        const response = await fetch(address, { headers: { Authorization: `Bearer ${support}` } });
        expect(response.status).toBe(200);
        const page = (await response.json()) as { exposures: Line[]; next: string | null };
        lines.push(...page.exposures);
        cursor = page.next;
    }
    return lines.filter((line) => line.subject === subject);
}

const inLedger = (world: World, subject: string) => expect.poll(() => ledger(world, subject), { timeout: 10_000 });

test('a page with the hook records what it read, not what it fetched', async ({ page, world }) => {
    await page.goto(world.page);
    const context = { targetingKey: 'e2e-page' };
    const asker = await webAsker(page, world.fader, world.clientToken, context);
    await page.evaluate(
        async ([baseUrl, token]) => {
            const { FaderExposures } = await import('/fader-exposures.js' as string);
            const hook = new FaderExposures({ baseUrl, token });
            (window as any).OpenFeature.addHooks(hook);
        },
        [world.fader, world.clientToken] as const,
    );
    expect(await ledger(world, 'e2e-page')).toEqual([]);
    const answer = await asker.ask({ ...FAST_PAYMENT, context });
    await asker.ask({ ...FAST_PAYMENT, context });
    await inLedger(world, 'e2e-page').toHaveLength(1);
    const [line] = await ledger(world, 'e2e-page');
    expect(line).toMatchObject({ variant: answer.variant, revision: answer.metadata.revision, count: 1 });
    expect(line!.rule ?? undefined).toBe(answer.metadata.rule);
    expect(line!.arm ?? undefined).toBe(answer.metadata.arm);
});

test('what waits when a page is left is sent', async ({ page, world }) => {
    await page.goto(world.page);
    const context = { targetingKey: 'e2e-left' };
    const asker = await webAsker(page, world.fader, world.clientToken, context);
    await page.evaluate(
        async ([baseUrl, token]) => {
            const { FaderExposures } = await import('/fader-exposures.js' as string);
            const hook = new FaderExposures({ baseUrl, token, flushMs: 600_000 });
            (window as any).OpenFeature.addHooks(hook);
        },
        [world.fader, world.clientToken] as const,
    );
    await asker.ask({ ...FAST_PAYMENT, context });
    await page.goto('about:blank');
    await inLedger(world, 'e2e-left').toHaveLength(1);
});

test('a backend is recorded by itself; with the hook once, when it declines that', async ({ world }) => {
    const node = await nodeAsker(world.fader, world.serverToken);
    await node.ask({ ...FAST_PAYMENT, context: { targetingKey: 'e2e-backend' } });
    await node.close();
    await inLedger(world, 'e2e-backend').toHaveLength(1);

    const { FaderExposures } = await import(`${ROOT}/examples/openfeature-hook/fader-exposures.js`);
    const hook = new FaderExposures({ baseUrl: world.fader, token: world.serverToken });
    const headers: [string, string][] = [
        ['Authorization', `Bearer ${world.serverToken}`],
        ['X-Fader-Exposure', 'none'],
    ];
    const provider = new OFREPProvider({ baseUrl: world.fader, headers });
    await OpenFeature.setProviderAndWait('exposures', provider);
    const client = OpenFeature.getClient('exposures').addHooks(hook);
    await client.getBooleanDetails('fast-payment', false, { targetingKey: 'e2e-hook' });
    await hook.close();
    await inLedger(world, 'e2e-hook').toHaveLength(1);
    expect((await ledger(world, 'e2e-hook'))[0]!.count).toBe(1);
    await provider.onClose?.();
});

test('the booking site records what its customers saw', async ({ browser, world }) => {
    await Desk.vipAgenciesOnly(browser, world);
    const shop = await Shop.signIn(browser, world, CUSTOMERS.vip.name);
    await shop.openTrip();
    await expect(shop.fastPayment).toBeVisible();
    await inLedger(world, CUSTOMERS.vip.id).not.toHaveLength(0);
    const lines = await ledger(world, CUSTOMERS.vip.id);
    expect(lines.some((line) => line.variant === 'on')).toBe(true);
    await shop.close();
});
