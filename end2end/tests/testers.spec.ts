// Testers from enrolment to "has really seen it": lists with a dry run, ends that come by themselves, links.

import { alive, expectAccessible, signedIn, stranger } from '../clients/dashboard';
import { CUSTOMERS } from '../clients/demo';
import { Shop } from '../clients/shop';
import { expect, test } from '../clients/world';

const TAB = '/groups/beta-testers?tab=testers';

for (const javaScriptEnabled of [true, false]) {
    test(`QA pastes 40 testers with five bad lines (scripts: ${javaScriptEnabled})`, async ({ browser, world }) => {
        const page = await signedIn(browser, world, 'qa', { javaScriptEnabled });
        const name = (n: number) => `pilot-${javaScriptEnabled ? 'a' : 'b'}-${n}`;
        const good = Array.from({ length: 35 }, (_, n) => name(n));
        const lines = good.map((subject) => `${subject},Tries the new steps,,`);
        lines.splice(7, 0, ',nobody,,', 'x1,late,2020-01-01,2020-02-01', 'x2,,soon,', 'x3,,,,too,many', '"x4,never closed');
        // The open quotation mark swallows what comes after it, so it goes last.
        lines.push(...lines.splice(11, 1));

        await page.goto(TAB);
        const form = page.locator('details', { hasText: 'Enrol testers' });
        if ((await form.getAttribute('open')) === null) {
            await form.locator('summary').click();
        }
        await page.getByLabel('Testers to enrol').fill(['subject,purpose,from,until', ...lines].join('\n'));
        await page.getByRole('button', { name: 'Check the list' }).click();

        await expect(page.getByRole('heading', { name: 'Nothing is enrolled yet' })).toBeVisible();
        const malformed = page.getByRole('table', { name: 'Malformed' }).getByRole('row');
        await expect(malformed).toHaveCount(1 + 5);
        await expect(malformed.nth(1)).toContainText('9');
        await expect(malformed.nth(1)).toContainText('must not be empty');
        await expect(page.locator('.report-counts')).toContainText('35');
        if (javaScriptEnabled) {
            // axe is a script itself.
            await expectAccessible(page);
        }
        await expect(page.getByRole('button', { name: 'Enrol 0 testers' })).toBeVisible();
        await page.getByLabel(/Also enrol 35 who are not among the known people/).check();
        await page.getByRole('button', { name: 'Enrol 35 testers' }).click();

        await expect(page.getByRole('status').filter({ hasText: 'Enrolled' })).toBeVisible();
        const row = page.getByRole('row').filter({ has: page.getByRole('link', { name: name(34), exact: true }) });
        await expect(row).toContainText('Tries the new steps');
        await expect(row).toContainText('not yet');
        await page.getByLabel('Show', { exact: true }).selectOption({ label: 'Enrolled but not exposed yet' });
        await page.getByRole('button', { name: 'Show', exact: true }).click();
        await expect(page).toHaveURL(/show=unseen/);
        await expect(row).toBeVisible();
        await page.context().close();
    });
}

test('a file is enrolled, some are extended and one is removed', async ({ browser, world }) => {
    const page = await signedIn(browser, world, 'qa');
    await page.goto(TAB);
    const form = page.locator('details', { hasText: 'Enrol testers' });
    if ((await form.getAttribute('open')) === null) {
        await form.locator('summary').click();
    }
    const buffer = Buffer.from('subject,purpose\nfile-1,calls\nfile-2,calls\n');
    await page.getByLabel('Or a CSV file').setInputFiles({ name: 'testers.csv', mimeType: 'text/csv', buffer });
    await page.getByRole('button', { name: 'Check the list' }).click();
    await page.getByLabel(/Also enrol 2 who are not/).check();
    await page.getByRole('button', { name: 'Enrol 2 testers' }).click();
    await page.getByLabel('Choose file-1').check();
    await page.getByLabel('New end (day)').fill('2031-05-01');
    await page.getByRole('button', { name: 'Extend the ticked' }).click();
    await expect(page.getByRole('row').filter({ hasText: 'file-1' })).toContainText('until 1 May 2031');
    await page.getByRole('button', { name: 'Remove file-2', exact: true }).click();
    await expect(page.getByRole('row').filter({ hasText: 'file-2' })).toHaveCount(0);
    await page.context().close();
});

test('a tester’s enrolment expires while the page is open', async ({ browser, world }) => {
    const admin = await signedIn(browser, world, 'admin');
    const token = world.cli('token', 'create', '--kind', 'admin', '--role', 'qa', '--name', 'e2e');
    const shop = await Shop.signIn(browser, world, CUSTOMERS.standard.name);
    await shop.openTrip();
    await expect(shop.fastPayment).toBeHidden();

    const until = new Date(Date.now() + 8_000);
    const answer = await shop.page.request.post(`${world.fader}/api/v1/groups/internal/enrolments`, {
        headers: { Authorization: `Bearer ${token}` },
        data: { testers: [{ subject: CUSTOMERS.standard.id, until: until.toISOString() }] },
    });
    expect(await answer.json()).toMatchObject({ enrolled: 1 });
    await expect(shop.fastPayment).toBeVisible();
    await admin.goto('/groups/internal?tab=testers');
    await alive(admin);
    const row = admin.getByRole('row').filter({ hasText: CUSTOMERS.standard.id });
    await expect(row.locator('.badge')).toHaveText('in');

    await expect(shop.fastPayment).toBeHidden({ timeout: 15_000 });
    const late = (await shop.lastChange()) - until.getTime();
    expect(late, 'milliseconds after its end').toBeLessThan(2_000);
    expect(late).toBeGreaterThanOrEqual(0);
    await expect(row.locator('.badge')).toHaveText('expired');
    await shop.close();
    await admin.context().close();
});

test('a tester accepts an invitation; it is full afterwards and can be revoked', async ({ browser, world }) => {
    const qa = await signedIn(browser, world, 'qa');
    await qa.goto(TAB);
    await qa.locator('details', { hasText: 'Invite by link' }).locator('summary').click();
    await qa.getByLabel('What for').fill('Second round');
    await qa.getByLabel('How many testers').fill('1');
    await qa.getByLabel('Can be accepted until (day)').fill('2031-05-01');
    await qa.getByRole('button', { name: 'Make the link' }).click();
    const link = await qa.getByLabel('Invitation link').inputValue();

    const tester = await stranger(browser, world);
    await tester.goto(`${link}?subject=invited.one`);
    await expect(tester.getByLabel(/Your user name/)).toHaveValue('invited.one');
    await expectAccessible(tester);
    await tester.getByRole('button', { name: 'Take part' }).click();
    await expect(tester.getByRole('status').filter({ hasText: 'You are in.' })).toBeVisible();
    await tester.goto(link);
    await expect(tester.getByRole('alert')).toContainText('This test is full');

    await qa.goto(TAB);
    await expect(qa.getByRole('row').filter({ hasText: 'invited.one' })).toContainText('invitation');
    const invitation = qa.getByRole('row').filter({ hasText: 'Second round' }).last();
    await expect(invitation).toContainText('1 of 1');
    await invitation.getByText('Revoke', { exact: true }).click();
    await invitation.getByRole('button', { name: 'Revoke the invitation' }).click();
    await tester.goto(link);
    await expect(tester.getByRole('alert')).toContainText('was taken back');
    await tester.context().close();
    await qa.context().close();
});

test('a preview shows a tester what they are not enrolled in, on the page and at the payment', async ({
    browser,
    world,
}) => {
    const qa = await signedIn(browser, world, 'qa');
    await qa.goto(`/testers/${CUSTOMERS.standard.id}`);
    await expectAccessible(qa);
    await qa.getByLabel('Flag and variant').selectOption('fast-payment/on');
    await qa.getByLabel('Page to open').fill(`${world.booking}/?from=Geneva`);
    await qa.getByLabel('Why? A comment for the audit log').fill('To look at it together');
    await qa.getByRole('button', { name: 'Make the link' }).click();
    const link = await qa.getByLabel('Preview link').inputValue();
    await qa.context().close();

    const shop = await Shop.signIn(browser, world, CUSTOMERS.standard.name);
    await shop.page.goto(link);
    await expect(shop.page).toHaveURL(`${world.booking}/?from=Geneva`);
    await expect(shop.page.getByRole('status').filter({ hasText: 'Preview' })).toBeVisible();
    await shop.openTrip();
    await expect(shop.fastPayment).toBeVisible();
    expect((await shop.payByHand()).status()).toBe(201);
    await shop.close();

    const other = await Shop.signIn(browser, world, CUSTOMERS.vip.name);
    const plain = await Shop.signIn(browser, world, CUSTOMERS.standard.name);
    await plain.openTrip();
    await expect(plain.fastPayment).toBeHidden();
    await plain.close();
    await other.close();
});

for (const colorScheme of ['light', 'dark'] as const) {
    test(`the pages of testers are accessible, ${colorScheme}`, async ({ browser, world }) => {
        const page = await signedIn(browser, world, 'admin', { colorScheme });
        for (const path of [TAB, `${TAB}&show=unseen`, `/testers/${CUSTOMERS.vip.id}`]) {
            await page.goto(path);
            await expectAccessible(page);
        }
        await page.setViewportSize({ width: 390, height: 844 });
        for (const path of [TAB, `/testers/${CUSTOMERS.vip.id}`]) {
            await page.goto(path);
            await expectAccessible(page);
        }
        await page.context().close();
    });
}
