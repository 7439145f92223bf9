// Signing in and out, the way back to where one wanted to go, and setting up an empty Fader. With and without scripts.

import { expectAccessible, signedIn, signIn, stranger } from '../clients/dashboard';
import { EMAILS } from '../clients/demo';
import { expect, startEmpty, startWorld, test } from '../clients/world';

for (const javaScriptEnabled of [true, false]) {
    const scripts = javaScriptEnabled ? 'with scripts' : 'without scripts';

    test(`signing in leads back to the page that asked for it, ${scripts}`, async ({ browser, world }) => {
        const page = await stranger(browser, world, { javaScriptEnabled });
        await page.goto('/audit?kind=flag');
        await expect(page).toHaveURL(/\/sign-in\?next=/);

        await page.getByLabel('E-mail').fill(EMAILS.product);
        await page.getByLabel('Password').fill('not the password');
        await page.getByRole('button', { name: 'Sign in' }).click();
        await expect(page.getByRole('alert')).toHaveText('The e-mail address or the password is not right.');
        await expect(page.getByLabel('E-mail')).toHaveValue(EMAILS.product);
        await expect(page.getByLabel('Password')).toHaveValue('');

        await page.getByLabel('Password').fill(world.password);
        await page.getByRole('button', { name: 'Sign in' }).click();
        await expect(page).toHaveURL(/\/audit\?kind=flag$/);
        await expect(page.getByRole('heading', { name: 'Audit', level: 1 })).toBeVisible();

        await page.locator('.menu > summary').click();
        await page.getByRole('button', { name: 'Sign out' }).click();
        await expect(page.getByRole('status').filter({ hasText: 'You are signed out.' })).toBeVisible();
        await page.goto('/');
        await expect(page).toHaveURL(/\/sign-in$/);
        await page.context().close();
    });

    test(`the theme is kept and does not need a script, ${scripts}`, async ({ browser, world }) => {
        const page = await signedIn(browser, world, 'viewer', { javaScriptEnabled });
        await page.goto('/groups?env=staging');
        await page.locator('.menu > summary').click();
        await page.getByRole('button', { name: 'Dark' }).click();
        await expect(page).toHaveURL(/\/groups\?env=staging$/);
        await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark');
        await page.reload();
        await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark');
        await page.context().close();
    });
}

test('a way back never leads to another site', async ({ browser, world }) => {
    for (const next of ['//evil.example/', 'https://evil.example/', '/\\evil.example']) {
        const page = await stranger(browser, world);
        await page.goto(`/sign-in?next=${encodeURIComponent(next)}`);
        await page.getByLabel('E-mail').fill(EMAILS.viewer);
        await page.getByLabel('Password').fill(world.password);
        await page.getByRole('button', { name: 'Sign in' }).click();
        await expect(page).toHaveURL(`${world.fader}/`);
        await page.context().close();
    }
});

test('too many attempts have to wait, and are told how long', async ({ browser }) => {
    // In a world of its own: the others sign in from the same address.
    const world = await startWorld();
    const page = await stranger(browser, world);
    const alert = page.getByRole('alert');
    for (let attempt = 0; attempt < 30; attempt += 1) {
        await signIn(page, 'nobody@demo.fader.test', `wrong ${attempt}`);
        await expect(alert).toBeVisible();
        if ((await alert.innerText()).includes('too many attempts')) {
            break;
        }
    }
    await expect(alert).toHaveText(/There were too many attempts\. Try again in \d+ (second|minute)s?\./);
    await page.context().close();
    await world.stop();
});

test('what a role may not see is refused, and said so', async ({ browser, world }) => {
    const page = await signedIn(browser, world, 'viewer');
    await expect(page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Members' })).toHaveCount(0);
    for (const path of ['/audit', '/settings/members', '/settings/tokens', '/audit/export.csv']) {
        const response = await page.goto(path);
        expect(response?.status(), path).toBe(403);
        await expect(page.getByRole('heading', { level: 1 })).toHaveText('Not allowed');
    }
    expect((await page.goto('/no-such-page'))?.status()).toBe(404);
    await expect(page.getByRole('heading', { level: 1 })).toHaveText('Not found');
    expect((await page.goto('/?env=nowhere'))?.status()).toBe(404);
    await expectAccessible(page);
    await page.context().close();
});

test('the first visit of an empty Fader makes the first admin, once', async ({ browser }) => {
    const empty = await startEmpty();
    try {
        const context = await browser.newContext({ baseURL: empty.fader, javaScriptEnabled: false });
        const page = await context.newPage();
        await page.goto('/');
        await expect(page).toHaveURL(/\/setup$/);
        await page.getByLabel('Setup code').fill('wrong');
        await page.getByLabel('Your name').fill('Ada Lovelace');
        await page.getByLabel('E-mail').fill('ada@example.test');
        await page.getByLabel('Password').fill('a long enough password');
        await page.getByRole('button', { name: 'Create the first admin' }).click();
        await expect(page.getByRole('alert')).toContainText('setup code is not right');
        await expect(page.getByLabel('Your name')).toHaveValue('Ada Lovelace');

        await page.getByLabel('Setup code').fill(empty.setupCode);
        await page.getByLabel('Password').fill('short');
        await page.getByRole('button', { name: 'Create the first admin' }).click();
        await expect(page.getByRole('alert')).toContainText('Choose a password of at least');

        await page.getByLabel('Password').fill('a long enough password');
        await page.getByRole('button', { name: 'Create the first admin' }).click();
        await expect(page.getByRole('status').filter({ hasText: 'Welcome to Fader.' })).toBeVisible();
        await page.goto('/setup');
        await expect(page).toHaveURL(`${empty.fader}/`);
        await context.close();
    } finally {
        await empty.stop();
    }
});
