// Settings → Roles: an admin narrows QA in production, which counts in the browser that QA has open, and takes it back.

import { expectAccessible, signedIn } from '../clients/dashboard';
import { expect, test } from '../clients/world';

for (const javaScriptEnabled of [true, false]) {
    test(`QA keeps to staging${javaScriptEnabled ? '' : ' without JavaScript'}`, async ({ browser, world }) => {
        const admin = await signedIn(browser, world, 'admin', { javaScriptEnabled });
        const qa = await signedIn(browser, world, 'qa', { javaScriptEnabled });
        const save = qa.getByRole('button', { name: /^Save in/ });
        await qa.goto('/flags/fast-payment');
        await expect(save.first()).toBeAttached();
        await test.step('one box less', async () => {
            await admin.goto('/settings/roles');
            await expect(admin.getByText('These are the defaults of Fader.')).toBeVisible();
            if (javaScriptEnabled) {
                await expectAccessible(admin);
            }
            const production = admin.getByRole('region', { name: 'In Production' }).first();
            await production.getByRole('checkbox', { name: /^QA may change rollouts/ }).uncheck();
            await admin.getByRole('textbox', { name: 'Why?' }).last().fill('a calmer production');
            await admin.getByRole('button', { name: 'Save', exact: true }).click();
            await expect(admin.getByText(/^QA may not change rollouts.* in production\.$/)).toBeVisible();
        });
        await test.step('counts in the browser that is open', async () => {
            await qa.goto('/flags/fast-payment');
            await expect(save).toHaveCount(0);
            await expect(qa.locator('summary', { hasText: 'Stop' }).first()).toBeVisible();
            await qa.goto('/flags/fast-payment?env=staging');
            await expect(save.first()).toBeAttached();
            await qa.goto('/settings/roles');
            await expect(qa.getByRole('checkbox')).toHaveCount(0);
            if (javaScriptEnabled) {
                await expectAccessible(qa);
            }
        });
        await test.step('stands in the log, and is taken back', async () => {
            await admin.goto('/audit?kind=roles');
            await expect(admin.getByText(/set that QA may no longer change rollouts/).first()).toBeVisible();
            await admin.goto('/settings/roles');
            await admin.locator('summary', { hasText: 'Undo the last change' }).click();
            await admin.getByRole('button', { name: 'Undo it' }).click();
            await expect(admin.getByText('These are the defaults of Fader.')).toBeVisible();
            await qa.goto('/flags/fast-payment');
            await expect(save.first()).toBeAttached();
        });
        await admin.context().close();
        await qa.context().close();
    });
}
