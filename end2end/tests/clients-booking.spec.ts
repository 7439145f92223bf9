// The booking site around the main story: who gets what, without scripts, when Fader is away.

import AxeBuilder from '@axe-core/playwright';
import { CUSTOMERS, EMAILS } from '../clients/demo';
import { Desk } from '../clients/desk';
import { Shop } from '../clients/shop';
import { expect, test } from '../clients/world';

/** The page tries again after 1, 2, 4, 8 and 16 s, and starting takes its time too. */
const RETRY_MS_MAX = 45_000;

test.describe.configure({ mode: 'serial' });

test.beforeAll(({ browser, world }) => Desk.vipAgenciesOnly(browser, world));

test('VIP agencies have fast payment, others do not', async ({ browser, world }) => {
    const vip = await Shop.signIn(browser, world, CUSTOMERS.vip.name);
    await vip.openTrip();
    await expect(vip.fastPayment).toBeVisible();
    await expect(vip.state).toHaveText('On (TARGETING_MATCH)');
    expect((await vip.payByHand()).status()).toBe(201);
    await vip.close();

    const standard = await Shop.signIn(browser, world, CUSTOMERS.standard.name);
    await standard.openTrip();
    await expect(standard.fastPayment).toBeHidden();
    expect((await standard.payByHand()).status()).toBe(403);
    await standard.close();
});

// A browser has six connections to a server that speaks HTTP/1.1: seven pages left open would take them all.
test('a page opened in the background asks nothing until it is seen', async ({ browser, world }) => {
    const vip = await Shop.signIn(browser, world, CUSTOMERS.vip.name);
    const page = await vip.page.context().newPage();
    await page.addInitScript(() => {
        Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => 'hidden' });
    });
    const asked: string[] = [];
    page.on('request', (request) => request.url().startsWith(`${world.fader}/ofrep/`) && asked.push(request.url()));
    await page.goto('/');
    await page.waitForLoadState('networkidle');
    expect(asked).toEqual([]);
    await page.evaluate(() => {
        Reflect.deleteProperty(document, 'visibilityState');
        document.dispatchEvent(new Event('visibilitychange'));
    });
    await expect(page.locator('[data-fader-state]')).toHaveText('On (TARGETING_MATCH)');
    await vip.close();
});

test('a page that claims to be somebody else shows more, but cannot pay', async ({ browser, world }) => {
    const shop = await Shop.signIn(browser, world, CUSTOMERS.standard.name);
    await shop.page.route('**/ofrep/v1/evaluate/flags*', (route) => {
        const postData = route.request().postData()?.replace(CUSTOMERS.standard.id, CUSTOMERS.vip.id);
        return route.continue({ postData });
    });
    await shop.openTrip();
    await expect(shop.fastPayment).toBeVisible();
    await shop.payFast.click();
    await expect(shop.page.getByRole('status')).toContainText('Fast payment is not switched on for you');
    await shop.close();
});

test('without scripts one books by card', async ({ browser, world }) => {
    const shop = await Shop.signIn(browser, world, CUSTOMERS.vip.name, { javaScriptEnabled: false });
    await shop.page.goto('/?from=Geneva');
    await shop.page.locator('a.ticket').first().click();
    await expect(shop.fastPayment).toBeHidden();
    await shop.page.getByRole('button', { name: 'Pay by card' }).click();
    await expect(shop.page.getByText('This is no card number: check its digits.')).toBeVisible();
    await shop.payByCard('4242424242424242');
    await expect(shop.page.getByText('Card ending in 4242')).toBeVisible();
    await shop.close();
});

for (const colorScheme of ['light', 'dark'] as const) {
    test(`its pages are accessible (${colorScheme})`, async ({ browser, world }) => {
        const check = async (page: Shop['page']) => {
            // The panel's entrance fades in: half-way through it has half the contrast.
            await page.evaluate(() => Promise.all(document.getAnimations().map((animation) => animation.finished)));
            expect((await new AxeBuilder({ page }).analyze()).violations).toEqual([]);
        };
        const shop = await Shop.signIn(browser, world, CUSTOMERS.vip.name, { colorScheme });
        await check(shop.page);
        await shop.openTrip();
        await expect(shop.fastPayment).toBeVisible();
        await check(shop.page);
        await shop.page.getByRole('button', { name: 'Pay by card' }).click();
        await expect(shop.page.getByRole('alert')).toBeVisible();
        await check(shop.page);
        await shop.page.getByRole('link', { name: 'My bookings' }).click();
        await check(shop.page);
        await shop.page.getByRole('button', { name: 'Change customer' }).click();
        await check(shop.page);
        await shop.close();
    });
}

test('while Fader is away the last answer stays, paying with it is denied, and the page finds back', async ({
    browser,
    world,
}) => {
    test.slow();
    const desk = await Desk.signIn(browser, world, EMAILS.product);
    const shop = await Shop.signIn(browser, world, CUSTOMERS.vip.name);
    await shop.openTrip();
    await expect(shop.fastPayment).toBeVisible();

    await world.restartFader(async () => {
        await expect(shop.state).toHaveAttribute('data-fader-state', 'lost');
        const refused = await shop.payByHand();
        expect(refused.status()).toBe(503);
        expect(await refused.json()).toMatchObject({ error: 'fast_payment_unknown' });
    });

    await expect(shop.state).toHaveAttribute('data-fader-state', 'on', { timeout: RETRY_MS_MAX });
    await desk.open('fast-payment');
    await desk.stop('To see that the page still listens');
    await expect(shop.fastPayment).toBeHidden();
    await desk.open('fast-payment');
    await desk.resume('It does');
    await expect(shop.fastPayment).toBeVisible();
    await desk.close();
    await shop.close();
});

test('a page opened while Fader is away connects once it is there', async ({ browser, world }) => {
    test.slow();
    const shop = await Shop.signIn(browser, world, CUSTOMERS.vip.name);
    await world.restartFader(async () => {
        await shop.openTrip();
        await expect(shop.state).toHaveAttribute('data-fader-state', 'lost');
        await expect(shop.fastPayment).toBeHidden();
    });
    await expect(shop.fastPayment).toBeVisible({ timeout: RETRY_MS_MAX });
    await shop.close();
});
