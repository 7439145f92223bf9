import { join } from 'node:path';
import { CUSTOMERS, EMAILS } from '../clients/demo';
import { Desk } from '../clients/desk';
import { Shop } from '../clients/shop';
import { expect, ROOT, test } from '../clients/world';

const viewport = { width: 1280, height: 832 };
const picture = (name: string) => join(ROOT, 'docs/images', `${name}.png`);

// In the middle of the job: staff and VIP agencies have it, and the first fifth of everybody.
test.beforeAll(async ({ browser, world }) => {
    const desk = await Desk.signIn(browser, world, EMAILS.product);
    const faders = { 'VIP agencies': '100', Everyone: '20' };
    await desk.setFaders('fast-payment', faders, 'The pilot went well');
    await desk.close();
});

for (const colorScheme of ['light', 'dark'] as const) {
    test(`Fader, ${colorScheme}`, async ({ browser, world }) => {
        const desk = await Desk.signIn(browser, world, EMAILS.product, { colorScheme, viewport, deviceScaleFactor: 1.5 });
        await desk.page.goto('/?env=production');
        await expect(desk.page.getByRole('link', { name: 'Fast payment' }).first()).toBeVisible();
        await desk.page.evaluate(() => document.fonts.ready);
        await desk.page.screenshot({ path: picture(`desk-${colorScheme}`) });
        await desk.open('fast-payment');
        await expect(desk.page.getByRole('heading', { name: 'Fast payment' })).toBeVisible();
        await desk.page.screenshot({ path: picture(`rollout-${colorScheme}`) });
        await desk.close();
    });

    test(`the booking demo, ${colorScheme}`, async ({ browser, world }) => {
        const look = { colorScheme, viewport, deviceScaleFactor: 1.5 };
        const shop = await Shop.signIn(browser, world, CUSTOMERS.vip.name, look);
        await shop.openTrip();
        await expect(shop.fastPayment).toBeVisible();
        await shop.page.evaluate(() => Promise.all(document.getAnimations().map((animation) => animation.finished)));
        await shop.page.screenshot({ path: picture(`booking-${colorScheme}`) });
        await shop.close();
    });
}
