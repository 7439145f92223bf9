// Whom a change moves, by name; how many each condition matches; a group made inside a rollout; the way to a preview link.

import type { Page } from '@playwright/test';
import { alive, expectAccessible, signedIn } from '../clients/dashboard';
import { CUSTOMERS } from '../clients/demo';
import { Desk } from '../clients/desk';
import { expect, test } from '../clients/world';

const FLAG = '/flags/fast-payment?env=production';
const everyone = (page: Page) => page.getByLabel('Everyone, per cent', { exact: true });
const who = (page: Page) => page.locator('#who');

async function faders(page: Page): Promise<void> {
    await page.goto(FLAG);
    await expect(page.locator('form#rollout[data-alive]')).toBeVisible();
}

test.beforeEach(async ({ browser, world }) => {
    await Desk.vipAgenciesOnly(browser, world);
});

test('those who gain it are named with the reason, page by page, and are old once the fader moves', async ({
    browser,
    world,
}) => {
    const page = await signedIn(browser, world, 'product');
    await faders(page);
    const ask = page.getByRole('button', { name: 'Who?' });
    await expect(ask, 'nothing is changed yet').toBeHidden();
    await everyone(page).fill('20');
    await ask.click();
    await expect(page.getByRole('heading', { name: 'Who gains and who loses it by this change' })).toBeFocused();
    await expect(who(page).getByRole('heading', { level: 3 })).toHaveText(/^\d+ people gain it$/);
    await expect(who(page).getByRole('listitem')).toHaveCount(20);
    await expect(who(page).getByRole('listitem').first()).toContainText('inside 20 % of everyone');
    await expectAccessible(page);
    await who(page).getByRole('button', { name: /^and \d+ more$/ }).click();
    await expect(who(page)).toContainText(/1–50 of \d+/);
    await who(page).getByRole('button', { name: 'Next' }).click();
    await expect(who(page)).toContainText(/51–100 of \d+/);

    await everyone(page).fill('30');
    await expect(who(page).getByRole('listitem').first()).toBeHidden();
    await expect(who(page)).toContainText('The change is another one since.');
    await ask.click();
    await expect(who(page).getByRole('listitem').first()).toContainText('inside 30 % of everyone');
    await page.getByRole('link', { name: 'Discard' }).click();
    await page.context().close();
});

test('without scripts a change names them as well, and nothing typed is lost', async ({ browser, world }) => {
    const page = await signedIn(browser, world, 'product', { javaScriptEnabled: false });
    await page.goto(FLAG);
    await everyone(page).fill('20');
    await page.getByLabel('Why? A comment for the audit log').fill('A look before');
    await page.getByRole('button', { name: 'Who?' }).click();
    await expect(who(page)).toContainText(/\d+ people gain it/);
    await expect(page.getByLabel('Why? A comment for the audit log')).toHaveValue('A look before');
    await expect(everyone(page)).toHaveValue('20');
    await page.context().close();
});

test('each condition says how many it matches, and what occurs nowhere', async ({ browser, world }) => {
    const page = await signedIn(browser, world, 'product');
    await page.goto('/groups/new');
    await alive(page);
    await page.getByLabel('Attribute 1').fill('tier');
    await page.getByLabel('Attribute 1').press('Tab');
    await expect(page.getByLabel('Comparison 1').getByRole('option', { name: 'is less than' })).toHaveCount(0);
    await page.getByLabel('Value 1', { exact: true }).fill('vip');
    const count = page.locator('[id="cond.0.count"]');
    await expect(count).toHaveText('Matches 62 of 1,560 known people');
    await page.getByLabel('Value 1', { exact: true }).fill('vipp');
    await expect(count).toContainText('Matches 0 of 1,560 known people');
    await expect(count).toContainText('No known person has tier “vipp”; known: vip');
    await expectAccessible(page);
    await page.context().close();
});

test('a group is made inside an audience, with and without scripts', async ({ browser, world }) => {
    for (const javaScriptEnabled of [true, false]) {
        const name = javaScriptEnabled ? 'Gold agencies' : 'Silver agencies';
        const page = await signedIn(browser, world, 'product', { javaScriptEnabled });
        await page.goto(FLAG);
        if (javaScriptEnabled) {
            await expect(page.locator('form#rollout[data-alive]')).toBeVisible();
        }
        await everyone(page).fill('7');
        await page.getByLabel('Audience and options of VIP agencies').click();
        const strip = page.locator('.strip').filter({ has: page.getByRole('heading', { name: /^VIP agencies/ }) });
        await strip.getByRole('button', { name: 'New group…' }).click();
        await page.getByLabel('Name of the group').fill(name);
        await page.getByLabel('Testers, one per line').fill(`${CUSTOMERS.standard.id}\nnobody.known`);
        await page.getByRole('button', { name: 'Save the group' }).click();
        const chip = page.getByRole('checkbox', { name }).first();
        await expect(chip).toBeChecked();
        if (javaScriptEnabled) {
            await expect(chip).toBeFocused();
        }
        await expect(page.getByText(`${name} is saved with 1 tester. 1 other is not known`)).toBeVisible();
        await expect(everyone(page)).toHaveValue('7');
        await page.goto(FLAG).catch(() => undefined);
        await page.context().close();
    }
});

test('the way to a preview link stands on the rollout and on Try it', async ({ browser, world }) => {
    const page = await signedIn(browser, world, 'qa');
    await faders(page);
    await page.locator('#preview-link > summary').click();
    await page.getByLabel('Tester who gets the preview link').fill(CUSTOMERS.standard.id);
    await page.getByRole('button', { name: 'Make a preview link' }).click();
    await expect(page).toHaveURL(new RegExp(`/testers/${CUSTOMERS.standard.id}`));
    await expect(page.locator('#preview select[name=variant]')).toHaveValue('fast-payment/on');
    await page.goto(`/flags/fast-payment/try?subject=${CUSTOMERS.standard.id}`);
    await page.getByRole('link', { name: 'Make a preview link for them' }).click();
    await expect(page.locator('#preview select[name=variant]')).toHaveValue('fast-payment/on');
    await page.context().close();
});
