// Charts, read step by step: with a mouse, with the keyboard, with a finger, and without scripts.

import type { Browser, Page } from '@playwright/test';
import { alive, expectAccessible, signedIn } from '../clients/dashboard';
import { EMAILS } from '../clients/demo';
import { Desk } from '../clients/desk';
import { report } from '../clients/outcomes';
import { expect, test, type World } from '../clients/world';

const FLAG = 'fast-payment';
// The page looks again every few seconds; a busy machine takes longer.
const SOON = { timeout: 30_000 };

const chart = (page: Page) => page.locator('#chart-error_rate');
const card = (page: Page) => page.locator('.chart-card');
const told = (page: Page) => page.locator('#chart-told');

/** The Health page of a flag whose percentages were changed just now, with outcomes after it. */
async function health(browser: Browser, world: World, options = {}): Promise<Page> {
    const page = await signedIn(browser, world, 'product', options);
    await report(page, world, FLAG, { treatment: 50, control: 100 }, 1);
    await page.goto(`/flags/${FLAG}/health?rule=everyone&span=step`);
    await expect(chart(page).locator('.chart-column').first()).toBeAttached(SOON);
    return page;
}

/** Outcomes until there is another step of ten seconds to go to. */
async function twoSteps(page: Page, world: World): Promise<void> {
    await expect(async () => {
        await report(page, world, FLAG, { treatment: 5, control: 10 }, 0);
        await expect(chart(page).locator('.chart-column').nth(1)).toBeAttached({ timeout: 4_000 });
    }).toPass(SOON);
}

async function inWindow(page: Page): Promise<void> {
    const box = await card(page).boundingBox();
    const width = page.viewportSize()?.width ?? 0;
    expect(box && box.x >= 0 && box.x + box.width <= width, JSON.stringify(box)).toBe(true);
}

test.beforeAll(async ({ browser, world }) => {
    const desk = await Desk.signIn(browser, world, EMAILS.product);
    await desk.setFaders(FLAG, { Everyone: '20' }, 'The pilot went well');
    await desk.close();
    // A panel of its own, and nothing that steps back while its chart is read.
    const address = `${world.fader}/api/v1/flags/${FLAG}/guardrails`;
    const headers = { Authorization: `Bearer ${world.managerToken}`, 'Content-Type': 'application/json' };
    const { version } = await (await fetch(address, { headers })).json();
    const calm = { id: 'errors', metric: 'error_rate', limit: { ceiling: { limit: 0.85 } }, action: 'notify' };
    const body = JSON.stringify({ version, guardrails: [calm] });
    expect((await fetch(address, { method: 'PUT', headers, body })).status).toBe(200);
});

test('a chart tells the step that a mouse points at, and goes on telling it when new numbers come', async ({ browser, world }) => {
    const page = await health(browser, world);
    await alive(page);
    await expect(card(page)).toBeHidden();
    const height = await page.evaluate(() => document.documentElement.scrollHeight);
    const width = (await chart(page).boundingBox())?.width ?? 0;
    await chart(page).hover({ position: { x: width - 5, y: 60 } });
    await expect(card(page)).toContainText(/\d\d:\d\d:\d\d–\d\d:\d\d:\d\d UTC/);
    await expect(card(page)).toContainText(/With the feature2 %/);
    await expect(card(page)).toContainText(/Control0 %/);
    await expect(card(page)).toContainText('Difference+2 points');
    await expect(told(page)).toBeEmpty();
    expect(await page.evaluate(() => document.documentElement.scrollHeight), 'nothing moves').toBe(height);
    await inWindow(page);

    // All of these fail, so that the page has something new to show; the step that is told stays what it is.
    const step = await card(page).locator('p').first().textContent();
    await page.evaluate(() => document.querySelector('#health')?.setAttribute('data-old', ''));
    await report(page, world, FLAG, { treatment: 30, control: 30 }, 30);
    await expect(page.locator('#health[data-old]')).toHaveCount(0, SOON);
    await expect(card(page)).toBeVisible();
    await expect(card(page).locator('p').first()).toHaveText(step ?? '');

    await page.getByRole('heading', { name: 'Fast payment' }).hover();
    await expect(card(page)).toBeHidden();
    await page.context().close();
});

test('a chart is read with the arrow keys, aloud', async ({ browser, world }) => {
    const page = await health(browser, world);
    await alive(page);
    await twoSteps(page, world);
    await chart(page).focus();
    await expect(told(page)).toContainText(/UTC\. With the feature: .+\. Control: /);
    const last = (await told(page).textContent()) ?? '';
    await page.keyboard.press('Home');
    // The first step of this time is that of the change.
    await expect(card(page)).toContainText(/1 · \d\d:\d\d:\d\d .* raised everyone/);
    await expect(told(page)).toContainText('raised everyone');
    await page.keyboard.press('ArrowRight');
    await expect(told(page)).not.toContainText('raised everyone');
    await page.keyboard.press('ArrowLeft');
    await expect(told(page)).toContainText('raised everyone');
    await page.keyboard.press('End');
    await expect(told(page)).toHaveText(last);
    await expectAccessible(page);
    // Somewhere else with the mouse ends nothing.
    await page.getByRole('heading', { name: 'Fast payment' }).hover();
    await expect(card(page)).toBeVisible();
    await page.keyboard.press('Escape');
    await expect(card(page)).toBeHidden();
    await expect(chart(page)).toBeFocused();
    await page.context().close();
});

test('the focus stays in a chart when new numbers come', async ({ browser, world }) => {
    const page = await health(browser, world);
    await alive(page);
    await chart(page).focus();
    await page.keyboard.press('Home');
    const step = await card(page).textContent();
    await page.evaluate(() => document.querySelector('#health')?.setAttribute('data-old', ''));
    await report(page, world, FLAG, { treatment: 5, control: 5 }, 0);
    await expect(page.locator('#health[data-old]')).toHaveCount(0, SOON);
    await expect(chart(page)).toBeFocused();
    await expect(card(page)).toHaveText(step ?? '');
    await page.context().close();
});

test('a finger reads a chart on a small screen', async ({ browser, world }) => {
    const page = await health(browser, world, { hasTouch: true, viewport: { width: 390, height: 844 } });
    await alive(page);
    await chart(page).scrollIntoViewIfNeeded();
    const plot = await chart(page).locator('.chart-plot').boundingBox();
    if (!plot) {
        throw new Error('no chart');
    }
    for (const share of [0.02, 0.5, 0.98]) {
        await page.touchscreen.tap(plot.x + plot.width * share, plot.y + plot.height / 2);
        await expect(card(page)).toContainText('With the feature');
        await inWindow(page);
    }
    await expectAccessible(page);
    await page.context().close();
});

test('without scripts a chart has its titles and its table', async ({ browser, world }) => {
    const page = await health(browser, world, { javaScriptEnabled: false });
    await expect(card(page)).toBeHidden();
    await expect(chart(page)).toHaveAttribute('aria-label', /Error rate: .* with the feature, .* in control at the end/);
    await expect(chart(page).locator('.chart-column > title').last()).toContainText('With the feature: ');
    const numbers = page.locator('.health-panel').filter({ has: chart(page) }).locator('.chart-numbers').first();
    await numbers.locator('summary').first().click();
    await expect(numbers.getByRole('row').last()).toContainText('%');
    const change = page.locator('.chart-changes').getByRole('link', { name: 'raised everyone' }).first();
    await change.click();
    await expect(page).toHaveURL(/history\?before=\d+#change-\d+/);
    await expect(page.locator('.history-entry').first()).toContainText('raised everyone');
    await page.context().close();
});
