// Guardrails: the workspace's defaults, a flag's own, trying them before they are saved, and the way back.

import type { Browser, Locator, Page } from '@playwright/test';
import { alive, expectAccessible, signedIn } from '../clients/dashboard';
import { expect, test, type World } from '../clients/world';

const SETTINGS = '/settings/guardrails';
// Outcomes are written within a second, and a replay is remembered for a minute: a test tries limits of its own.
const SOON = { timeout: 20_000 };

/** One guardrail of the form, counted from 1. */
const line = (page: Page, at: number): Locator => page.getByRole('group', { name: `Guardrail ${at}`, exact: true });

async function write(page: Page, at: number, what: { action?: string; metric?: string; kind?: string; value: string }): Promise<void> {
    const { action = 'Notify', metric = 'errors', kind = 'past the limit of', value } = what;
    await line(page, at).getByLabel('What happens').selectOption(action);
    await line(page, at).getByLabel('What is watched').selectOption(metric);
    await line(page, at).getByLabel('Limit or comparison').selectOption(kind);
    await line(page, at).getByLabel('How much').fill(value);
}

/** The guardrails stand folded below what they measure; without scripts every answer folds them again. */
async function open(page: Page): Promise<void> {
    if (!(await page.locator('#guardrails').evaluate((it) => it.hasAttribute('open')))) {
        await page.locator('#guardrails > summary').click();
    }
}

async function edit(page: Page): Promise<void> {
    await open(page);
    await page.locator('#edit-guardrails > summary').click();
}

const save = (page: Page) => page.getByRole('button', { name: 'Save the guardrails' }).click();
const said = (page: Page, text: string) => expect(page.getByRole('status').filter({ hasText: text })).toBeVisible();

/** A flag of its own whose rule for everyone stands at 50 %; its Health tab is open. */
async function flag(browser: Browser, world: World, name: string): Promise<{ key: string; page: Page }> {
    const key = `${name.toLowerCase().replaceAll(' ', '-')}-${Date.now() % 100_000}`;
    const page = await signedIn(browser, world, 'product');
    await page.goto('/flags/new');
    await page.getByLabel('Name', { exact: true }).fill(name);
    await page.getByLabel('Key', { exact: true }).fill(key);
    await page.getByRole('button', { name: 'Create the flag' }).click();
    await page.waitForURL(`**/flags/${key}**`);
    await page.goto(`/flags/${key}/plan`);
    // It gives the flag a rule for everyone.
    await page.getByRole('button', { name: 'Standard plan' }).click();
    await page.goto(`/flags/${key}/health`);
    await alive(page);
    return { key, page };
}

/** What a backend reports: 200 outcomes of each arm, and how many of the treatment's failed. */
async function report(page: Page, world: World, key: string, failed: number): Promise<void> {
    const outcome = (arm: string, at: number) => ({
        type: 'outcome',
        subject: `${arm}-${at}`,
        metric: 'error_rate',
        ok: arm === 'control' || at >= failed,
        features: [{ flag: key, variant: arm === 'treatment' ? 'on' : 'off', rule: 'everyone', arm }],
    });
    const events = ['treatment', 'control'].flatMap((arm) => Array.from({ length: 200 }, (_, at) => outcome(arm, at)));
    const headers = { Authorization: `Bearer ${world.serverToken}` };
    const answer = await page.request.post(`${world.fader}/api/v1/events`, { headers, data: { events } });
    expect(answer.status(), await answer.text()).toBe(202);
}

test('an admin changes the defaults, a flag shows them, and the built-in ones come back', async ({ browser, world }) => {
    const admin = await signedIn(browser, world, 'admin');
    await admin.goto('/');
    await admin.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Guardrails' }).click();
    await alive(admin);
    await expect(admin.getByText('Built into Fader; nobody has changed them.')).toBeVisible();
    await expect(admin.getByText('Saving begins the evidence anew')).toBeVisible();
    const reader = await signedIn(browser, world, 'product');
    await reader.goto('/flags/multi-currency/health');
    await alive(reader);
    await expect(reader.locator('#guardrails-known')).toContainText('Stop if errors are above 5 %');

    await write(admin, 1, { value: '12' });
    await admin.getByLabel('Why?').last().fill('Calmer from now on');
    await save(admin);
    await said(admin, 'Saved.');
    await expect(admin.locator('#default-guardrails')).toContainText('Notify if errors are above 12 %');
    await expect(admin.locator('#default-guardrails')).toContainText('Saved by');
    // The page of the other hears of it.
    await expect(reader.locator('#guardrails-known')).toContainText('Notify if errors are above 12 %');
    await open(reader);
    await reader.getByRole('link', { name: "The workspace's defaults" }).click();
    await expect(reader.getByText(/^Only Admin may change them/)).toBeVisible();
    await expect(reader.getByRole('button', { name: 'Save the guardrails' })).toHaveCount(0);

    await admin.goto('/audit');
    await admin.getByRole('link', { name: /, change \d+$/ }).first().click();
    await expect(admin.locator('.lead')).toContainText('for every rollout without its own');
    await expect(admin.getByRole('link', { name: 'Open default guardrails' })).toHaveAttribute('href', SETTINGS);
    await admin.goto(SETTINGS);
    const back = admin.locator('.confirm').filter({ hasText: 'Back to the built-in ones' });
    await back.locator('summary').click();
    await expect(back).toContainText('Stop if errors are above 5 %');
    await back.getByRole('button', { name: 'Go back to the built-in ones' }).click();
    await expect(admin.getByText('Built into Fader; nobody has changed them.')).toBeVisible();
    await admin.context().close();
    await reader.context().close();
});

test('a product manager tries limits, saves the flag’s own, and goes back to the defaults', async ({ browser, world }) => {
    const { key, page } = await flag(browser, world, 'Tried');
    await report(page, world, key, 60);
    await edit(page);
    await page.getByRole('button', { name: 'Add a guardrail' }).click();
    await expect(line(page, 3)).toBeVisible();
    await page.getByRole('button', { name: 'Remove guardrail 3' }).click();
    await expect(line(page, 3)).toHaveCount(0);
    await write(page, 2, { value: 'much' });
    await page.getByLabel('Why?').last().fill('Kept while it is tried');
    const check = page.getByRole('button', { name: 'How often would these have fired?' });
    await check.click();
    await expect(line(page, 2).getByRole('alert')).toHaveText('Write a number.');
    await expect(page).toHaveURL(new RegExp(`/flags/${key}/health$`));

    // A limit of its own for each try, because an answer is remembered for a minute.
    let limit = 20;
    await expect(async () => {
        limit -= 0.1;
        await write(page, 1, { action: 'Stop', value: limit.toFixed(1) });
        await write(page, 2, { action: 'Stop', value: '80' });
        await check.click();
        await expect(line(page, 1)).toContainText('would have fired once in the last 7 days', { timeout: 2_000 });
    }).toPass(SOON);
    await expect(line(page, 2)).toContainText('Stop if errors are above 80 % (servers only): would not have fired in the last 7 days');
    await expect(page.getByText('Nothing is saved yet.')).toBeVisible();
    await expect(check).toBeFocused();
    await expect(page.getByLabel('Why?').last()).toHaveValue('Kept while it is tried');
    await save(page);
    await said(page, 'Saved.');
    const known = page.locator('#guardrails-known');
    await expect(known).toContainText('Its own, saved by');
    await expect(known).toContainText('Stop if errors are above 80 % (servers only)would not have fired');
    await expect(known.locator('li').first()).toContainText(/would have fired once in the last 7 days, (just now|\d+ min ago)/);

    const admin = await signedIn(browser, world, 'admin');
    await admin.goto(SETTINGS);
    await expect(admin.locator('#guardrail-users').getByRole('link', { name: 'Tried' })).toHaveAttribute('href', `/flags/${key}/health#guardrails-known`);
    await admin.context().close();

    await page.locator('.confirm').filter({ hasText: 'Back to the defaults' }).locator('summary').click();
    await page.getByRole('button', { name: 'Go back to the defaults' }).click();
    await said(page, 'Done.');
    await expect(known).toContainText("The workspace's defaults");
    await expect(known).toContainText('Stop if errors are above 5 %');
    await page.context().close();
});

test('two admins change the defaults: the second sees what changed and keeps what they typed', async ({ browser, world }) => {
    const [first, second] = [await signedIn(browser, world, 'admin'), await signedIn(browser, world, 'admin')];
    for (const page of [first, second]) {
        await page.goto(SETTINGS);
        await alive(page);
    }
    await write(second, 1, { value: '33' });
    await write(first, 1, { value: '44' });
    await save(first);
    await said(first, 'Saved.');
    await expect(second.getByText('Somebody else changed this while you were editing.')).toBeVisible();
    await save(second);
    const alert = second.getByRole('alert');
    await expect(alert).toContainText('changed these guardrails');
    await expect(alert).toContainText('to “Notify if errors are above 44 % (servers only)”');
    await expect(line(second, 1).getByLabel('How much')).toHaveValue('33');
    await save(second);
    await expect(second.locator('#default-guardrails')).toContainText('Notify if errors are above 33 %');
    await second.locator('.confirm summary').click();
    await second.getByRole('button', { name: 'Go back to the built-in ones' }).click();
    await expect(second.getByText('Built into Fader')).toBeVisible();
    await first.context().close();
    await second.context().close();
});

test('all of it works without scripts', async ({ browser, world }) => {
    const plain = await signedIn(browser, world, 'admin', { javaScriptEnabled: false });
    await plain.goto(SETTINGS);
    await plain.getByRole('button', { name: 'Add a guardrail' }).click();
    await write(plain, 3, { action: 'Pause the plan', metric: 'p95 latency', kind: 'worse than control by more than', value: 'a lot' });
    await plain.getByRole('button', { name: 'How often would these have fired?' }).click();
    await expect(line(plain, 3).getByRole('alert')).toHaveText('Write a number.');
    await line(plain, 3).getByLabel('How much').fill('25');
    await plain.getByRole('button', { name: 'How often would these have fired?' }).click();
    await expect(line(plain, 3)).toContainText('25 %');
    await expect(plain.getByText('rollouts that use the defaults, together.')).toBeVisible();
    await save(plain);
    await expect(plain.locator('#default-guardrails li')).toHaveCount(3);
    await plain.locator('.confirm summary').click();
    await plain.getByRole('button', { name: 'Go back to the built-in ones' }).click();
    await expect(plain.locator('#default-guardrails li')).toHaveCount(2);

    await plain.goto('/flags/multi-currency/health');
    await edit(plain);
    await write(plain, 1, { value: '7' });
    await save(plain);
    await expect(plain.locator('#guardrails-known')).toContainText('Its own, saved by');
    await open(plain);
    await plain.locator('#guardrails-known .confirm summary').click();
    await plain.getByRole('button', { name: 'Go back to the defaults' }).click();
    await expect(plain.locator('#guardrails-known')).toContainText("The workspace's defaults");
    await plain.context().close();
});

test('the command palette finds the defaults', async ({ browser, world }) => {
    const page = await signedIn(browser, world, 'admin');
    await page.goto('/groups');
    await alive(page);
    await page.keyboard.press('Control+k');
    const palette = page.getByRole('dialog', { name: 'Search' });
    await palette.getByRole('combobox').fill('guardrials');
    await expect(palette.getByRole('option').first()).toContainText('Guardrails');
    await page.keyboard.press('Enter');
    await expect(page).toHaveURL(/\/settings\/guardrails$/);
    await page.context().close();
});

for (const colorScheme of ['light', 'dark'] as const) {
    test(`guardrails are accessible, ${colorScheme}`, async ({ browser, world }) => {
        test.slow();
        const page = await signedIn(browser, world, 'admin', { colorScheme });
        for (const width of [1280, 390]) {
            await page.setViewportSize({ width, height: 900 });
            for (const path of [SETTINGS, '/flags/fast-payment/health']) {
                await page.goto(path);
                await alive(page);
                if (path !== SETTINGS) {
                    await edit(page);
                }
                const lines = page.getByRole('group', { name: /^Guardrail \d+/ });
                const before = await lines.count();
                await page.getByRole('button', { name: 'Add a guardrail' }).click();
                await expect(lines).toHaveCount(before + 1);
                await page.getByRole('button', { name: 'How often would these have fired?' }).click();
                await expect(page.locator('.guardrail-told')).toHaveCount(before + 1);
                await expectAccessible(page);
                await line(page, 1).getByLabel('How much').fill('much');
                await page.getByRole('button', { name: 'How often would these have fired?' }).click();
                await expect(line(page, 1).getByRole('alert')).toBeVisible();
                await expectAccessible(page);
            }
        }
        await page.context().close();
    });
}

/** What pages report: each asks Fader, fails, and tells it with its receipt, or without. */
async function pagesReport(page: Page, world: World, key: string, pages: number, proved: boolean): Promise<void> {
    const headers = { Authorization: `Bearer ${world.clientToken}`, Origin: world.booking };
    const events = [];
    for (let at = 0; at < pages; at += 1) {
        const subject = `page-${proved}-${at}`;
        const data = { context: { targetingKey: subject } };
        const decided = await page.request.post(`${world.fader}/ofrep/v1/evaluate/flags/${key}`, { headers, data });
        const { variant, metadata } = await decided.json();
        const { revision, rule, arm, receipt } = metadata;
        const feature = { flag: key, variant, revision, rule, arm, ...(proved && { receipt }) };
        events.push({ type: 'outcome', subject, metric: 'error_rate', ok: false, features: [feature] });
    }
    const answer = await page.request.post(`${world.fader}/api/v1/events`, { headers, data: { events } });
    expect(await answer.json()).toMatchObject(proved ? { accepted: pages } : { accepted: 0, unverified: pages });
}

test('a guardrail says whose word counts, and what pages report fires only those that take it', async ({ browser, world }) => {
    const { key, page } = await flag(browser, world, 'Whose word');
    await page.goto(`/flags/${key}`);
    await alive(page);
    await page.getByLabel('Everyone, per cent', { exact: true }).fill('100');
    await page.getByRole('button', { name: /^Save/ }).click();
    await expect(page).toHaveURL(/saved=1/);
    await page.goto(`/flags/${key}/health`);
    await alive(page);
    await pagesReport(page, world, key, 40, true);
    const check = page.getByRole('button', { name: 'How often would these have fired?' });
    await edit(page);
    await page.getByRole('button', { name: 'Add a guardrail' }).click();
    await expect(line(page, 3).getByLabel('Whose word counts')).toHaveValue('servers');
    await expect(page.locator('#guardrail-form')).toContainText('Anybody can open a page and let it report failures.');
    let limit = 30;
    await expect(async () => {
        limit -= 0.1;
        for (const at of [1, 3]) await write(page, at, { action: 'Stop', value: limit.toFixed(1) });
        await line(page, 3).getByLabel('Whose word counts').selectOption('servers and proved browsers');
        await check.click();
        await expect(line(page, 3)).toContainText('(servers and proved browsers): would have fired', { timeout: 2_000 });
    }).toPass(SOON);
    await expect(line(page, 1)).toContainText('(servers only): would not have fired');
    await save(page);
    await said(page, 'Saved.');
    await expect(page.locator('#guardrails-known')).toContainText(/Stop if errors are above \d+ % \(servers and proved browsers\)/);

    const plain = await signedIn(browser, world, 'product', { javaScriptEnabled: false });
    await plain.goto(`/flags/${key}/health`);
    await edit(plain);
    await expect(line(plain, 3).getByLabel('Whose word counts')).toHaveValue('servers_and_browsers');
    await line(plain, 3).getByLabel('Whose word counts').selectOption('servers only');
    await save(plain);
    await expect(plain.locator('#guardrails-known')).not.toContainText('proved browsers');
    await plain.goto(`/flags/${key}/history`);
    await expect(plain.locator('main')).toContainText('(servers and proved browsers)” to “Stop if errors are above');
    await plain.context().close();
    await page.context().close();
});

test('what comes without a receipt is drawn beside the evidence and marked as unused', async ({ browser, world }) => {
    const { key, page } = await flag(browser, world, 'Unproved');
    await report(page, world, key, 2);
    await pagesReport(page, world, key, 5, false);
    const unverified = page.locator('.chart-legend li').filter({ hasText: 'Unverified' });
    await expect(async () => {
        await page.reload();
        await expect(unverified).toContainText('not used by the guard', { timeout: 2_000 });
    }).toPass(SOON);
    await expect(page.locator('.chart-line[data-stroke="unverified"]').first()).toBeAttached();
    await expect(page.getByText('Unverified: 5 events of browsers without a receipt.')).toBeVisible();
    await expectAccessible(page);
    await page.context().close();
});
