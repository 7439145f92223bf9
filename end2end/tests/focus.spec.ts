// After saving one is where one was: the focus and the scrolled place; after a refusal, on the field that was refused.

import type { Locator, Page } from '@playwright/test';
import { alive, signedIn } from '../clients/dashboard';
import { Desk } from '../clients/desk';
import { expect, test } from '../clients/world';

/** Presses, waits for the page that answers, and gives it time to come alive. */
async function answered(page: Page, button: Locator): Promise<void> {
    const answer = page.waitForResponse((it) => it.request().isNavigationRequest() && it.status() < 500);
    await button.click();
    await answer;
    await page.waitForLoadState();
    await alive(page);
}

test('rollout, group, settings, guardrails, plan and testers keep the focus', async ({ browser, world }) => {
    test.slow();
    await Desk.vipAgenciesOnly(browser, world);
    const page = await signedIn(browser, world, 'product');

    await test.step('rollout', async () => {
        await page.goto('/flags/fast-payment?env=production');
        await expect(page.locator('form#rollout[data-alive]')).toBeVisible();
        await page.getByLabel('Everyone, per cent', { exact: true }).fill('5');
        await answered(page, page.locator('#save'));
        await expect(page.locator('#save')).toBeFocused();
    });

    await test.step('a group, saved and refused', async () => {
        await page.goto('/groups/vip-agencies');
        await alive(page);
        await page.getByLabel('Description').fill('The first to get anything');
        const scrolled = () => page.evaluate(() => window.scrollY);
        const button = page.getByRole('button', { name: 'Save', exact: true });
        await button.scrollIntoViewIfNeeded();
        const before = await scrolled();
        await answered(page, button);
        await expect(button).toBeFocused();
        expect(Math.abs((await scrolled()) - before)).toBeLessThan(40);
        await page.getByLabel('Name', { exact: true }).fill('');
        await answered(page, button);
        await expect(page.getByLabel('Name', { exact: true })).toBeFocused();
        await expect(page.getByLabel('Name', { exact: true })).toHaveAttribute('aria-invalid', 'true');
        await page.getByLabel('Name', { exact: true }).fill('VIP agencies');
        await answered(page, button);
    });

    await test.step('settings', async () => {
        await page.goto('/flags/fast-payment/settings');
        await alive(page);
        await page.getByLabel('Description').fill('Pays in one step.');
        const button = page.locator('#definition').getByRole('button', { name: 'Save', exact: true });
        await answered(page, button.last());
        await expect(button.last()).toBeFocused();
    });

    await test.step('guardrails', async () => {
        await page.goto('/flags/fast-payment/health');
        await alive(page);
        const form = page.locator('#guardrail-form');
        const details = page.locator('#edit-guardrails');
        await page.locator('#guardrails > summary').click();
        await details.locator('summary').first().click();
        const button = form.locator('button[value=save]:not([tabindex="-1"])').first();
        await answered(page, button);
        const inside = () => page.evaluate(() => document.activeElement?.closest('#guardrail-form') !== null);
        expect((await inside()) || (await details.evaluate((it) => it.contains(document.activeElement)))).toBe(true);
    });

    await test.step('plan', async () => {
        await page.goto('/flags/fast-payment/plan');
        await alive(page);
        const plan = page.locator('#edit-plan');
        if ((await plan.getAttribute('open')) === null) {
            await plan.locator('summary').first().click();
        }
        await page.getByLabel('Name of the plan').fill('');
        await answered(page, plan.locator('button[value=save]:not([tabindex="-1"])').first());
        await expect(plan).toHaveAttribute('open', '');
        expect(await plan.evaluate((it) => it.contains(document.activeElement))).toBe(true);
    });

    await test.step('testers', async () => {
        await page.goto('/groups/vip-agencies?tab=testers');
        await alive(page);
        const invite = page.locator('#invite');
        await invite.locator('summary').click();
        await page.getByLabel('How many testers').fill('0');
        await answered(page, page.getByRole('button', { name: 'Make the link' }));
        await expect(invite).toHaveAttribute('open', '');
        expect(await invite.evaluate((it) => it.contains(document.activeElement))).toBe(true);
    });
    await page.context().close();
});

test('without scripts the answer stands at the section that was sent', async ({ browser, world }) => {
    const page = await signedIn(browser, world, 'product', { javaScriptEnabled: false });
    await page.goto('/flags/fast-payment/settings');
    await page.getByLabel('Description').fill('Pays in one step, quickly.');
    await page.locator('#definition').getByRole('button', { name: 'Save', exact: true }).last().click();
    await expect(page).toHaveURL(/#definition$/);
    await page.context().close();
});
