// The rollout screen: pilot → 20 → 50 → 100 → stop → resume by mouse and keyboard, two people at once, roles, no scripts.

import AxeBuilder from '@axe-core/playwright';
import type { Locator, Page } from '@playwright/test';
import { EMAILS } from '../clients/demo';
import { Desk } from '../clients/desk';
import { expect, test } from '../clients/world';

const FLAG = 'fast-payment';

const slider = (page: Page, rule: string) => page.getByRole('slider', { name: rule, exact: true });
const number = (page: Page, rule: string) => page.getByLabel(`${rule}, per cent`, { exact: true });
const step = (page: Page, rule: string, to: number) =>
    page.getByRole('button', { name: `Set ${rule} to ${to} %`, exact: true });
const strip = (page: Page, rule: string) =>
    page.locator('.strip').filter({ has: page.getByRole('heading', { name: rule, exact: true }) });
const sentence = (page: Page) => page.locator('.impact-sentence');
const save = (page: Page) => page.getByRole('button', { name: /^Save/ });

/** The island runs: only then do range and number follow each other. */
async function open(page: Page, path = `/flags/${FLAG}?env=production`): Promise<void> {
    await page.goto(path);
    await expect(page.locator('form#rollout[data-alive]')).toBeVisible();
}

/** Presses on the cap, as wide as --cap says, and pulls it to a place on the scale. */
async function drag(page: Page, fader: Locator, to: number): Promise<void> {
    const box = await fader.boundingBox();
    if (!box) throw new Error('the fader is not on the page');
    const half = 14;
    const x = (at: number) => box.x + half + ((box.width - 2 * half) * at) / 100;
    const y = box.y + box.height / 2;
    await page.mouse.move(x(Number(await fader.inputValue())), y);
    await page.mouse.down();
    await page.mouse.move(x(to), y, { steps: 10 });
    await page.mouse.up();
}

test.beforeEach(async ({ browser, world }) => {
    await Desk.vipAgenciesOnly(browser, world);
});

test('a pilot becomes a release step by step, is stopped and brought back', async ({ browser, world }) => {
    test.slow();
    const desk = await Desk.signIn(browser, world, EMAILS.product);
    const { page } = desk;
    await open(page);

    await test.step('dragging with the mouse moves the number and says what it does', async () => {
        await drag(page, slider(page, 'Everyone'), 37);
        await expect(number(page, 'Everyone')).toHaveValue('37');
        await expect(slider(page, 'Everyone')).toHaveAttribute('aria-valuetext', '37 %, saved at 0 %');
        await expect(sentence(page)).toHaveText(/^Adds \d+ of 1,560 known people; nobody loses it\.$/);
        await expect(page.locator('.impact-warning')).toHaveText('This is production: it counts at once.');
    });

    await test.step('20 by one press', async () => {
        await step(page, 'Everyone', 20).click();
        await expect(number(page, 'Everyone')).toHaveValue('20');
        await page.getByLabel('Why? A comment for the audit log').fill('The pilot went well');
        await save(page).click();
        await expect(page).toHaveURL(/saved=1/);
        await expect(page.locator('.last-change')).toContainText('everyone');
        await expect(page.locator('.last-change')).toContainText('The pilot went well');
        await expect(page.locator('.flag-state')).toContainText('20 % of everyone');
    });

    await test.step('50 by keyboard alone', async () => {
        await expect(page.locator('form#rollout[data-alive]')).toBeVisible();
        await slider(page, 'Everyone').focus();
        for (let press = 0; press < 3; press += 1) await page.keyboard.press('PageUp');
        await expect(number(page, 'Everyone')).toHaveValue('50');
        await page.keyboard.press('Shift+ArrowRight');
        await expect(number(page, 'Everyone')).toHaveValue('50.1');
        await page.keyboard.press('ArrowLeft');
        await expect(number(page, 'Everyone')).toHaveValue('50');
        await page.keyboard.press('Control+Enter');
        await expect(page.locator('.flag-state')).toContainText('50 % of everyone');
    });

    await test.step('a thousandth of a per cent by typing; 120 is refused and kept', async () => {
        await number(page, 'Everyone').fill('50.001');
        await expect(slider(page, 'Everyone')).toHaveAttribute('aria-valuetext', '50.001 %, saved at 50 %');
        await number(page, 'Everyone').fill('120');
        await expect(sentence(page)).toHaveText('A percentage lies between 0 and 100.');
        await save(page).click();
        await expect(page.getByRole('alert').filter({ hasText: 'between 0 and 100' })).toBeVisible();
        await expect(number(page, 'Everyone')).toHaveValue('120');
    });

    await test.step('100 by End, saved', async () => {
        await expect(page.locator('form#rollout[data-alive]')).toBeVisible();
        await slider(page, 'Everyone').focus();
        await page.keyboard.press('End');
        await expect(number(page, 'Everyone')).toHaveValue('100');
        await save(page).click();
        await expect(page.locator('.flag-state')).toContainText('1,560 of 1,560 known people');
    });

    await test.step('lowering warns', async () => {
        await expect(page.locator('form#rollout[data-alive]')).toBeVisible();
        await step(page, 'Everyone', 50).click();
        await expect(sentence(page)).toHaveText(/^Takes it from \d+ of 1,560 known people; nobody gains it\.$/);
        await expect(page.locator('.impact-warning')).toHaveText('This takes it away from people in production.');
        await step(page, 'Everyone', 100).click();
        await expect(sentence(page)).toHaveText('1,560 of 1,560 known people have it.');
    });

    await test.step('Stop needs two presses; Resume brings back the same people', async () => {
        await desk.stop('Errors on the payment page');
        await expect(page.locator('.flag[data-stopped]')).toBeVisible();
        await expect(page.locator('.flag-head')).toContainText('Stopped by Paula Brandt');
        await expect(page.locator('.flag-head')).toContainText('Errors on the payment page');
        await page.locator('#resume > summary').click();
        await expect(page.getByText('Brings back exactly the same people: 1,560')).toBeVisible();
        await page.getByRole('button', { name: 'Resume now' }).click();
        await expect(page.locator('.flag-state')).toContainText('1,560 of 1,560 known people');
    });
    await desk.close();
});

// A sentence that a screen reader listens to is read again when its text changes, not when another one takes its place.
test('the sentence stays the same element, and says when the server does not answer', async ({ browser, world }) => {
    const desk = await Desk.signIn(browser, world, EMAILS.product);
    const { page } = desk;
    await open(page);
    const marked = page.locator('.impact-sentence[data-mark]');
    await sentence(page).evaluate((it) => it.setAttribute('data-mark', ''));
    await number(page, 'Everyone').fill('20');
    await expect(marked).toHaveText(/^Adds \d+ of 1,560 known people; nobody loses it\.$/);
    await expect(strip(page, 'Everyone').locator('.strip-count')).toContainText(/^\d+ of 1,560 known people inside, of whom/);
    await page.route('**/call/preview_rollout', (route) => route.abort());
    await number(page, 'Everyone').fill('30');
    await expect(marked).toHaveText('The server does not answer. Check the connection and try again.');
    await expect(page.locator('.impact')).toHaveAttribute('data-mood', 'unfinished');
    await expect(page.locator('.who-legend > li')).toHaveCount(0);
    await page.unroute('**/call/preview_rollout');
    await number(page, 'Everyone').fill('40');
    await expect(marked).toHaveText(/^Adds/);
    await expect(page.locator('.who-legend > li').last()).toContainText('Without it');
    await expect(page.locator('.impact')).not.toHaveAttribute('data-pending');
    await desk.close();
});

test('undo takes the last change back as a new change', async ({ browser, world }) => {
    const desk = await Desk.signIn(browser, world, EMAILS.product);
    await desk.setFaders(FLAG, { Everyone: '33.3' }, 'too early');
    await expect(desk.page.locator('.flag-state')).toContainText('33.3 % of everyone');
    await desk.page.getByRole('button', { name: 'Undo' }).click();
    await expect(desk.page.locator('.flag-state')).not.toContainText('everyone');
    await desk.page.getByRole('link', { name: 'History' }).click();
    await expect(desk.page.locator('.history-entry').first()).toContainText('reverted');
    await expect(desk.page.locator('.history-entry').nth(1)).toContainText('too early');
    await desk.close();
});

test('of two people at once, the second keeps what was typed and saves it on top', async ({ browser, world }) => {
    const first = await Desk.signIn(browser, world, EMAILS.product);
    const second = await Desk.signIn(browser, world, EMAILS.admin);
    await open(second.page);
    await number(second.page, 'Everyone').fill('10');
    await second.page.getByLabel('Why? A comment for the audit log').fill('mine');
    await first.setFaders(FLAG, { 'VIP agencies': '50' }, 'theirs');

    await save(second.page).click();
    const clash = second.page.locator('.clash');
    await expect(clash).toContainText('Changed by Paula Brandt');
    await expect(clash).toContainText('lowered VIP agencies 100 → 50 %');
    await expect(number(second.page, 'Everyone')).toHaveValue('10');
    await expect(second.page.getByLabel('Why? A comment for the audit log')).toHaveValue('mine');
    await expect(number(second.page, 'VIP agencies')).toHaveValue('50');
    await second.page.getByRole('button', { name: 'Save mine on top' }).click();
    await expect(second.page.locator('.flag-state')).toContainText('50 % of VIP agencies + 10 % of everyone');
    await first.close();
    await second.close();
});

test('an audience is added, filled in and removed without losing what is typed', async ({ browser, world }) => {
    const desk = await Desk.signIn(browser, world, EMAILS.product);
    const { page } = desk;
    await open(page);
    await number(page, 'VIP agencies').fill('77');
    await page.getByRole('button', { name: 'Add an audience' }).click();
    const added = strip(page, 'New audience');
    await expect(added).toBeVisible();
    await expect(number(page, 'VIP agencies')).toHaveValue('77');
    await expect(page.locator('.strip').last()).toContainText('Everyone');

    await save(page).click();
    await expect(page.getByRole('alert').filter({ hasText: 'Choose at least one group' })).toBeVisible();
    await expect(number(page, 'VIP agencies')).toHaveValue('77');

    await added.getByLabel('Beta testers').check();
    await number(page, 'New audience').fill('5');
    await save(page).click();
    await expect(page.locator('.flag-state')).toContainText('5 % of Beta testers');

    await strip(page, 'Beta testers').locator('summary').click();
    await page.getByRole('button', { name: 'Remove Beta testers' }).click();
    await expect(strip(page, 'Beta testers')).toHaveCount(0);
    await save(page).click();
    await expect(page.locator('.flag-state')).not.toContainText('Beta testers');
    await desk.close();
});

test('everything works without scripts', async ({ browser, world }) => {
    const desk = await Desk.signIn(browser, world, EMAILS.product, { javaScriptEnabled: false });
    const { page } = desk;
    await page.goto(`/flags/${FLAG}`);
    await step(page, 'Everyone', 50).click();
    await expect(number(page, 'Everyone')).toHaveValue('50');
    await expect(sentence(page)).toHaveText(/^Adds \d+ of 1,560 known people; nobody loses it\.$/);
    await number(page, 'Everyone').fill('20');
    await page.getByLabel('Why? A comment for the audit log').fill('by hand');
    await page.getByRole('button', { name: 'Preview', exact: true }).last().click();
    await expect(page.getByLabel('Why? A comment for the audit log')).toHaveValue('by hand');
    await save(page).click();
    await expect(page.locator('.flag-state')).toContainText('20 % of everyone');
    await page.getByRole('button', { name: 'Add an audience' }).click();
    await expect(strip(page, 'New audience')).toBeVisible();
    await page.getByRole('button', { name: 'Remove New audience' }).click();
    await expect(strip(page, 'New audience')).toHaveCount(0);
    await desk.stop('without scripts');
    await expect(page.locator('.flag-head')).toContainText('Stopped by Paula Brandt');
    await desk.resume('works');
    await expect(page.locator('.flag-state')).toContainText('20 % of everyone');
    await desk.close();
});

test('support may stop but neither raise nor resume; a viewer only looks', async ({ browser, world }) => {
    const support = await Desk.signIn(browser, world, EMAILS.support);
    await support.page.goto(`/flags/${FLAG}`);
    await expect(slider(support.page, 'VIP agencies')).toHaveCount(0);
    await expect(support.page.getByRole('img', { name: 'VIP agencies: 100 %' })).toBeVisible();
    await expect(save(support.page)).toHaveCount(0);
    const raised = await support.page.request.post(`/flags/${FLAG}`, {
        headers: { origin: world.fader },
        form: { expected: '1', intent: 'save' },
    });
    expect(raised.status()).toBe(403);
    await support.stop('A customer saw double payments');
    await expect(support.page.locator('.flag-head')).toContainText('Stopped by');
    await expect(support.page.locator('#resume')).toHaveCount(0);

    const viewer = await Desk.signIn(browser, world, EMAILS.viewer);
    await viewer.page.goto(`/flags/${FLAG}`);
    await expect(viewer.page.locator('.flag-head')).toContainText('A customer saw double payments');
    await expect(viewer.page.locator('#stop, #resume')).toHaveCount(0);
    await support.close();
    await viewer.close();
});

test('what somebody else changes shows at once, and typing is kept', async ({ browser, world }) => {
    const typing = await Desk.signIn(browser, world, EMAILS.admin);
    const other = await Desk.signIn(browser, world, EMAILS.support);
    await open(typing.page);
    await number(typing.page, 'Everyone').fill('12.5');
    await other.open(FLAG);
    await other.stop('A customer paid twice');
    await expect(typing.page.locator('.flag-head')).toContainText('Stopped by Sofia Reyes');
    await expect(number(typing.page, 'Everyone')).toHaveValue('12.5');
    await typing.close();
    await other.close();
});

for (const colorScheme of ['light', 'dark'] as const) {
    test(`the flag's pages have no accessibility violations (${colorScheme})`, async ({ browser, world }) => {
        const desk = await Desk.signIn(browser, world, EMAILS.product, { colorScheme });
        const { page } = desk;
        for (const path of ['', '/history', '/settings']) {
            await page.goto(`/flags/${FLAG}${path}`);
            await page
                .locator('main details')
                .evaluateAll((all) => all.forEach((it) => it.setAttribute('open', '')));
            const { violations } = await new AxeBuilder({ page }).analyze();
            const found = violations.map((it) => `${it.id}: ${it.nodes.map((node) => node.target).join(', ')}`);
            expect(found, path).toEqual([]);
        }
        await desk.close();
    });
}
