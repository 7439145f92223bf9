// Times in the zone of whoever reads: as the browser says, as chosen, and UTC where nobody says anything.

import { alive, signedIn } from '../clients/dashboard';
import { expect, test } from '../clients/world';

test('times are the browser’s, typed ones too, and a link means one moment', async ({ browser, world }) => {
    const page = await signedIn(browser, world, 'support', { timezoneId: 'Asia/Tokyo' });
    await page.goto('/people/ada.moreau');
    await alive(page);
    const field = page.getByLabel('As of (Asia/Tokyo)');
    const day = new Date(Date.now() - 24 * 60 * 60 * 1000).toISOString().slice(0, 10);
    await field.fill(`${day}T14:10`);
    await page.getByRole('button', { name: 'Show that instant' }).click();
    await expect(page).toHaveURL(new RegExp(`at=${day}T05%3A10%3A00Z`));
    await expect(page.locator('#person')).toContainText('14:10 JST');
    await expect(field).toHaveValue(`${day}T14:10`);

    const other = await signedIn(browser, world, 'product', { timezoneId: 'America/New_York' });
    await other.goto(new URL(page.url()).pathname + new URL(page.url()).search);
    await expect(other.locator('#person')).toContainText(/0[01]:10 E[DS]T/);
    await other.context().close();
    await page.context().close();
});

test('a page of a session from before is made again in the zone of its browser', async ({ browser, world }) => {
    const page = await signedIn(browser, world, 'admin', { timezoneId: 'Europe/Berlin' });
    await page.context().clearCookies({ name: 'fader_zone' });
    await page.goto('/audit/1');
    await expect(page.locator('main time').first()).toHaveText(/CES?T$/);
    await expect(page.locator('main time').first()).toHaveAttribute('title', /CES?T · .* UTC$/);
    await page.context().close();
});

test('a chosen zone counts everywhere, also without scripts; without any it is UTC', async ({ browser, world }) => {
    const page = await signedIn(browser, world, 'viewer', { javaScriptEnabled: false, timezoneId: 'Europe/Berlin' });
    await page.goto('/account');
    await expect(page.getByText(/^Now it is .* UTC \(UTC\)\.$/)).toBeVisible();
    await page.getByRole('combobox', { name: 'Time zone' }).fill('Mars/Olympus');
    await page.getByRole('button', { name: 'Save the zone' }).click();
    await expect(page.getByRole('alert')).toContainText('Choose a zone of the list');
    await page.getByRole('combobox', { name: 'Time zone' }).fill('Asia/Tokyo');
    await page.getByRole('button', { name: 'Save the zone' }).click();
    await expect(page.getByText(/^Now it is .* JST \(Asia\/Tokyo\)\.$/)).toBeVisible();
    await page.goto('/');
    await page.goto('/account');
    await page.getByRole('combobox', { name: 'Time zone' }).fill('');
    await page.getByRole('button', { name: 'Save the zone' }).click();
    await expect(page.getByText(/^Now it is .* UTC \(UTC\)\.$/)).toBeVisible();
    await page.context().close();
});
