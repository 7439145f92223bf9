// Feedback: a user tells something in the booking site and it appears in the inbox by itself; triage by two people;
// complaints; the widget with the keyboard, offline and for axe; the inbox without scripts.

import AxeBuilder from '@axe-core/playwright';
import type { Page } from '@playwright/test';
import { alive, expectAccessible, signedIn } from '../clients/dashboard';
import { CUSTOMERS } from '../clients/demo';
import { Desk } from '../clients/desk';
import { Shop } from '../clients/shop';
import { expect, test, type World } from '../clients/world';

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

const card = (page: Page, text: string) => page.locator('.inbox > li').filter({ hasText: text });

/** What a backend sends for a user. */
async function tell(page: Page, world: World, body: object): Promise<void> {
    const headers = { Authorization: `Bearer ${world.serverToken}` };
    const answer = await page.request.post(`${world.fader}/api/v1/feedback`, { headers, data: body });
    expect(answer.status(), await answer.text()).toBe(201);
}

/** Opens the triage form of one item and saves another state. */
async function triage(page: Page, text: string, state: string, note: string): Promise<void> {
    const item = card(page, text);
    await item.locator('.triage > summary').click();
    await item.getByLabel('State').selectOption({ label: state });
    await item.getByLabel('Note').fill(note);
    await item.getByRole('button', { name: 'Save' }).click();
}

test('a user leaves feedback in the booking site and it appears in the inbox, live', async ({ browser, world }) => {
    await Desk.vipAgenciesOnly(browser, world);
    const inbox = await signedIn(browser, world, 'support');
    await inbox.goto('/feedback');
    await expect(inbox.getByText('Nobody has told anything yet')).toBeVisible();
    await expect(inbox.locator('.snippet')).toContainText(`${world.fader}/widget.js`);
    await alive(inbox);

    const shop = await Shop.signIn(browser, world, CUSTOMERS.vip.name);
    await shop.openTrip();
    await shop.page.getByRole('button', { name: 'Feedback' }).click();
    const dialog = shop.page.getByRole('dialog', { name: 'How did it go?' });
    await dialog.getByLabel('2, bad').check();
    await dialog.getByRole('radio', { name: 'Partly' }).check();
    await dialog.getByRole('checkbox', { name: 'Slow' }).check();
    await dialog.getByLabel('Anything to add?').fill('The last step took <b>ages</b> 🐢');
    await dialog.getByRole('button', { name: 'Send' }).click();
    await expect(shop.page.getByRole('dialog').getByRole('status')).toHaveText('Thank you. Your feedback has arrived.');

    const item = card(inbox, 'The last step took <b>ages</b> 🐢');
    await expect(item).toBeVisible();
    await expect(item.getByRole('img', { name: 'Rated 2 of 5' })).toBeVisible();
    await expect(item).toContainText('Slow');
    await expect(item).toContainText('Partly completed');
    await expect(item).toContainText(CUSTOMERS.vip.id);
    await expect(item.locator('.saw').first()).toContainText('Fast payment');
    await expect(item.locator('.saw').first()).toContainText('on');
    await expect(item.locator('.saw').first()).toContainText('VIP agencies');
    await expect(inbox.getByRole('article', { name: 'Fast payment' })).toBeVisible();

    await inbox.goto('/flags/fast-payment/feedback');
    await expect(card(inbox, 'ages')).toBeVisible();
    await inbox.goto('/flags/multi-currency/feedback');
    await expect(card(inbox, 'ages')).toHaveCount(0);
    await shop.close();
    await inbox.context().close();
});

test('two people triage at once: the second sees what the first did', async ({ browser, world }) => {
    const first = await signedIn(browser, world, 'support');
    const second = await signedIn(browser, world, 'qa', { javaScriptEnabled: false });
    await tell(first, world, { subject: 'tom.okafor', rating: 1, comment: 'Triage me', flag: 'fast-payment' });
    await first.goto('/feedback?q=Triage+me');
    await second.goto('/feedback?q=Triage+me');
    await triage(first, 'Triage me', 'Looking into it', 'Called them');
    await expect(first.getByRole('status').filter({ hasText: 'Saved' })).toBeVisible();
    await expect(first).toHaveURL(/q=Triage/);
    await expect(card(first, 'Triage me')).toContainText('Looking into it');

    await triage(second, 'Triage me', 'Resolved', 'It was the network');
    const alert = second.getByRole('alert');
    await expect(alert).toContainText('saved this item while you were editing');
    await expect(alert).toContainText('New → Looking into it');
    await expect(second.getByLabel('State')).toHaveValue('resolved');
    await second.getByRole('button', { name: 'Save' }).click();
    await expect(second.locator('.feedback-card')).toContainText('Resolved');
    await expect(second.locator('.feedback-card')).toContainText('It was the network');

    const admin = await signedIn(browser, world, 'admin');
    await admin.goto('/audit?kind=feedback');
    await expect(admin.locator('.log').getByText(/changed the state of feedback/).first()).toBeVisible();
    await expect(admin.getByText('It was the network')).toHaveCount(0);
    for (const page of [first, second, admin]) await page.context().close();
});

test('support logs a complaint for yesterday 14:10', async ({ browser, world }) => {
    const page = await signedIn(browser, world, 'support');
    const yesterday = new Date(Date.now() - DAY_MS).toISOString().slice(0, 10);
    await page.goto(`/feedback/new?subject=${CUSTOMERS.vip.id}&at=${yesterday}T14:10:00Z`);
    await expect(page.getByLabel('Person')).toHaveValue(CUSTOMERS.vip.id);
    await expect(page.getByLabel('When it happened (UTC)')).toHaveValue(`${yesterday}T14:10`);
    await page.getByRole('button', { name: 'Log it' }).click();
    await expect(page.getByRole('alert')).toContainText('Write down what they said.');
    await page.getByLabel('What they said').fill('She could not pay on the phone');
    await page.getByLabel('Broken').check();
    await page.getByRole('button', { name: 'Log it' }).click();
    await expect(page.getByRole('status').filter({ hasText: 'Logged' })).toBeVisible();
    const item = page.locator('.feedback-card');
    await expect(item).toContainText('Complaint, logged by support');
    await expect(item).toContainText('14:10:00 UTC');
    await page.context().close();
});

test('the widget works with the keyboard alone, keeps what was typed, and gives the focus back', async ({ browser, world }) => {
    const shop = await Shop.signIn(browser, world, CUSTOMERS.standard.name);
    const page = shop.page;
    const errors: string[] = [];
    page.on('pageerror', (error) => errors.push(String(error)));
    page.on('console', (message) => message.text().includes('Content Security') && errors.push(message.text()));
    const opener = page.getByRole('button', { name: 'Feedback' });
    await opener.focus();
    await page.keyboard.press('Enter');
    const dialog = page.getByRole('dialog', { name: 'How did it go?' });
    await expect(dialog).toBeVisible();
    await page.keyboard.press('Escape');
    await expect(dialog).toBeHidden();
    await expect(opener).toBeFocused();

    await page.keyboard.press('Enter');
    await dialog.getByRole('button', { name: 'Send' }).focus();
    await page.keyboard.press('Enter');
    await expect(dialog.getByRole('alert')).toHaveText('Choose a rating, tick something or write a line.');
    await expect(dialog.getByLabel('1, very bad')).toBeFocused();
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('ArrowRight');
    await expect(dialog.getByLabel('3, all right')).toBeChecked();
    await page.keyboard.press('Tab');
    await page.keyboard.press('Space');
    await expect(dialog.getByRole('radio', { name: 'Yes' })).toBeChecked();

    await page.context().setOffline(true);
    await dialog.getByRole('button', { name: 'Send' }).focus();
    await page.keyboard.press('Enter');
    await expect(dialog.getByRole('alert')).toContainText('You are offline');
    await expect(dialog.getByLabel('3, all right')).toBeChecked();
    await page.context().setOffline(false);
    await page.keyboard.press('Enter');
    await expect(page.getByRole('dialog', { name: 'Feedback sent' })).toBeVisible();
    await expect(page.getByRole('button', { name: 'Close' })).toBeFocused();
    await page.keyboard.press('Enter');
    await expect(opener).toBeFocused();
    expect(errors).toEqual([]);
    await shop.close();
});

/** Sends a complaint through the widget, and gives what was sent. */
async function complain(page: Page): Promise<{ features?: { flag: string; receipt: string }[] }> {
    const sent = page.waitForRequest((request) => request.url().endsWith('/api/v1/feedback') && request.method() === 'POST');
    await page.getByRole('button', { name: 'Feedback' }).click();
    const dialog = page.getByRole('dialog', { name: 'How did it go?' });
    await dialog.getByLabel('1, very bad').check();
    await dialog.getByRole('checkbox', { name: 'Broken' }).check();
    await dialog.getByRole('button', { name: 'Send' }).click();
    await expect(page.getByRole('dialog', { name: 'Feedback sent' })).toBeVisible();
    return (await sent).postDataJSON();
}

test('the widget proves a complaint by itself, with and without the hook, and old pages still get through', async ({ browser, world }) => {
    await Desk.vipAgenciesOnly(browser, world);
    const unverified = async (page: Page) => {
        await page.goto('/flags/fast-payment/health');
        const text = await page.getByText(/^Unverified: /).allTextContents();
        return Number(text[0]?.match(/\d+/)?.[0] ?? 0);
    };
    const reader = await signedIn(browser, world, 'product');
    const before = await unverified(reader);
    const receipt = expect.stringMatching(/^\d+\.[\w-]{22}$/);
    // The booking page reads the flag with the hook.
    const shop = await Shop.signIn(browser, world, CUSTOMERS.vip.name);
    await shop.openTrip();
    const byHook = await complain(shop.page);
    expect(byHook.features).toContainEqual(expect.objectContaining({ flag: 'fast-payment', receipt }));
    await shop.close();

    // Without it, the widget asks Fader once.
    const bare = await Shop.signIn(browser, world, CUSTOMERS.standard.name);
    await bare.page.route('**/fader-exposures.js', (route) => route.abort());
    await bare.page.reload();
    const byWidget = await complain(bare.page);
    expect(byWidget.features).toEqual([expect.objectContaining({ flag: 'fast-payment', receipt })]);
    await bare.close();
    expect(await unverified(reader)).toBe(before);

    // And where no receipt can be had, people read it all the same.
    const old = await Shop.signIn(browser, world, CUSTOMERS.standard.name);
    await old.page.route('**/ofrep/**', (route) => route.abort());
    await old.page.reload();
    expect((await complain(old.page)).features).toBeUndefined();
    await expect.poll(async () => await unverified(reader)).toBe(before + 1);
    await old.close();
    await reader.context().close();
});

for (const colorScheme of ['light', 'dark'] as const) {
    test(`the widget and the pages of feedback are accessible, ${colorScheme}`, async ({ browser, world }) => {
        test.slow();
        const shop = await Shop.signIn(browser, world, CUSTOMERS.standard.name, { colorScheme });
        await shop.page.getByRole('button', { name: 'Feedback' }).click();
        await shop.page.getByRole('button', { name: 'Send' }).click();
        await expect(shop.page.getByRole('dialog').getByRole('alert')).toBeVisible();
        // axe looks into open shadow roots.
        const { violations } = await new AxeBuilder({ page: shop.page }).analyze();
        expect(violations.map((it) => `${it.id}: ${it.nodes.map((node) => node.target).join(', ')}`)).toEqual([]);
        await shop.close();

        const page = await signedIn(browser, world, 'admin', { colorScheme });
        await fill(page, world);
        for (const width of [1280, 390]) {
            await page.setViewportSize({ width, height: 900 });
            for (const path of ['/feedback', '/feedback?rating=3&q=nothing', '/feedback/new', '/flags/fast-payment/feedback']) {
                await page.goto(path);
                await expectAccessible(page);
            }
            await page.goto('/feedback');
            await page.locator('.inbox > li .triage > summary').first().click();
            await expectAccessible(page);
        }
        await page.context().close();
    });
}

/** Feedback of two weeks and with everything that users type. */
async function fill(page: Page, world: World): Promise<void> {
    const people = [CUSTOMERS.vip.id, CUSTOMERS.standard.id, CUSTOMERS.staff.id];
    for (let day = 0; day < 3; day += 1) {
        for (const [at, subject] of people.entries()) {
            const time = Date.now() - day * MINUTE_MS;
            const rating = ((at + day) % 5) + 1;
            await tell(page, world, { subject, rating, duration_s: 30 * (at + 1), completed: 'yes', flag: 'fast-payment', time });
        }
    }
    const odd = { subject: 'x'.repeat(250), rating: 2, kinds: ['broken', 'love'], flag: 'fast-payment' };
    await tell(page, world, { ...odd, comment: `${'very'.repeat(300)} long\n`.repeat(3), page: '/'.repeat(400) });
    await tell(page, world, { ...odd, subject: 'שלום', comment: 'مرحبا بالعالم <script>alert(1)</script> 👩‍👩‍👧‍👦' });
}

test('the inbox works without scripts, and a viewer sees what it adds up to only', async ({ browser, world }) => {
    const page = await signedIn(browser, world, 'qa', { javaScriptEnabled: false });
    await tell(page, world, { subject: 'ada.moreau', rating: 5, kinds: ['love'], comment: 'No script needed', flag: 'fast-payment' });
    await tell(page, world, { subject: 'tom.okafor', rating: 1, comment: 'Something else', flag: 'fast-payment' });
    await page.goto('/feedback');
    await page.getByLabel('Contains').fill('no script');
    await page.getByLabel('Kind').selectOption({ label: 'Love it' });
    await page.getByRole('button', { name: 'Filter' }).click();
    await expect(page).toHaveURL(/kind=love/);
    await expect(card(page, 'No script needed')).toBeVisible();
    await expect(card(page, 'Something else')).toHaveCount(0);
    await triage(page, 'No script needed', 'Resolved', '');
    await expect(card(page, 'No script needed')).toContainText('Resolved');
    await page.context().close();

    const viewer = await signedIn(browser, world, 'viewer');
    await viewer.goto('/feedback');
    await expect(viewer.getByRole('article', { name: 'Fast payment' })).toBeVisible();
    await expect(viewer.getByText('No script needed')).toHaveCount(0);
    await expect(viewer.getByRole('link', { name: 'Log a complaint' })).toHaveCount(0);
    await viewer.context().close();
});
