// Pilot groups: defining one with the builder (with and without scripts), two people at once, testers, deleting.

import AxeBuilder from '@axe-core/playwright';
import type { Page } from '@playwright/test';
import { EMAILS } from '../clients/demo';
import { Desk } from '../clients/desk';
import { expect, test } from '../clients/world';

const count = (page: Page) => page.locator('#preview .preview-count strong');

async function expectNoAxeViolations(page: Page): Promise<void> {
    const { violations } = await new AxeBuilder({ page }).analyze();
    expect(violations.map((it) => `${it.id}: ${it.nodes.map((node) => node.target).join(', ')}`)).toEqual([]);
}

test('a product manager defines a pilot group and sees who is in it before saving', async ({ browser, world }) => {
    const { page, close } = await signedIn(browser, world, EMAILS.product);
    await page.goto('/groups');
    await page.getByRole('link', { name: 'New group' }).click();
    await page.getByLabel('Name', { exact: true }).fill('Busy VIP agencies');

    await test.step('a known attribute offers its own comparisons and values', async () => {
        await page.getByLabel('Attribute 1').fill('tier');
        await page.getByLabel('Attribute 1').press('Tab');
        await expect(page.getByLabel('Comparison 1').getByRole('option', { name: 'is less than' })).toHaveCount(0);
        await page.getByLabel('Value 1', { exact: true }).fill('vip');
        await expect(count(page)).toHaveText('62');
        await expect(page.getByText('tier is “vip”').first()).toBeVisible();
    });

    await test.step('a second condition narrows it; the cursor follows the new row', async () => {
        await page.getByRole('button', { name: 'Add Condition', exact: true }).click();
        await expect(page.getByLabel('Attribute 2')).toBeFocused();
        await page.keyboard.type('transactions_30d');
        await page.keyboard.press('Tab');
        await expect(page.getByLabel('Comparison 2')).toHaveValue('at_least');
        await page.getByLabel('Value 2').fill('many');
        await page.getByRole('button', { name: 'Create the group' }).click();
        await expect(page.getByRole('alert').filter({ hasText: 'Enter a number' })).toBeVisible();
        await expect(page.getByLabel('Value 2')).toHaveValue('many');
        await page.waitForFunction(() => document.documentElement.hasAttribute('data-asks'));
        await page.getByLabel('Value 2').fill('300');
        await expect(page.getByText('transactions_30d is at least 300').first()).toBeVisible();
        await expect(count(page)).not.toHaveText('62');
    });

    await test.step('a nested group and its removal', async () => {
        await page.getByRole('button', { name: 'Add Any of group', exact: true }).click();
        await expect(page.getByLabel('Attribute 3.1')).toBeFocused();
        await page.getByRole('button', { name: 'Remove group 3' }).click();
        await expect(page.getByLabel('Attribute 3.1')).toHaveCount(0);
    });

    await page.getByLabel('Why? A comment for the audit log').fill('The ones who pay most often');
    await page.getByRole('button', { name: 'Create the group' }).click();
    await expect(page).toHaveURL(/\/groups\/busy-vip-agencies$/);
    await expect(page.getByRole('status').filter({ hasText: 'Created' })).toBeVisible();
    await expect(page.locator('#preview-people > li').first()).toContainText('tier = vip');
    await close();
});

test('the builder works without scripts', async ({ browser, world }) => {
    const { page, close } = await signedIn(browser, world, EMAILS.product, { javaScriptEnabled: false });
    await page.goto('/groups/new');
    await page.getByLabel('Name', { exact: true }).fill('Staff in Norway');
    await page.getByLabel('Attribute 1').fill('role');
    await page.getByLabel('Value 1').fill('staff');
    await page.getByRole('button', { name: 'Add Condition', exact: true }).click();
    await page.getByLabel('Attribute 2').fill('country');
    await page.getByLabel('Comparison 2').selectOption('one_of');
    await page.getByLabel('Value 2').fill('NO, SE');
    await page.getByLabel('Value 2').press('Enter');
    await expect(page.getByText('role is “staff” and country is one of “NO”, “SE”').first()).toBeVisible();
    await expect(count(page)).not.toHaveText('0');
    await page.getByRole('button', { name: 'Remove condition 2' }).click();
    await expect(page.getByLabel('Name', { exact: true })).toHaveValue('Staff in Norway');
    await page.getByRole('button', { name: 'Create the group' }).click();
    await expect(page).toHaveURL(/\/groups\/staff-in-norway$/);
    await close();
});

test('saving says whom and which flags it touches, and a conflict keeps what was typed', async ({ browser, world }) => {
    const first = await signedIn(browser, world, EMAILS.product);
    const second = await signedIn(browser, world, EMAILS.admin, { javaScriptEnabled: false });
    await first.page.goto('/groups/vip-agencies');
    await second.page.goto('/groups/vip-agencies');

    await first.page.getByLabel('Value 1', { exact: true }).fill('standard');
    await expect(first.page.locator('.preview-impact')).toContainText(/\+[\d,]+ \/ −62 people/);
    await expect(first.page.locator('.preview-impact')).toContainText('Fast payment');
    await first.page.getByLabel('Value 1', { exact: true }).fill('vip');
    await first.page.getByLabel('Description').fill('Agencies with a contact of their own');
    await first.page.getByRole('button', { name: 'Save', exact: true }).click();
    await expect(first.page.getByRole('status').filter({ hasText: 'Saved' })).toBeVisible();

    await second.page.getByLabel('Name', { exact: true }).fill('VIP partners');
    await second.page.getByRole('button', { name: 'Save', exact: true }).click();
    const alert = second.page.getByRole('alert').filter({ hasText: 'saved this group' });
    await expect(alert).toContainText('description');
    await expect(second.page.getByLabel('Name', { exact: true })).toHaveValue('VIP partners');
    await second.page.getByRole('button', { name: 'Save mine anyway' }).click();
    await expect(second.page.getByRole('heading', { level: 1, name: 'VIP partners' })).toBeVisible();

    await second.page.getByLabel('Name', { exact: true }).fill('VIP agencies');
    await second.page.getByRole('button', { name: 'Save', exact: true }).click();
    await first.close();
    await second.close();
});

test('a group in use is not deleted; a free one is, after its key was typed', async ({ browser, world }) => {
    const { page, close } = await signedIn(browser, world, EMAILS.product);
    await page.goto('/groups/internal');
    await expect(page.getByRole('region', { name: 'Used by' })).toContainText('Fast payment');
    await expect(page.getByText('It can be deleted when no flag uses it any more.')).toBeVisible();

    await page.goto('/groups/new');
    await page.getByLabel('Name', { exact: true }).fill('Short lived');
    await page.getByRole('button', { name: 'Create the group' }).click();
    await expect(page.getByText('An empty group is nobody, never everybody')).toBeVisible();
    await page.getByText('Delete this group').click();
    await page.getByLabel('Type short-lived to confirm').fill('short');
    await page.getByRole('button', { name: 'Delete', exact: true }).click();
    await expect(page.getByRole('alert').filter({ hasText: 'Type short-lived' })).toBeVisible();
    await page.getByLabel('Type short-lived to confirm').fill('short-lived');
    await page.getByRole('button', { name: 'Delete', exact: true }).click();
    await expect(page).toHaveURL(/\/groups$/);
    await expect(page.getByRole('link', { name: 'Short lived' })).toHaveCount(0);
    await close();
});

test('QA enrols testers from a pasted list and removes one', async ({ browser, world }) => {
    const { page, close } = await signedIn(browser, world, EMAILS.qa);
    await page.goto('/groups/beta-testers');
    await expect(page.getByRole('button', { name: 'Save', exact: true })).toHaveCount(1);
    await page.getByRole('link', { name: /Testers/ }).click();
    await page.locator('summary', { hasText: 'Enrol testers' }).click();
    await page.getByLabel('Testers to enrol').fill('brand-new\nsomebody-new\nbrand-new');
    await page.getByLabel('Purpose', { exact: true }).fill('Tries the new steps');
    await page.getByRole('button', { name: 'Check the list' }).click();
    await page.getByLabel(/Also enrol 2 who are not among the known people: brand-new, somebody-new/).check();
    await page.getByRole('button', { name: 'Enrol 2 testers' }).click();
    const row = page.getByRole('row').filter({ hasText: 'somebody-new' });
    await expect(row).toContainText('not among the known people');
    await row.getByRole('button', { name: 'Remove somebody-new' }).click();
    await expect(row).toHaveCount(0);
    await expect(page.getByRole('row').filter({ hasText: 'brand-new' })).toBeVisible();
    await close();
});

test('a viewer sees how many match, not who', async ({ browser, world }) => {
    const { page, close } = await signedIn(browser, world, EMAILS.viewer);
    await page.goto('/groups/internal');
    await expect(count(page)).not.toHaveText('0');
    await expect(page.locator('#preview-people')).toHaveCount(0);
    await page.goto('/groups/beta-testers?tab=testers');
    await expect(page.getByText('Your role does not see who')).toBeVisible();
    await close();
});

for (const colorScheme of ['light', 'dark'] as const) {
    test(`the pages of groups are accessible, ${colorScheme}`, async ({ browser, world }) => {
        const { page, close } = await signedIn(browser, world, EMAILS.admin, { colorScheme });
        for (const path of [
            '/groups',
            '/groups?q=nothing-has-this',
            '/groups/new',
            '/groups/high-volume',
            '/groups/beta-testers?tab=testers',
            '/groups/vip-agencies?tab=history',
            '/settings/attributes',
        ]) {
            await page.goto(path);
            await expectNoAxeViolations(page);
        }
        await close();
    });
}

async function signedIn(...args: Parameters<typeof Desk.signIn>): Promise<{ page: Page; close(): Promise<void> }> {
    const desk = await Desk.signIn(...args);
    return { page: desk.page, close: () => desk.close() };
}
