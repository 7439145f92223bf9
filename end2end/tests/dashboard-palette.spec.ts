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

test('a command leads to its two presses, a percentage to its fader, and neither does anything', async ({ browser, world }) => {
    const page = await signedIn(browser, world, 'product');
    await page.goto('/groups');
    await alive(page);
    const palette = page.getByRole('dialog', { name: 'Search' });
    const command = async (text: string, found: string | RegExp) => {
        await alive(page);
        await page.keyboard.press('Control+k');
        await palette.getByRole('combobox').fill(text);
        await expect(palette.getByRole('option').first()).toContainText(found);
        await page.keyboard.press('Enter');
    };
    await command('stop fast', 'Stop Fast payment in Production…');
    await expect(page).toHaveURL(/\/flags\/fast-payment\?confirm=stop$/);
    await expect(page.getByRole('button', { name: 'Stop it now' })).toBeVisible();
    await expect(page.locator('.flag-stopped')).toHaveCount(0);

    await command('30 % of everyone fast payment', '30 % of everyone: Fast payment in Production…');
    await expect(page).toHaveURL(/set=/);
    await expect(page.getByLabel('Everyone, per cent', { exact: true })).toHaveValue('30');
    await expect(page.getByRole('button', { name: 'Save in Production' })).toBeVisible();

    await command('theme dark', 'Theme: Dark');
    await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark');
    await page.goto('/audit');
    await alive(page);
    await page.keyboard.press('Control+k');
    const first = palette.getByRole('option').first();
    await expect(first).toContainText('Fast payment');
    await expect(first).toContainText('Opened lately');
    await expectAccessible(page);
    await page.keyboard.press('Escape');

    await command('sign out', 'Sign out');
    await expect(page).toHaveURL(/\/sign-in/);
    await page.context().close();
});

test('a question mark outside of fields shows the keys of the page', async ({ browser, world }) => {
    const page = await signedIn(browser, world, 'viewer');
    await alive(page);
    const palette = page.getByRole('dialog', { name: 'Search' });
    await page.getByRole('searchbox').first().press('?');
    await expect(palette).toBeHidden();
    await page.locator('#main').focus();
    await page.keyboard.press('?');
    await expect(palette.getByRole('option').first()).toContainText('On the desk');
    await expect(palette.getByRole('option', { name: /Ctrl K/ })).toBeVisible();
    await expectAccessible(page);
    const at = page.url();
    await page.keyboard.press('Enter');
    expect(page.url()).toBe(at);
    await expect(palette).toBeVisible();
    await page.context().close();
});

test('without scripts a command is a link and signing out a button', async ({ browser, world }) => {
    const page = await signedIn(browser, world, 'product', { javaScriptEnabled: false });
    await page.goto('/search?q=stop+fast');
    await page.locator('.hits').getByRole('link', { name: /Stop Fast payment in Production…/ }).click();
    await expect(page.getByRole('button', { name: 'Stop it now' })).toBeVisible();
    await page.goto('/search?q=theme+dark');
    await page.locator('.hits').getByRole('button', { name: /Theme: Dark/ }).click();
    await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark');
    await page.goto('/search?q=sign+out');
    await page.locator('.hits').getByRole('button', { name: /Sign out/ }).click();
    await expect(page).toHaveURL(/\/sign-in/);
    await page.context().close();
});

test('what is pointed at is chosen, a press opens it, and a server that does not answer is told', async ({ browser, world }) => {
    const page = await signedIn(browser, world, 'product');
    await page.goto('/groups');
    await alive(page);
    const palette = page.getByRole('dialog', { name: 'Search' });
    const field = palette.getByRole('combobox');
    await page.keyboard.press('Control+k');
    await page.route('**/call/find', (route) => route.abort());
    await field.fill('vip');
    await expect(palette.getByText('The server does not answer.').first()).toBeVisible();
    await page.unroute('**/call/find');
    await field.fill('fast');
    const second = palette.getByRole('option').nth(1);
    await expect(palette.getByRole('status')).toHaveText(/^\d+ results?$/);
    await second.hover();
    await expect(second).toHaveAttribute('aria-selected', 'true');
    await expect(palette.getByRole('option', { selected: true })).toHaveCount(1);
    await expect(field).toHaveAttribute('aria-activedescendant', 'palette-1');
    await palette.getByRole('option', { name: /Fast payment/ }).first().click();
    await expect(page).toHaveURL(/\/flags\/fast-payment$/);
    await page.context().close();
});
