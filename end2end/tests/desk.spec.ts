// The desk: all flags at a glance, found, narrowed and stopped from there; making a flag; its settings.

import AxeBuilder from '@axe-core/playwright';
import { alive } from '../clients/dashboard';
import { EMAILS } from '../clients/demo';
import { Desk } from '../clients/desk';
import { expect, test } from '../clients/world';

test('flags are found by typing and by filters that stand in the address', async ({ browser, world }) => {
    const { page, close } = await signedIn(browser, world, EMAILS.viewer);
    await page.goto('/');
    const rows = page.locator('.desk tbody tr:visible');
    const all = await rows.count();
    expect(all).toBeGreaterThan(8);
    await expect(page.getByRole('link', { name: /^Stop / })).toHaveCount(0);

    // A key before the page is alive is lost, so it is pressed until the search has it.
    await expect(async () => {
        await page.keyboard.press('/');
        await expect(page.getByRole('searchbox')).toBeFocused({ timeout: 500 });
    }).toPass();
    await page.keyboard.type('fast pay');
    await expect(rows).toHaveCount(1);
    await page.keyboard.press('ArrowDown');
    await expect(page.getByRole('link', { name: 'Fast payment' })).toBeFocused();
    await page.keyboard.press('Enter');
    await expect(page).toHaveURL(/\/flags\/fast-payment/);

    await page.goto('/');
    await page.getByLabel('Lifecycle').selectOption('archived');
    await expect(page).toHaveURL(/life=archived/);
    await expect(page.locator('.desk')).toContainText('Archived');
    await page.goto('/?q=no-such-flag');
    await expect(page.getByText('No flag is like that')).toBeVisible();
    await close();
});

// Browsers fill in again what stood in a form before; the address alone says what the list shows.
test('what the filters say is what the desk shows, also after going back', async ({ browser, world }) => {
    const { page, close } = await signedIn(browser, world, EMAILS.product);
    await page.goto('/groups');
    await page.goto('/');
    const rows = page.locator('.desk tbody tr');
    const count = page.locator('#desk-count');
    const all = await rows.count();
    await alive(page);
    await page.getByRole('searchbox').fill('pay');
    await expect(page).toHaveURL(/[?]q=pay$/);
    await expect(rows).not.toHaveCount(all);
    const found = await rows.count();
    await expect(count).toHaveText(new RegExp(`^${found} flags?`));
    await rows.first().locator('th a').click();
    await page.waitForURL(/\/flags\//);
    await page.goBack();
    await expect(page.getByRole('searchbox')).toHaveValue('pay');
    await expect(rows).toHaveCount(found);
    await expect(count).toHaveText(new RegExp(`^${found} flags?`));

    await page.getByRole('searchbox').fill('');
    await expect(rows).toHaveCount(all);
    await page.getByLabel('Lifecycle').focus();
    await page.getByLabel('Lifecycle').selectOption('archived');
    await expect(page).toHaveURL(/[?]life=archived$/);
    await expect(rows).not.toHaveCount(all);
    await expect(page.getByLabel('Lifecycle')).toBeFocused();
    await page.getByLabel('Lifecycle').selectOption('');
    await expect(rows).toHaveCount(all);
    await page.goBack();
    await expect(page, 'filtering leaves nothing behind to go back through').toHaveURL(/\/groups$/);
    await close();

    const plain = await signedIn(browser, world, EMAILS.product, { javaScriptEnabled: false });
    await plain.page.goto('/');
    await plain.page.getByLabel('Lifecycle').selectOption('archived');
    await plain.page.getByRole('searchbox').fill('pay');
    await plain.page.locator('.desk tbody tr th a').first().click();
    await plain.page.waitForURL(/\/flags\//);
    await plain.page.goBack();
    await expect(plain.page.getByLabel('Lifecycle'), 'what was never sent filters nothing').toHaveValue('');
    await expect(plain.page.getByRole('searchbox')).toHaveValue('');
    await expect(plain.page.locator('.desk tbody tr')).toHaveCount(all);
    await plain.close();
});

test('the filters work without scripts', async ({ browser, world }) => {
    const { page, close } = await signedIn(browser, world, EMAILS.product, { javaScriptEnabled: false });
    await page.goto('/?env=staging');
    await page.getByRole('searchbox').fill('fast');
    await page.getByRole('button', { name: 'Show' }).click();
    await expect(page).toHaveURL(/env=staging/);
    await expect(page.locator('.desk tbody tr')).toHaveCount(1);
    await close();
});

test('a flag is made from its name, described, stopped from the desk and archived', async ({ browser, world }) => {
    const { page, close } = await signedIn(browser, world, EMAILS.product);
    await page.goto('/');
    await page.getByRole('link', { name: 'New flag' }).click();
    await page.waitForLoadState('networkidle');
    await page.getByLabel('Name', { exact: true }).fill('Größere Schrift');
    await expect(page.getByLabel('Key', { exact: true })).toHaveValue('groessere-schrift');
    await page.getByRole('radio', { name: /^JSON object/ }).check();
    await page.getByRole('button', { name: 'Create the flag' }).click();
    await expect(page).toHaveURL(/\/flags\/groessere-schrift\/settings/);

    await page.getByLabel('Value of variant 1').fill('{"px": }');
    await page.getByRole('button', { name: 'Save', exact: true }).last().click();
    await expect(page.getByRole('alert').filter({ hasText: 'This is not JSON' })).toBeVisible();
    await expect(page.getByLabel('Value of variant 1')).toHaveValue('{"px": }');
    await page.getByLabel('Value of variant 1').fill('{"px": 18}');
    await page.getByLabel('Tags').fill('reading, web');
    await page.getByRole('button', { name: 'Save', exact: true }).last().click();
    await expect(page.getByRole('status').filter({ hasText: 'Saved' })).toBeVisible();

    await page.goto('/?q=schrift');
    await expect(page.locator('.desk tbody tr')).toHaveCount(1);
    await expect(page.getByRole('link', { name: /^Stop / }), 'nobody has it').toHaveCount(0);
    await page.goto('/flags/groessere-schrift?confirm=stop');
    await page.getByRole('button', { name: 'Stop it now' }).click();
    await expect(page.locator('.flag[data-stopped]')).toBeVisible();

    await page.goto('/flags/groessere-schrift/settings');
    await page.getByText('Archive…').click();
    await page.getByLabel('Type groessere-schrift to confirm').first().fill('wrong');
    await page.getByRole('button', { name: 'Archive this flag' }).click();
    await expect(page.getByRole('alert').filter({ hasText: 'Type groessere-schrift' })).toBeVisible();
    await page.getByLabel('Type groessere-schrift to confirm').first().fill('groessere-schrift');
    await page.getByRole('button', { name: 'Archive this flag' }).click();
    await expect(page.locator('.flag-state')).toContainText('Archived');
    await page.getByRole('button', { name: 'Restore' }).click();
    await expect(page.locator('.flag-state')).not.toContainText('Archived');
    await close();
});

for (const javaScriptEnabled of [true, false]) {
    test(`a stopped flag is resumed from the desk (${javaScriptEnabled ? 'with' : 'without'} scripts)`, async ({ browser, world }) => {
        const { page, close } = await signedIn(browser, world, EMAILS.product, { javaScriptEnabled });
        await page.goto('/');
        const colour = (name: string) => page.getByRole('link', { name, exact: true }).evaluate((link) => getComputedStyle(link).color);
        if (javaScriptEnabled) {
            expect(await colour('Resume Automatic refunds')).toBe(await colour('Automatic refunds'));
            expect(await colour('Stop Fast payment')).not.toBe(await colour('Resume Automatic refunds'));
        }
        await page.getByRole('link', { name: 'Resume Automatic refunds' }).click();
        await page.getByLabel('What was done about it?').fill('Refunds are counted again');
        await page.getByRole('button', { name: 'Resume now' }).click();
        await expect(page.getByRole('status').filter({ hasText: 'Resumed.' })).toBeVisible();
        await page.goto('/');
        await page.getByRole('link', { name: 'Stop Automatic refunds' }).click();
        await page.getByRole('button', { name: 'Stop it now' }).click();
        await expect(page.getByRole('status').filter({ hasText: 'Stopped.' })).toBeVisible();
        await close();
    });
}

test('support may stop from the desk and not resume', async ({ browser, world }) => {
    const { page, close } = await signedIn(browser, world, EMAILS.support);
    await page.goto('/');
    await expect(page.getByRole('link', { name: 'Stop Fast payment' })).toBeVisible();
    await expect(page.getByRole('link', { name: /^Resume / })).toHaveCount(0);
    await close();
});

test('a key that is taken is said beside it, and nothing typed is lost', async ({ browser, world }) => {
    const { page, close } = await signedIn(browser, world, EMAILS.product, { javaScriptEnabled: false });
    await page.goto('/flags/new');
    await page.getByLabel('Name', { exact: true }).fill('Fast payment');
    await page.getByLabel('Description').fill('Another one');
    await page.getByRole('button', { name: 'Create the flag' }).click();
    await expect(page.getByRole('alert').filter({ hasText: 'exists already' })).toBeVisible();
    await expect(page.getByLabel('Description')).toHaveValue('Another one');
    await close();
});

test('a long name is wrapped and pushes nothing out of the window', async ({ browser, world }) => {
    const { page, close } = await signedIn(browser, world, EMAILS.product);
    const name = 'W'.repeat(80);
    await page.goto('/flags/new');
    await page.getByLabel('Name', { exact: true }).fill(name);
    await page.getByLabel('Tags').fill('w'.repeat(32));
    await page.getByRole('button', { name: 'Create the flag' }).click();
    await page.waitForURL(/\/flags\/w+/);
    await page.goto(`${new URL(page.url()).pathname.replace(/\/settings$/, '')}?confirm=stop`);
    await page.getByRole('button', { name: 'Stop it now' }).click();
    await expect(page.locator('#resume')).toBeVisible();
    for (const width of [1440, 390]) {
        await page.setViewportSize({ width, height: 900 });
        await page.goto('/');
        const row = page.locator('.desk tbody tr', { hasText: name });
        const resume = row.getByText('Resume', { exact: true });
        await resume.scrollIntoViewIfNeeded();
        await expect(resume).toBeInViewport({ ratio: 1 });
    }
    await close();
});

for (const colorScheme of ['light', 'dark'] as const) {
    test(`the desk has no accessibility violations (${colorScheme})`, async ({ browser, world }) => {
        const { page, close } = await signedIn(browser, world, EMAILS.product, { colorScheme });
        for (const path of ['/', '/flags/new']) {
            await page.goto(path);
            const { violations } = await new AxeBuilder({ page }).analyze();
            const found = violations.map((it) => `${it.id}: ${it.nodes.map((node) => node.target).join(', ')}`);
            expect(found, path).toEqual([]);
        }
        await close();
    });
}

async function signedIn(...args: Parameters<typeof Desk.signIn>) {
    const desk = await Desk.signIn(...args);
    return { page: desk.page, close: () => desk.close() };
}
