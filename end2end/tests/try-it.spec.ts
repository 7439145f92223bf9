// Try it: the decision, the failing condition with what it expected and found, what would change it, personas.

import AxeBuilder from '@axe-core/playwright';
import { CUSTOMERS, EMAILS } from '../clients/demo';
import { Desk } from '../clients/desk';
import { expect, test } from '../clients/world';

test('the failing condition shows what it expected, what it found and where that came from', async ({
    browser,
    world,
}) => {
    const desk = await Desk.signIn(browser, world, EMAILS.support);
    const { page } = desk;
    await page.goto('/flags/fast-payment/try');
    await page.getByLabel('Targeting key').fill(CUSTOMERS.standard.id);
    await page.getByRole('button', { name: 'Try it' }).click();
    await expect(page).toHaveURL(new RegExp(`subject=${CUSTOMERS.standard.id}`));
    const verdict = page.locator('.verdict');
    await expect(verdict).toContainText('Does not get it');
    await expect(verdict.locator('.verdict-variant')).toContainText('off');

    const failing = page.locator('.trace li[data-held="no"]').filter({ hasText: 'is “vip”' }).last();
    await expect(failing).toContainText('Found “standard”');
    await expect(failing).toContainText('stored with the person');
    await expect(verdict).toContainText(/Would be inside the rule for everyone at \d+ %/);

    await test.step('an attribute sent by a server wins over the stored one', async () => {
        await page.getByLabel('Attribute 1').fill('tier');
        await page.getByLabel('Value 1').fill('vip');
        await page.getByRole('button', { name: 'Try it' }).click();
        await expect(page.locator('.trace li[data-held="yes"]').filter({ hasText: 'is “vip”' }).last()).toContainText(
            'sent with the call',
        );
    });

    await test.step('a browser may not set it', async () => {
        await page.getByLabel('a browser').check();
        await page.getByRole('button', { name: 'Try it' }).click();
        await expect(page.locator('.trace li[data-held="no"]').filter({ hasText: 'is “vip”' }).last()).toContainText(
            'stored with the person',
        );
    });
    await desk.close();
});

test('typing a key suggests known people', async ({ browser, world }) => {
    const desk = await Desk.signIn(browser, world, EMAILS.support);
    await desk.page.goto('/flags/fast-payment/try');
    await desk.page.getByLabel('Targeting key').pressSequentially('ada.mo');
    await expect(desk.page.locator(`#try-people option[value="${CUSTOMERS.vip.id}"]`)).toBeAttached();
    await desk.close();
});

test('what was tried is saved as a persona, applied and deleted, without scripts', async ({ browser, world }) => {
    const desk = await Desk.signIn(browser, world, EMAILS.qa, { javaScriptEnabled: false });
    const { page } = desk;
    await page.goto('/flags/fast-payment/try?subject=walk-in&a=tier&v=basic');
    await page.getByLabel('Save this as').fill('Walk-in customer');
    await page.getByRole('button', { name: 'Save persona' }).click();
    await expect(page.getByRole('status').filter({ hasText: 'Saved as a persona' })).toBeVisible();
    await page.goto('/flags/checkout-theme/try');
    await page.getByRole('link', { name: 'Walk-in customer' }).click();
    await expect(page.getByLabel('Targeting key')).toHaveValue('walk-in');
    await expect(page.getByLabel('Value 1')).toHaveValue('basic');
    await page.getByRole('button', { name: 'Delete the persona Walk-in customer' }).click();
    await expect(page.getByRole('link', { name: 'Walk-in customer' })).toHaveCount(0);
    await desk.close();
});

test('what cannot be read is named beside its row', async ({ browser, world }) => {
    const desk = await Desk.signIn(browser, world, EMAILS.product);
    await desk.page.goto('/flags/fast-payment/try?subject=x&a=transactions_30d&v=lots');
    await expect(desk.page.getByRole('alert').filter({ hasText: 'is a number' })).toBeVisible();
    await expect(desk.page.getByLabel('Value 1')).toHaveValue('lots');
    await desk.close();
});

test('a viewer tries attributes, but stored ones stay hidden', async ({ browser, world }) => {
    const desk = await Desk.signIn(browser, world, EMAILS.viewer);
    const { page } = desk;
    await page.goto(`/flags/fast-payment/try?subject=${CUSTOMERS.vip.id}`);
    await expect(page.getByText('stored attributes are not used')).toBeVisible();
    await expect(page.getByRole('region', { name: 'Step by step' })).not.toContainText('stored with the person');
    await expect(page.getByRole('button', { name: 'Save persona' })).toHaveCount(0);
    await desk.close();
});

for (const colorScheme of ['light', 'dark'] as const) {
    test(`Try it is accessible, ${colorScheme}`, async ({ browser, world }) => {
        const desk = await Desk.signIn(browser, world, EMAILS.product, { colorScheme });
        for (const query of ['', `?subject=${CUSTOMERS.standard.id}`, '?subject=x&a=transactions_30d&v=lots']) {
            await desk.page.goto(`/flags/fast-payment/try${query}`);
            const { violations } = await new AxeBuilder({ page: desk.page }).analyze();
            expect(violations.map((it) => `${it.id}: ${it.nodes.map((n) => n.target).join(', ')}`)).toEqual([]);
        }
        await desk.close();
    });
}
