// Members from the invitation to the last sign-out, and tokens.

import { expectAccessible, signedIn, signIn, stranger } from '../clients/dashboard';
import { expect, test } from '../clients/world';

const PASSWORD = 'correct horse battery';

test('an admin invites somebody, who joins, gets a role, and is shown out', async ({ browser, world }) => {
    const admin = await signedIn(browser, world, 'admin');
    await admin.goto('/settings/members');
    await admin.getByLabel('E-mail').fill('grace@example.test');
    await admin.getByLabel('Name').fill('Grace Hopper');
    await admin.getByLabel('Role').first().selectOption('Viewer');
    await admin.getByRole('button', { name: 'Make an invitation link' }).click();
    const link = await admin.getByLabel('Link').inputValue();
    expect(link).toMatch(new RegExp(`^${world.fader}/invite/.{20,}`));
    await expectAccessible(admin);

    await test.step('the link is not shown again', async () => {
        await admin.goto('/settings/members');
        await expect(admin.getByLabel('Link')).toHaveCount(0);
        expect(await admin.content()).not.toContain(link);
    });

    await test.step('the same address cannot be invited twice over a member', async () => {
        await admin.getByLabel('E-mail').fill('product@demo.fader.test');
        await admin.getByLabel('Name').fill('Somebody Else');
        await admin.getByRole('button', { name: 'Make an invitation link' }).click();
        await expect(admin.getByRole('alert')).toBeVisible();
        await expect(admin.getByLabel('Name')).toHaveValue('Somebody Else');
    });

    const grace = await stranger(browser, world);
    await test.step('the link leads in, once', async () => {
        const response = await grace.goto(link);
        expect(response?.headers()['referrer-policy']).toBe('no-referrer');
        await grace.getByLabel('Password').fill('short');
        await grace.getByRole('button', { name: 'Join' }).click();
        await expect(grace.getByRole('alert')).toContainText('Choose a password of at least');
        await grace.getByLabel('Password').fill(PASSWORD);
        await grace.getByRole('button', { name: 'Join' }).click();
        await expect(grace).toHaveURL(`${world.fader}/`);
        await expect(grace.getByRole('link', { name: 'New flag' })).toHaveCount(0);
        expect((await grace.goto(link))?.status()).toBe(410);
    });

    const row = admin.getByRole('row').filter({ hasText: 'grace@example.test' });
    await test.step('a role counts from the next click', async () => {
        await admin.goto('/settings/members');
        await expect(row.locator('[data-label=State]')).toHaveText('Active');
        await row.locator('summary').click();
        await row.getByLabel('Role').selectOption('Product manager');
        await row.getByRole('button', { name: 'Change the role' }).click();
        await expect(row.locator('[data-label=Role]')).toHaveText('Product manager');
        await grace.goto('/');
        await expect(grace.getByRole('link', { name: 'New flag' })).toBeVisible();
    });

    await test.step('an admin ends their sessions, and they may come again', async () => {
        await row.locator('summary').click();
        await row.getByRole('button', { name: 'Sign out everywhere', exact: true }).click();
        await expect(admin.getByRole('status').filter({ hasText: 'signed out everywhere' })).toBeVisible();
        await grace.goto('/groups');
        await expect(grace).toHaveURL(/\/sign-in/);
        await signIn(grace, 'grace@example.test', PASSWORD);
        await expect(grace).toHaveURL(`${world.fader}/`);
        await admin.goto('/audit');
        const log = admin.locator('.log').first();
        await expect(log).toContainText('signed Grace Hopper out everywhere');
        await expect(log).toContainText('signed in');
        await admin.goto('/settings/members');
    });

    await test.step('disabling signs out at once', async () => {
        await row.locator('summary').click();
        await row.getByRole('button', { name: 'Disable and sign out everywhere' }).click();
        await expect(row.locator('[data-label=State]')).toHaveText('Disabled');
        await grace.goto('/groups');
        await expect(grace).toHaveURL(/\/sign-in/);
        await signIn(grace, 'grace@example.test', PASSWORD);
        await expect(grace.getByRole('alert')).toBeVisible();
    });

    await test.step('enabling and a new link bring them back', async () => {
        await row.locator('summary').click();
        await row.getByRole('button', { name: 'Enable' }).click();
        await row.locator('summary').click();
        await row.getByRole('button', { name: 'Make a new sign-in link' }).click();
        await grace.goto(await admin.getByLabel('Link').inputValue());
        await grace.getByLabel('Password').fill('another fine password');
        await grace.getByRole('button', { name: 'Save and sign in' }).click();
        await expect(grace).toHaveURL(`${world.fader}/`);
    });

    await admin.context().close();
    await grace.context().close();
});

test('the last admin stays one', async ({ browser, world }) => {
    const page = await signedIn(browser, world, 'admin', { javaScriptEnabled: false });
    await page.goto('/settings/members');
    const row = page.getByRole('row').filter({ hasText: '(you)' });
    await row.locator('summary').click();
    await row.getByLabel('Role').selectOption('Viewer');
    await row.getByRole('button', { name: 'Change the role' }).click();
    await expect(page.getByRole('alert')).toContainText('last active admin');
    await page.goto('/settings/members');
    await expect(row.locator('[data-label=Role]')).toHaveText('Admin');
    await page.context().close();
});

test('a token is shown once, works, and is revoked', async ({ browser, world, request }) => {
    const page = await signedIn(browser, world, 'admin');
    await page.goto('/settings/tokens');
    await page.getByLabel('Name').fill('Payment API');
    await page.getByRole('combobox', { name: 'Environment' }).selectOption('Production');
    await page.getByRole('button', { name: 'Create the token' }).click();
    let token = await page.getByLabel('Token', { exact: true }).inputValue();
    const ask = () =>
        request.post(`${world.fader}/ofrep/v1/evaluate/flags/fast-payment`, {
            headers: { authorization: `Bearer ${token}` },
            data: { context: { targetingKey: 'sam.staff' } },
        });
    expect((await ask()).status()).toBe(200);
    await expectAccessible(page);

    await page.goto('/settings/tokens');
    expect(await page.content()).not.toContain(token);
    const row = page.getByRole('row').filter({ hasText: 'Payment API' });
    await expect(row).toContainText(/Server.*Production.*Works.*expires/);

    await test.step('rotating gives another secret, and ends the old one at once when asked to', async () => {
        await row.getByText('Rotate', { exact: true }).click();
        await row.getByLabel('The old secret ends').selectOption('at once');
        await row.getByRole('button', { name: 'Rotate the token' }).click();
        const rotated = await page.getByLabel('Token', { exact: true }).inputValue();
        expect(rotated).toMatch(/^fdr_server_production_/);
        expect(rotated).not.toBe(token);
        expect((await ask()).status()).toBe(401);
        token = rotated;
        expect((await ask()).status()).toBe(200);
        await expectAccessible(page);
        await page.goto('/settings/tokens');
        expect(await page.content()).not.toContain(rotated);
    });
    await row.getByText('Revoke', { exact: true }).click();
    await row.getByRole('button', { name: 'Revoke the token' }).click();
    await expect(row).toContainText('revoked');
    expect((await ask()).status()).toBe(401);

    await test.step('only a management token counts in the whole workspace', async () => {
        await page.getByLabel('Name').fill('desk');
        await page.getByRole('combobox', { name: 'Environment' }).selectOption('*');
        await page.getByRole('button', { name: 'Create the token' }).click();
        await expect(page.getByRole('alert')).toContainText('bound to one environment');
        await page.getByLabel('Kind', { exact: true }).selectOption('admin');
        await page.getByLabel('Expires', { exact: true }).selectOption('after 30 days');
        await page.getByRole('button', { name: 'Create the token' }).click();
        expect(await page.getByLabel('Token', { exact: true }).inputValue()).toMatch(/^fdr_admin_workspace_/);
        await expect(page.getByRole('row').filter({ hasText: 'desk' })).toContainText('The whole workspace');
        await page.goto('/settings/tokens');
        await expect(page.getByText('expires within 30 days')).toBeVisible();
    });

    await test.step('a client token needs an origin', async () => {
        await page.getByLabel('Name').fill('Shop');
        await page.getByLabel('Kind', { exact: true }).selectOption('client');
        await page.getByRole('button', { name: 'Create the token' }).click();
        await expect(page.getByRole('alert')).toContainText('https://www.example.org');
        await expect(page.getByLabel('Name')).toHaveValue('Shop');
    });
    await page.context().close();
});

test('a password is changed by who knows it, and other browsers are signed out by hand', async ({ browser, world }) => {
    const page = await signedIn(browser, world, 'support');
    const other = await signedIn(browser, world, 'support');
    await page.goto('/account');
    await page.getByLabel('Present password').fill('wrong');
    await page.getByLabel('New password').fill('a brand new password');
    await page.getByRole('button', { name: 'Change it' }).click();
    await expect(page.getByRole('alert')).toContainText('present password is not right');
    await page.getByRole('button', { name: 'Sign out' }).first().click();
    await expect(page.getByRole('status').filter({ hasText: 'That browser is signed out.' })).toBeVisible();
    await other.goto('/groups');
    await expect(other).toHaveURL(/sign-in/);
    await page.context().close();
    await other.context().close();
});
