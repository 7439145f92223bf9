// OpenFeature's web SDK with the OFREP web provider, as published, in Chromium on a page of another origin.

import type { Page, Request } from '@playwright/test';
import { type Asker, servePage, webAsker } from '../clients/ask';
import { CASES, CUSTOMERS, EMAILS, expectAnswer } from '../clients/demo';
import { Desk } from '../clients/desk';
import { expect, test, type World } from '../clients/world';

const FAST_PAYMENT = { type: 'boolean', flag: 'fast-payment', fallback: false } as const;
const vip = { targetingKey: CUSTOMERS.vip.id };

/** It came through the event stream, not with the provider's next poll. How fast it is, `make bench` measures. */
const SEEN_MS_MAX = 10_000;

let server: { close(): Promise<void> };

test.beforeAll(async ({ browser, world }) => {
    server = await servePage(world.page);
    await Desk.vipAgenciesOnly(browser, world);
});
test.afterAll(() => server.close());

async function open(page: Page, world: World, context = {}): Promise<Asker> {
    await page.goto(world.page);
    return webAsker(page, world.fader, world.clientToken, context);
}

const changes = (page: Page) => page.evaluate(() => (window as any).changes as number[]);
const isBulk = (request: Request) => request.method() === 'POST' && request.url().includes('/ofrep/v1/evaluate/flags');

for (const { name, question, expected } of CASES) {
    test(`the web SDK: ${name}`, async ({ page, world }) => {
        const asker = await open(page, world);
        expectAnswer(await asker.ask(question), expected, true);
    });
}

test('a browser cannot make itself a VIP', async ({ page, world }) => {
    const asker = await open(page, world);
    const stranger = { targetingKey: 'nobody-known', tier: 'vip', role: 'staff' };
    expect(await asker.ask({ ...FAST_PAYMENT, context: stranger })).toMatchObject({ value: false, reason: 'DEFAULT' });
    const customer = { targetingKey: CUSTOMERS.standard.id, tier: 'vip', role: 'staff' };
    expect(await asker.ask({ ...FAST_PAYMENT, context: customer })).toMatchObject({ value: false, reason: 'DEFAULT' });
});

test('a change reaches the page at once and names the state that it expects', async ({ browser, page, world }) => {
    const asker = await open(page, world, vip);
    const desk = await Desk.signIn(browser, world, EMAILS.product);
    const value = () => page.evaluate(() => (window as any).client.getBooleanValue('fast-payment', false) as boolean);
    expect(await value()).toBe(true);

    const refetch = page.waitForRequest((request) => isBulk(request) && request.url().includes('flagConfigEtag'));
    await desk.open('fast-payment');
    const pressed = await desk.stop('A test of the web client');
    await expect.poll(value, { intervals: [20] }).toBe(false);
    expect((await changes(page)).at(-1)! - pressed).toBeLessThan(SEEN_MS_MAX);
    expect(new URL((await refetch).url()).searchParams.get('flagConfigLastModified')).toMatch(/^\d+$/);
    expect(await asker.ask({ ...FAST_PAYMENT, context: vip })).toMatchObject({ value: false, reason: 'DISABLED' });

    await desk.open('fast-payment');
    await desk.resume('The test is over');
    await expect.poll(value, { intervals: [20] }).toBe(true);
    await desk.close();
});

test('when nothing changed the answer is 304, without an event in the page', async ({ page, world }) => {
    await open(page, world, vip);
    const before = await changes(page);
    const answered = page.waitForResponse((response) => isBulk(response.request()));
    // The provider asks again when its page comes to the front.
    await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
    const response = await answered;
    expect(response.status()).toBe(304);
    expect(await response.request().headerValue('if-none-match')).toBeTruthy();
    expect(await changes(page)).toEqual(before);
});

test('another context is another answer, also with an ETag in hand', async ({ page, world }) => {
    const asker = await open(page, world, vip);
    expect(await asker.ask({ ...FAST_PAYMENT, context: vip })).toMatchObject({ value: true });
    const standard = { targetingKey: CUSTOMERS.standard.id };
    expect(await asker.ask({ ...FAST_PAYMENT, context: standard })).toMatchObject({ value: false });
    expect(await asker.ask({ ...FAST_PAYMENT, context: vip })).toMatchObject({ value: true });
});

test('a page of a foreign origin, a server token and a wrong token get nothing', async ({ page, world }) => {
    const foreign = world.cli('token', 'create', '--kind', 'client', '--env', 'production', '--name', 'elsewhere', '--origin', 'https://elsewhere.example');
    await page.goto(world.page);
    for (const token of [foreign, world.serverToken, 'fdr_client_production_wrong']) {
        await expect(webAsker(page, world.fader, token, vip)).rejects.toThrow();
        expect(await page.evaluate(() => (window as any).client.getBooleanValue('fast-payment', false))).toBe(false);
        await page.reload();
    }
});
