// People: "what did this VIP see yesterday at 14:10, and why?", searching, importing, and what can be done about one.

import { alive, expectAccessible, signedIn } from '../clients/dashboard';
import { CUSTOMERS } from '../clients/demo';
import { Desk } from '../clients/desk';
import { expect, test } from '../clients/world';

const DAY_MS = 24 * 60 * 60 * 1000;
const yesterday = () => new Date(Date.now() - DAY_MS).toISOString().slice(0, 10);
const fast = { name: 'Fast payment' };

test('support answers what a VIP saw yesterday at 14:10', async ({ browser, world }) => {
    await Desk.staffOnly(browser, world);
    const page = await signedIn(browser, world, 'support');
    await page.getByRole('link', { name: 'People', exact: true }).click();
    await alive(page);

    await test.step('typing finds them by name, without a press', async () => {
        await page.getByRole('searchbox', { name: 'Search people' }).pressSequentially('moreau');
        const found = page.locator('.people-table').getByRole('link', { name: CUSTOMERS.vip.id });
        await expect(found).toBeVisible();
        await expect(page.locator('.people-table mark').first()).toHaveText(/moreau/i);
        await found.click();
    });

    const answer = page.getByRole('article', fast);
    await test.step('what they saw and what they would see now differ, and the page says so', async () => {
        await expect(page.getByRole('heading', { level: 1 })).toHaveText(CUSTOMERS.vip.name);
        await expect(answer).toContainText('not what they saw last');
        await expect(answer.locator('.person-saw')).toContainText('on');
        await expect(answer.locator('.person-would')).toContainText('off');
        await expect(answer.locator('.person-why')).toContainText('VIP agencies');
    });

    await test.step('as of 14:10 yesterday the ledger and the configuration agree', async () => {
        await page.getByLabel('As of (UTC)').fill(`${yesterday()}T14:10`);
        await page.getByRole('button', { name: 'Show that instant' }).click();
        await expect(page).toHaveURL(/at=/);
        await expect(answer.getByRole('heading', { name: 'Served (ledger)' })).toBeVisible();
        await expect(answer.locator('.person-saw')).toContainText('on');
        await expect(answer.locator('.person-would')).toContainText('on');
        await expect(answer.locator('.person-why')).toContainText('in VIP agencies');
        await expect(answer).not.toContainText('not what was served');
    });

    await test.step('the sentence for the customer is copied with one press', async () => {
        await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
        await answer.getByText('For the customer').click();
        // The minute of the visit is another one every day.
        const field = answer.getByRole('textbox', { name: 'Sentence for the customer about Fast payment' });
        await expect(field).toHaveValue(/14:10 UTC you had One-step payment: you were shown it last on .* 14:0[6-9] UTC\.$/);
        await answer.getByRole('button', { name: 'Copy' }).click();
        await expect(answer.getByRole('button', { name: 'Copied' })).toBeVisible();
        expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(await field.inputValue());
    });

    await test.step('the answer for the customer names nothing internal; the bug report names everything', async () => {
        const letter = page.locator('#customer-answer');
        await expect(letter).toContainText('Hello Ada Moreau,');
        await expect(letter).toContainText('you had One-step payment');
        await expect(letter).not.toContainText(/fast-payment|VIP|revision/);
        await page.getByText('The same as a bug report').click();
        await expect(page.locator('#bug-report-text')).toContainText(/Fast payment \(fast-payment\)\n {2}served {2}on, .*revision \d+, rule vip/);
    });

    await test.step('the look-up stands in the audit log, once', async () => {
        const admin = await signedIn(browser, world, 'admin');
        await admin.goto('/audit?action=person_looked_up');
        // Others look them up elsewhere, in a group or in Try it.
        const told = admin.locator('.log li').filter({ hasText: 'Sofia Reyes' });
        await expect(told.filter({ hasText: `looked up ${CUSTOMERS.vip.id}` })).toHaveCount(1);
        await admin.context().close();
    });
    await page.context().close();
});

test('without scripts a person is found, read and pinned', async ({ browser, world }) => {
    const page = await signedIn(browser, world, 'product', { javaScriptEnabled: false });
    await page.goto('/people');
    await page.getByRole('searchbox', { name: 'Search people' }).fill('lindqvist nordlys');
    await page.getByRole('button', { name: 'Search' }).click();
    await page.locator('.people-table').getByRole('link', { name: 'jonas.lindqvist' }).click();
    const answer = page.getByRole('article', fast);
    await expect(answer.locator('.person-would')).toContainText('off');
    await answer.locator('summary', { hasText: 'Change' }).click();
    await answer.getByLabel('Always serve').selectOption('on');
    await answer.getByLabel('Why you change Fast payment').fill('asked for it by phone');
    await answer.getByRole('button', { name: 'Pin', exact: true }).click();
    await expect(page.getByRole('status').filter({ hasText: 'Saved' })).toBeVisible();
    await expect(answer.locator('.person-would')).toContainText('on');
    await expect(answer.locator('.person-why')).toContainText('pinned');
    await answer.locator('summary', { hasText: 'Change' }).click();
    await answer.getByRole('button', { name: 'Unpin' }).click();
    await expect(answer.locator('.person-would')).toContainText('off');
    await page.context().close();
});

test('a table is imported after its report was read', async ({ browser, world }) => {
    const page = await signedIn(browser, world, 'admin');
    await page.goto('/people');
    await page.getByRole('link', { name: 'Import' }).click();
    const table = 'id,name,tier,transactions_30d,mood\nzoe.one,Zoe One,vip,7,\nzoe.two,Zoe Two,vip,many,\nzoe.three\n';
    await page.getByLabel('Table').fill(table);
    await page.getByRole('button', { name: 'Check it' }).click();
    const report = page.locator('.import-report');
    await expect(report).toContainText('1 new');
    await expect(report).toContainText('2 malformed');
    await expect(report).toContainText('Line 3: transactions_30d has to be a number, not “many”.');
    await expect(report).toContainText('mood');
    await page.goto('/people?q=zoe.one');
    await expect(page.getByText('Nobody found')).toBeVisible();
    await page.goto('/import/people');
    await page.getByLabel('Table').fill(table);
    await page.getByRole('button', { name: 'Check it' }).click();
    await page.getByRole('button', { name: 'Import 1 person and leave out 2 lines' }).click();
    await expect(page.getByRole('status').filter({ hasText: 'Imported' })).toBeVisible();
    await page.goto('/people/zoe.one');
    await expect(page.getByRole('heading', { level: 1 })).toHaveText('Zoe One');
    await page.context().close();
});

test('saving the form of a person leaves alone what nobody touched', async ({ browser, world }) => {
    const page = await signedIn(browser, world, 'admin', { javaScriptEnabled: false });
    const shown = (name: string) =>
        page.locator('.person-traits dt', { hasText: new RegExp(`^${name}$`) }).locator('+ dd');
    const save = async () => {
        await page.getByRole('button', { name: 'Save', exact: true }).click();
        await expect(page.getByRole('status').filter({ hasText: 'Saved' })).toBeVisible();
        await page.locator('#edit-traits > summary').click();
    };
    await page.goto('/people/jonas.lindqvist');
    await page.locator('#edit-traits > summary').click();
    const add = async (at: number, name: string, value: string) => {
        await page.getByLabel(`New attribute ${at}`, { exact: true }).fill(name);
        await page.getByLabel(`Value of new attribute ${at}`).fill(value);
    };

    await test.step('codes and numbers of telephones are texts, and whole numbers keep their digits', async () => {
        await add(1, 'zip', '00501');
        await add(2, 'phone', '+4712345678');
        await save();
        await add(1, 'account', '9007199254740993');
        await add(2, 'locker', '"42"');
        await save();
        await expect(page.locator('#trait-zip-type')).toHaveText('text, not in the schema');
        await expect(page.locator('#trait-account-type')).toHaveText('number, not in the schema');
        await expect(page.locator('#trait-locker-type')).toHaveText('text, not in the schema');
    });

    await test.step('changing one of them changes no other', async () => {
        await page.locator('#trait-zip').fill('00502');
        await save();
        await expect(shown('zip')).toHaveText('00502');
        await expect(shown('phone')).toHaveText('+4712345678');
        await expect(shown('account')).toHaveText('9007199254740993');
        await expect(page.locator('#trait-locker-type')).toHaveText('text, not in the schema');
        await expect(page.locator('#trait-zip-type')).toHaveText('text, not in the schema');
    });
    await page.context().close();
});

test('the command palette finds people, and only for who may look them up', async ({ browser, world }) => {
    for (const [role, count] of [['support', 1], ['viewer', 0]] as const) {
        const page = await signedIn(browser, world, role);
        await alive(page);
        await page.keyboard.press('Control+k');
        const palette = page.getByRole('dialog', { name: 'Search' });
        await expect(palette).toBeVisible();
        await palette.getByRole('combobox').fill('moreau');
        const hit = page.getByRole('option').filter({ hasText: CUSTOMERS.vip.id });
        if (count) {
            await expect(hit).toHaveCount(1);
        } else {
            await expect(page.getByText('Nothing found', { exact: false })).toBeVisible();
            await expect(hit).toHaveCount(0);
        }
        await page.context().close();
    }
});

for (const colorScheme of ['light', 'dark'] as const) {
    for (const [size, viewport] of Object.entries({ desk: { width: 1440, height: 900 }, phone: { width: 360, height: 740 } })) {
        test(`the pages about people are accessible: ${colorScheme}, ${size}`, async ({ browser, world }) => {
            const page = await signedIn(browser, world, 'admin', { colorScheme, viewport });
            const person = `/people/${CUSTOMERS.vip.id}`;
            for (const path of ['/people', '/people?q=ada', '/people?q=nobody-at-all', person, `${person}?at=${yesterday()}T14:10`, '/import/people']) {
                await page.goto(path);
                await alive(page);
                await expectAccessible(page);
            }
            await page.goto(person);
            for (const summary of await page.getByRole('article', fast).locator('summary').all()) {
                await summary.click();
            }
            await page.locator('#timeline-table > summary').click();
            await page.locator('#edit-traits > summary').click();
            await expectAccessible(page);
            const width = await page.evaluate(() => document.documentElement.scrollWidth);
            expect(width).toBeLessThanOrEqual(viewport.width);
            await page.context().close();
        });
    }
}

test('what changed for somebody since yesterday names the change that did it', async ({ browser, world }) => {
    const product = await signedIn(browser, world, 'product');
    await product.goto('/people/ada.moreau');
    const flag = product.getByRole('article', { name: 'New seat map' });
    await flag.locator('summary', { hasText: 'Change' }).click();
    const other = (await flag.locator('.person-would').textContent())?.includes('off') ? 'on' : 'off';
    await flag.getByLabel('Always serve').selectOption(other);
    await flag.getByLabel('Why you change New seat map').fill('asked for it by phone');
    await flag.getByRole('button', { name: 'Pin', exact: true }).click();
    await expect(product.getByRole('status').filter({ hasText: 'Saved' })).toBeVisible();
    await product.context().close();

    const page = await signedIn(browser, world, 'support');
    await page.goto('/people/ada.moreau');
    await alive(page);
    await page.getByRole('link', { name: 'What changed?', exact: true }).click();
    await expect(page.getByRole('heading', { level: 1 })).toHaveText('What changed for Ada Moreau?');
    const changed = page.getByRole('article', { name: 'New seat map' });
    await expect(changed.locator('.person-would')).toContainText('pinned');
    await expect(changed.locator('.person-turns')).toContainText('asked for it by phone');
    await expectAccessible(page);
    await changed.locator('.person-turns').getByRole('link').last().click();
    await expect(page).toHaveURL(/\/audit\/\d+/);
    await page.context().close();
});

test('without scripts two typed moments are compared, and nothing changed is said', async ({ browser, world }) => {
    const page = await signedIn(browser, world, 'support', { javaScriptEnabled: false });
    const ago = (minutes: number) => new Date(Date.now() - minutes * 60_000).toISOString().slice(0, 16);
    await page.goto('/people/ada.moreau/changed');
    await page.getByLabel('From (UTC)').fill(ago(3 * 60 + 1));
    await page.getByLabel('Until (UTC); empty is now').fill(ago(3 * 60));
    await page.getByRole('button', { name: 'What changed?' }).click();
    await expect(page).toHaveURL(/from=\d{4}-.*Z/);
    await expect(page.getByText('Nothing changed', { exact: true })).toBeVisible();
    await page.getByLabel('From (UTC)').fill(ago(-60));
    await page.getByRole('button', { name: 'What changed?' }).click();
    await expect(page.getByRole('alert').first()).toHaveText('Choose a moment before the other one.');
    await page.context().close();
});

test('a slip in a name is forgiven, and said to be one', async ({ browser, world }) => {
    const page = await signedIn(browser, world, 'support', { javaScriptEnabled: false });
    await page.goto('/people?q=ada+mreau');
    await expect(page.getByRole('heading', { name: 'Did you mean…' })).toBeVisible();
    await page.getByRole('link', { name: CUSTOMERS.vip.id }).click();
    await expect(page.getByRole('heading', { level: 1 })).toHaveText(CUSTOMERS.vip.name);
    await page.context().close();
});
