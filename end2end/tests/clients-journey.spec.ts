// The whole job, with two browsers: a product manager at the desk, a customer on the booking site.

import { Desk } from '../clients/desk';
import { Shop } from '../clients/shop';
import { expect, test } from '../clients/world';
import { CUSTOMERS, EMAILS } from '../clients/demo';

/** It came through the event stream, not with the provider's next poll. How fast it is, `make bench` measures. */
const SEEN_MS_MAX = 10_000;

test('fast payment comes and goes on open pages, and the audit log tells the story', async ({ browser, world }) => {
    test.slow();
    await Desk.vipAgenciesOnly(browser, world);
    const desk = await Desk.signIn(browser, world, EMAILS.product);
    await desk.setFaders('fast-payment', { 'VIP agencies': '0' }, 'From the beginning');
    const vip = await Shop.signIn(browser, world, CUSTOMERS.vip.name);
    const standard = await Shop.signIn(browser, world, CUSTOMERS.standard.name);
    await vip.openTrip();
    await standard.openTrip();

    await test.step('nobody outside has it, and calling the API by hand is forbidden', async () => {
        await expect(vip.fastPayment).toBeHidden();
        const refused = await vip.payByHand();
        expect(refused.status()).toBe(403);
        expect(await refused.json()).toMatchObject({ error: 'fast_payment_off' });
    });

    await test.step('raising the fader of the VIP agencies shows it to them, without reload', async () => {
        await desk.setFaders('fast-payment', { 'VIP agencies': '100' }, 'The pilot begins');
        await expect(vip.fastPayment).toBeVisible();
        await expect(standard.fastPayment).toBeHidden();
    });

    await test.step('raising everyone shows it to everyone', async () => {
        for (const percentage of ['20', '50']) {
            await desk.setFaders('fast-payment', { Everyone: percentage }, `The pilot went well: ${percentage} %`);
            await expect(vip.fastPayment).toBeVisible();
        }
        const pressed = Date.now();
        await desk.setFaders('fast-payment', { Everyone: '100' }, 'Now everybody');
        await expect(standard.fastPayment).toBeVisible();
        expect((await standard.lastChange()) - pressed).toBeLessThan(SEEN_MS_MAX);
    });

    await test.step('it can be used', async () => {
        await standard.payFast.click();
        await expect(standard.page.getByText(/Fast payment, card ending in/)).toBeVisible();
        await standard.openTrip();
        await expect(standard.fastPayment).toBeVisible();
    });

    await test.step('Stop removes it at once, and calling the API by hand is forbidden', async () => {
        await desk.open('fast-payment');
        const pressed = await desk.stop('Errors on the payment page');
        for (const shop of [vip, standard]) {
            await expect(shop.fastPayment).toBeHidden();
            expect((await shop.lastChange()) - pressed).toBeLessThan(SEEN_MS_MAX);
            const refused = await shop.payByHand();
            expect(refused.status()).toBe(403);
            expect((await refused.json()).message).toContain('Nothing was charged');
        }
    });

    await test.step('paying by card still works', async () => {
        await standard.payByCard();
        await expect(standard.page.getByText('Card ending in 4242')).toBeVisible();
        await standard.openTrip();
        await expect(standard.fastPayment).toBeHidden();
    });

    await test.step('Resume brings it back for the same people', async () => {
        await desk.open('fast-payment');
        await desk.resume('Fixed in 2.4.1');
        await expect(vip.fastPayment).toBeVisible();
        await expect(standard.fastPayment).toBeVisible();
    });

    await test.step('the audit log tells the story, and its chain holds', async () => {
        await desk.page.goto('/audit?env=production');
        for (const said of ['The pilot begins', 'Now everybody', 'Errors on the payment page', 'Fixed in 2.4.1']) {
            await expect(desk.page.getByText(said).first()).toBeVisible();
        }
        expect(world.cli('audit', 'verify')).toContain('intact');
    });
    await Promise.all([desk.close(), vip.close(), standard.close()]);
});
