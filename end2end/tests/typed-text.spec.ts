// What somebody typed is not lost: leaving asks in every form, and a session that ended meanwhile gives it back.

import { expectAccessible, signedIn } from '../clients/dashboard';
import { EMAILS } from '../clients/demo';
import { EVERY_PAGE } from '../clients/pages';
import { expect, test } from '../clients/world';

test('leaving asks in every form of every page', async ({ browser, world }) => {
    test.setTimeout(180_000);
    const page = await signedIn(browser, world, 'admin');
    let forms = 0;
    for (const path of EVERY_PAGE) {
        await page.goto(path);
        await page.waitForFunction(() => document.documentElement.hasAttribute('data-asks'));
        const { seen, wrong } = await page.evaluate(() => {
            const asks = () => !window.dispatchEvent(new Event('beforeunload', { cancelable: true }));
            const told: string[] = asks() ? ['before anything was typed'] : [];
            let seen = 0;
            for (const form of document.querySelectorAll<HTMLFormElement>('main form[method=post]')) {
                const typed = 'input:not([type=hidden], [readonly]), textarea:not([readonly]), select';
                const control = [...form.elements].find((it) => it.matches(typed));
                // The faders' form asks when it differs from what is saved.
                if (control === undefined || form.hasAttribute('data-alive')) {
                    continue;
                }
                seen += 1;
                control.dispatchEvent(new Event('input', { bubbles: true }));
                if (!asks()) {
                    told.push(`${form.getAttribute('action')} does not ask`);
                }
                form.removeAttribute('data-dirty');
            }
            return { seen, wrong: told };
        });
        expect.soft(wrong, path).toEqual([]);
        forms += seen;
    }
    expect(forms).toBeGreaterThan(30);
    await page.context().close();
});

test('reloading asks while something is typed, and not once it is sent', async ({ browser, world }) => {
    const page = await signedIn(browser, world, 'admin');
    const asked: string[] = [];
    page.on('dialog', async (dialog) => {
        asked.push(dialog.type());
        await dialog.accept();
    });
    await page.goto('/flags/new');
    await page.waitForFunction(() => document.documentElement.hasAttribute('data-asks'));
    await page.getByLabel('Name', { exact: true }).fill('Typed and not sent');
    await page.reload();
    expect(asked).toEqual(['beforeunload']);

    await page.waitForFunction(() => document.documentElement.hasAttribute('data-asks'));
    await page.getByLabel('Name', { exact: true }).fill('Sent as it is');
    await page.getByLabel('Key', { exact: true }).fill('fast-payment');
    await page.getByRole('button', { name: 'Create the flag' }).click();
    await expect(page.getByRole('alert').first()).toBeVisible();
    expect(asked).toHaveLength(1);
    await page.waitForFunction(() => document.documentElement.hasAttribute('data-asks'));
    await page.reload();
    expect(asked, 'what was refused is still only typed').toHaveLength(2);

    await page.goto('/flags/fast-payment');
    await page.waitForFunction(() => document.documentElement.hasAttribute('data-asks'));
    await page.getByText('Stop', { exact: true }).first().click();
    await page.getByLabel('Why?', { exact: true }).fill('Only a try');
    await page.goto('/flags/fast-payment');
    expect(asked).toHaveLength(3);
    await page.context().close();
});

for (const javaScriptEnabled of [true, false]) {
    test(`a session that ends while typing gives the text back (scripts: ${javaScriptEnabled})`, async ({ browser, world }) => {
        const page = await signedIn(browser, world, 'product', { javaScriptEnabled });
        const key = `late-${javaScriptEnabled ? 'a' : 'b'}`;
        await page.goto('/flags/new');
        await page.getByLabel('Name', { exact: true }).fill(`Typed ${key}`);
        await page.getByLabel('Key', { exact: true }).fill(key);
        const other = await page.context().newPage();
        await other.goto('/account');
        await other.locator('.menu > summary').click();
        await other.getByRole('banner').getByRole('button', { name: 'Sign out' }).click();
        await expect(other).toHaveURL(/sign-in/);

        await page.getByRole('button', { name: 'Create the flag' }).click();
        await expect(page.getByRole('alert')).toContainText('What you typed is kept');
        if (javaScriptEnabled) {
            await expectAccessible(page);
        }
        await page.getByLabel('E-mail').fill(EMAILS.product);
        await page.getByLabel('Password').fill(world.password);
        await page.getByRole('button', { name: 'Sign in' }).click();
        await expect(page.getByRole('heading', { name: 'Not saved yet' })).toBeVisible();
        if (javaScriptEnabled) {
            await expectAccessible(page);
        }
        await page.getByRole('button', { name: 'Send it again' }).click();
        await expect(page).toHaveURL(new RegExp(`/flags/${key}`));
        await expect(page.getByRole('heading', { level: 1 })).toContainText(`Typed ${key}`);
        await page.context().close();
    });
}
