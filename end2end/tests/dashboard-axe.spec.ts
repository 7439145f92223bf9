// Every page of the frame, in light and dark, on a desk and on a phone.

import { alive, expectAccessible, signedIn, stranger } from '../clients/dashboard';
import { expect, test } from '../clients/world';

const SIZES = { desk: { width: 1440, height: 900 }, phone: { width: 360, height: 740 } };
const PAGES = ['/audit', '/audit/5', '/settings/members', '/settings/tokens', '/account', '/search?q=pay', '/no-such-page'];

for (const colorScheme of ['light', 'dark'] as const) {
    for (const [name, viewport] of Object.entries(SIZES)) {
        test(`the pages are accessible: ${colorScheme}, ${name}`, async ({ browser, world }) => {
            const outside = await stranger(browser, world, { colorScheme, viewport });
            await outside.goto('/sign-in');
            await expectAccessible(outside);
            await outside.context().close();

            const page = await signedIn(browser, world, 'admin', { colorScheme, viewport });
            const errors: string[] = [];
            page.on('pageerror', (error) => errors.push(error.message));
            for (const path of PAGES) {
                await page.goto(path);
                await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
                if (path !== '/no-such-page') {
                    await alive(page);
                }
                await expectAccessible(page);
            }
            await page.locator('.menu > summary').click();
            await expectAccessible(page);
            expect(errors).toEqual([]);
            await page.context().close();
        });
    }
}

test('the first press of Tab skips the navigation', async ({ browser, world }) => {
    const page = await signedIn(browser, world, 'viewer');
    await page.goto('/groups');
    await page.keyboard.press('Tab');
    await expect(page.getByRole('link', { name: 'Skip to the content' })).toBeFocused();
    await page.keyboard.press('Enter');
    await expect(page.locator('#main')).toBeFocused();
    await page.context().close();
});
