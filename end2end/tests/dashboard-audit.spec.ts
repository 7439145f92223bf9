// The audit log: filters in the URL, files, one entry, and taking a change back as a new one.

import { readFileSync } from 'node:fs';
import type { Page } from '@playwright/test';
import { expectAccessible, signedIn } from '../clients/dashboard';
import { expect, test } from '../clients/world';

const entries = (page: Page) => page.locator('.log > ol > li');

test('filters stand in the URL and survive a reload', async ({ browser, world }) => {
    const page = await signedIn(browser, world, 'product');
    await page.goto('/audit');
    await expect(page.getByText(/Chain verified · \d+ entries/)).toBeVisible();
    await page.getByLabel('Contains').fill('automatic refunds');
    await page.getByLabel('Action', { exact: true }).selectOption('Rollout stopped');
    await page.getByRole('button', { name: 'Filter' }).click();
    await expect(page).toHaveURL(/q=automatic\+refunds.*action=rollout_stopped/);
    await expect(entries(page)).toHaveCount(1);
    await expect(entries(page)).toContainText('stopped Automatic refunds in production');
    await page.reload();
    await expect(page.getByLabel('Action', { exact: true })).toHaveValue('rollout_stopped');

    await test.step('back and forth, the fields say what is listed', async () => {
        await page.goBack();
        await expect(entries(page)).toHaveCount(50);
        await expect(page.getByLabel('Contains')).toHaveValue('');
        await expect(page.getByLabel('Action', { exact: true })).toHaveValue('');
        await page.goForward();
        await expect(entries(page)).toHaveCount(1);
        await expect(page.getByLabel('Contains')).toHaveValue('automatic refunds');
        await expect(page.getByLabel('Action', { exact: true })).toHaveValue('rollout_stopped');
    });
    await page.getByRole('link', { name: 'Clear' }).click();
    await expect(entries(page)).toHaveCount(50);

    await test.step('older entries are a page further', async () => {
        const last = await entries(page).last().getAttribute('data-key');
        await page.getByRole('link', { name: 'Older' }).click();
        await expect(entries(page).first()).toHaveAttribute('data-key', String(Number(last) - 1));
        await page.getByRole('link', { name: 'Newest' }).click();
        await expect(page).toHaveURL(/\/audit$/);
    });

    await test.step('nothing found says what to do', async () => {
        await page.goto('/audit?q=zzz-nothing');
        await expect(page.getByText('No entry matches')).toBeVisible();
    });
    await page.context().close();
});

test('what is filtered can be taken along as CSV and as JSON Lines', async ({ browser, world }) => {
    const page = await signedIn(browser, world, 'admin');
    await page.goto('/audit?action=rollout_stopped');
    const count = await entries(page).count();
    const [csv] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'CSV' }).click()]);
    expect(csv.suggestedFilename()).toBe('fader-audit.csv');
    const lines = readFileSync(await csv.path(), 'utf8').trimEnd().split('\r\n');
    expect(lines[0]).toMatch(/^\uFEFFseq,time,actor,/);
    expect(lines).toHaveLength(count + 1);

    const [jsonl] = await Promise.all([
        page.waitForEvent('download'),
        page.getByRole('link', { name: 'JSON Lines' }).click(),
    ]);
    const objects = readFileSync(await jsonl.path(), 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line));
    expect(objects).toHaveLength(count);
    for (const entry of objects) {
        expect(entry).toMatchObject({ action: 'rollout_stopped', hash: expect.stringMatching(/^[0-9a-f]{64}$/) });
    }
    await page.context().close();
});

for (const javaScriptEnabled of [true, false]) {
    const scripts = javaScriptEnabled ? 'with scripts' : 'without scripts';
    test(`a change is reverted as a new change, ${scripts}`, async ({ browser, world }) => {
        const page = await signedIn(browser, world, 'product', { javaScriptEnabled });
        await page.goto('/audit?q=New+seat+map&action=rollout_changed&in=production');
        await entries(page).filter({ hasText: '50 → 100 %' }).first().getByRole('link').first().click();
        await expect(page.getByRole('heading', { level: 1 })).toHaveText(/^Change \d+$/);
        if (javaScriptEnabled) {
            await expectAccessible(page);
        }
        await page.getByLabel('Why').fill('Seats vanish on the map');
        await page.getByRole('button', { name: 'Revert' }).click();
        await expect(page.getByRole('status').filter({ hasText: 'Reverted, as a new change.' })).toBeVisible();
        await expect(entries(page).first()).toContainText('Seats vanish on the map');
        await expect(page.getByText(/Chain verified/)).toBeVisible();

        await test.step('and that one too', async () => {
            await entries(page).first().getByRole('link').first().click();
            await page.getByRole('button', { name: 'Revert' }).click();
            await expect(page.getByRole('status').filter({ hasText: 'Reverted' })).toBeVisible();
        });
        await page.context().close();
    });
}

test('support sees what was done about flags and people', async ({ browser, world }) => {
    const page = await signedIn(browser, world, 'support');
    await page.goto('/audit');
    await expect(page.getByText('Admin, Product manager and QA may read the whole log.')).toBeVisible();
    await expect(entries(page).filter({ hasText: 'on Fast payment in production' }).first()).toBeVisible();
    await page.goto('/audit?kind=member');
    for (const actor of await entries(page).locator('strong').allInnerTexts()) {
        expect(actor).toBe('Sofia Reyes');
    }
    expect((await page.goto('/audit/1'))?.status()).toBe(404);
    await page.context().close();
});
