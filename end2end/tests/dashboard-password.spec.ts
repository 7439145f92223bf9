// What changes who may do what asks for the password again, and goes on where somebody was. With and without scripts.

import { expectAccessible, signedIn } from '../clients/dashboard';
import { expect, startWorld, test } from '../clients/world';

const LOOKS = [
    { name: 'light, with scripts', options: {} },
    { name: 'dark, with scripts', options: { colorScheme: 'dark' as const } },
    { name: 'narrow, with scripts', options: { viewport: { width: 360, height: 740 } } },
    { name: 'narrow, without scripts', options: { javaScriptEnabled: false, viewport: { width: 360, height: 740 } } },
];

for (const { name, options } of LOOKS) {
    test(`an invitation waits for the password and loses nothing, ${name}`, async ({ browser }, info) => {
        // A world of its own: its clock goes ahead.
        const world = await startWorld();
        const admin = await signedIn(browser, world, 'admin', options);
        // axe is a script itself.
        const accessible = async () => (name.endsWith('without scripts') ? undefined : expectAccessible(admin));
        await admin.goto('/settings/members');
        await admin.getByLabel('E-mail').fill('grace@example.test');
        await admin.getByLabel('Name').fill('Grace "The <b>Admiral</b>" Hopper');
        await admin.getByLabel('Role').first().selectOption('QA');
        await world.restartFader(undefined, '--clock-ahead-s', '660');
        await admin.getByRole('button', { name: 'Make an invitation link' }).click();

        await expect(admin.getByRole('heading', { level: 1 })).toHaveText('Your password, please');
        await expect(admin.getByLabel('Password', { exact: true })).toBeFocused();
        await accessible();
        await admin.screenshot({ path: info.outputPath('asked.png') });

        await admin.getByLabel('Password', { exact: true }).fill('not it at all');
        await admin.getByRole('button', { name: 'Go on' }).click();
        await expect(admin.getByRole('alert')).toHaveText('This is not your password.');
        await accessible();
        await admin.screenshot({ path: info.outputPath('wrong.png') });

        await admin.getByLabel('Password', { exact: true }).fill(world.password);
        await admin.getByRole('button', { name: 'Go on' }).click();
        await expect(admin.getByLabel('Link')).toHaveValue(/\/invite\/.{20,}/);
        const row = admin.getByRole('row').filter({ hasText: 'grace@example.test' });
        await expect(row).toContainText('Grace "The <b>Admiral</b>" Hopper');
        await expect(row.locator('[data-label=Role]')).toHaveText('QA');

        await test.step('it is not asked for again at once', async () => {
            await row.locator('summary').click();
            await row.getByLabel('Role').selectOption('Viewer');
            await row.getByRole('button', { name: 'Change the role' }).click();
            await expect(row.locator('[data-label=Role]')).toHaveText('Viewer');
        });
        await admin.context().close();
        await world.stop();
    });
}

test('cancelling leads back and changes nothing', async ({ browser }) => {
    const world = await startWorld();
    const admin = await signedIn(browser, world, 'admin');
    await admin.goto('/settings/tokens');
    await world.restartFader(undefined, '--clock-ahead-s', '660');
    const row = admin.getByRole('row').filter({ hasText: 'e2e server' });
    await row.locator('summary').filter({ hasText: 'Revoke' }).click();
    await row.getByRole('button', { name: 'Revoke the token' }).click();
    await admin.getByRole('link', { name: 'Cancel' }).click();
    await expect(admin).toHaveURL(/\/settings\/tokens$/);
    await expect(row).not.toContainText('revoked');
    await admin.context().close();
    await world.stop();
});

test('one signs oneself out everywhere else', async ({ browser, world }, info) => {
    const [page, other] = [await signedIn(browser, world, 'qa'), await signedIn(browser, world, 'qa')];
    await page.goto('/account');
    await expectAccessible(page);
    await page.screenshot({ path: info.outputPath('account.png') });
    await page.getByRole('button', { name: 'Sign out everywhere else' }).click();
    await expect(page.getByRole('status').filter({ hasText: 'All your other browsers are signed out.' })).toBeVisible();
    await expect(page.getByRole('button', { name: 'Sign out everywhere else' })).toHaveCount(0);
    await other.goto('/groups');
    await expect(other).toHaveURL(/sign-in/);
    await page.context().close();
    await other.context().close();
});
