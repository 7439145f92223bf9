// The command palette: by keyboard, forgiving, and as a page without scripts.

import { alive, expectAccessible, signedIn } from '../clients/dashboard';
import { expect, test } from '../clients/world';

test('Ctrl-K finds a flag in spite of a slip of the finger', async ({ browser, world }) => {
    const page = await signedIn(browser, world, 'product');
    await page.goto('/groups');
    await alive(page);
    await page.keyboard.press('Control+k');
    const palette = page.getByRole('dialog', { name: 'Search' });
    await expect(palette).toBeVisible();
    await expect(palette.getByRole('option').first()).toContainText('Desk');
    await palette.getByRole('combobox').fill('fast paymnet');
    const first = palette.getByRole('option').first();
    await expect(first).toContainText('Fast payment');
    await expect(first).toHaveAttribute('aria-selected', 'true');
    await expectAccessible(page);
    await page.keyboard.press('Enter');
    await expect(page).toHaveURL(/\/flags\/fast-payment$/);
});

test('arrows choose, Escape closes, and the environment is kept', async ({ browser, world }) => {
    const page = await signedIn(browser, world, 'viewer');
    await page.goto('/groups?env=staging');
    await alive(page);
    const palette = page.getByRole('dialog', { name: 'Search' });
    await page.getByRole('link', { name: /^Search/ }).click();
    await expect(palette).toBeVisible();
    await page.keyboard.press('Escape');
    await expect(palette).toBeHidden();

    await page.keyboard.press('Control+k');
    await palette.getByRole('combobox').fill('vip');
    await expect(palette.getByRole('option').first()).toContainText('VIP agencies');
    await expect(palette.getByRole('option', { name: /New flag/ })).toHaveCount(0);
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('Enter');
    await expect(page).toHaveURL(/\/groups\/vip-agencies\?env=staging$/);
    await page.context().close();
});

test('without scripts the search is a page', async ({ browser, world }) => {
    const page = await signedIn(browser, world, 'product', { javaScriptEnabled: false });
    await page.getByRole('link', { name: /^Search/ }).click();
    await page.getByLabel('Search for').fill('paymnet');
    await page.getByRole('button', { name: 'Search' }).click();
    await expect(page).toHaveURL(/\/search\?.*q=paymnet/);
    await page.locator('.hits').getByRole('link', { name: /Fast payment/ }).click();
    await expect(page).toHaveURL(/\/flags\/fast-payment/);
    await page.context().close();
});
