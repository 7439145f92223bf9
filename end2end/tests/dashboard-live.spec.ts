// A page that is open in a second browser follows what happens in the first, without a reload and without taking
// anything from who is typing.

import type { Page } from '@playwright/test';
import { alive, signedIn, signIn } from '../clients/dashboard';
import { EMAILS } from '../clients/demo';
import { expect, test } from '../clients/world';

/** Marks the document: a reload would lose the mark. */
const mark = (page: Page) => page.evaluate(() => document.documentElement.setAttribute('data-mark', ''));
const expectMarked = (page: Page) => expect(page.locator('html')).toHaveAttribute('data-mark', '');

async function stop(page: Page, flag: string): Promise<void> {
    await page.goto(`/flags/${flag}`);
    await page.locator('#stop > summary').click();
    await page.getByLabel('Why?', { exact: true }).fill('For the test');
    await page.getByRole('button', { name: 'Stop it now' }).click();
    await expect(page.getByRole('status').filter({ hasText: 'Stopped.' })).toBeVisible();
}

async function resume(page: Page, flag: string): Promise<void> {
    await page.goto(`/flags/${flag}`);
    await page.locator('#resume > summary').click();
    await page.getByLabel('What was done about it?').fill('The test is over');
    await page.getByRole('button', { name: 'Resume now' }).click();
    await expect(page.getByRole('status').filter({ hasText: 'Resumed.' })).toBeVisible();
}

test('the desk and the audit log of a second browser follow', async ({ browser, world }) => {
    const writer = await signedIn(browser, world, 'product');
    const desk = await signedIn(browser, world, 'viewer');
    const audit = await signedIn(browser, world, 'admin');
    await desk.goto('/');
    await audit.goto('/audit');
    for (const page of [desk, audit]) {
        await alive(page);
        await mark(page);
    }
    const row = desk.getByRole('row').filter({ hasText: 'Trip suggestions' });
    await expect(row).not.toContainText('Stopped');
    await stop(writer, 'trip-suggestions');
    await expect(row).toContainText('Stopped');
    await expect(audit.locator('.log > ol > li').first()).toContainText('stopped Trip suggestions in production');
    await expectMarked(desk);
    await expectMarked(audit);
    await expect(desk.getByRole('status').filter({ hasText: 'The page was updated.' })).toBeAttached();
    await resume(writer, 'trip-suggestions');
    await expect(row).not.toContainText('Stopped');
    await expectMarked(desk);
    for (const page of [writer, desk, audit]) {
        await page.context().close();
    }
});

// A browser opens six connections to a server that speaks HTTP/1.1, and here every page counts as seen.
test('with many open pages every action still answers at once', async ({ browser, world }) => {
    const writer = await signedIn(browser, world, 'product');
    const pages = [writer];
    for (let at = 0; at < 11; at += 1) {
        const page = await writer.context().newPage();
        await page.goto(at % 2 ? '/' : '/flags/fast-payment', { timeout: 5_000 });
        pages.push(page);
    }
    for (const page of pages.slice(1)) {
        await alive(page);
    }
    await stop(writer, 'trip-suggestions');
    await expect(pages[2]!.getByRole('row').filter({ hasText: 'Trip suggestions' })).toContainText('Stopped');
    await expect(pages[10]!.getByRole('row').filter({ hasText: 'Trip suggestions' })).toContainText('Stopped');
    await resume(writer, 'trip-suggestions');
    await writer.context().close();
});

// As on browsers that know no shared workers: each page that is seen listens by itself, and the server keeps them few.
test('without a shared worker every action still answers at once', async ({ browser, world }) => {
    const writer = await signedIn(browser, world, 'product');
    await writer.context().addInitScript(() => Reflect.deleteProperty(globalThis, 'SharedWorker'));
    for (let at = 0; at < 8; at += 1) {
        const page = await writer.context().newPage();
        await page.goto('/', { timeout: 5_000 });
        if (at === 0) {
            await alive(page);
        }
    }
    await stop(writer, 'trip-suggestions');
    await resume(writer, 'trip-suggestions');
    await writer.context().close();
});

test('a page in the background holds no stream and catches up when it is seen', async ({ browser, world }) => {
    const writer = await signedIn(browser, world, 'product');
    const page = await signedIn(browser, world, 'viewer');
    await page.addInitScript(() => {
        Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => 'hidden' });
    });
    await page.goto('/');
    await page.waitForLoadState('networkidle');
    await expect(page.locator('.live')).toHaveAttribute('data-state', 'off');
    await stop(writer, 'trip-suggestions');
    const row = page.getByRole('row').filter({ hasText: 'Trip suggestions' });
    await expect(row).not.toContainText('Stopped');
    await page.evaluate(() => {
        Reflect.deleteProperty(document, 'visibilityState');
        document.dispatchEvent(new Event('visibilitychange'));
    });
    await alive(page);
    await expect(row).toContainText('Stopped');
    await resume(writer, 'trip-suggestions');
    await expect(row).not.toContainText('Stopped');
    await writer.context().close();
    await page.context().close();
});

// A browser may end the worker together with the tab that happened to carry it.
test('a page whose worker has died finds another', async ({ browser, world }) => {
    test.setTimeout(120_000);
    const writer = await signedIn(browser, world, 'product');
    const page = await signedIn(browser, world, 'viewer');
    await page.goto('/');
    await alive(page);
    await writer.goto('about:blank');
    const session = await browser.newBrowserCDPSession();
    const workers = async () => {
        const filter = [{ type: 'shared_worker', exclude: false }, { exclude: true }];
        return (await session.send('Target.getTargets', { filter })).targetInfos;
    };
    // That of the page that was left ends in its own time.
    await expect.poll(async () => (await workers()).length).toBe(1);
    await session.send('Target.closeTarget', { targetId: (await workers())[0]!.targetId });
    await stop(writer, 'trip-suggestions');
    const row = page.getByRole('row').filter({ hasText: 'Trip suggestions' });
    await expect(row).toContainText('Stopped', { timeout: 45_000 });
    await resume(writer, 'trip-suggestions');
    await writer.context().close();
    await page.context().close();
});

test('the next member in the same browser gets a stream of their own', async ({ browser, world }) => {
    const page = await signedIn(browser, world, 'viewer');
    await page.goto('/');
    await alive(page);
    const other = await page.context().newPage();
    await other.goto('/');
    await alive(other);
    await other.evaluate(() => fetch('/sign-out', { method: 'POST' }));
    await expect(page.getByText('You are signed out.')).toBeVisible({ timeout: 40_000 });
    await signIn(other, EMAILS.admin, world.password);
    await other.goto('/');
    await alive(other);
    await page.context().close();
});

test('what somebody is typing stays, and they are told', async ({ browser, world }) => {
    const writer = await signedIn(browser, world, 'product');
    const editor = await signedIn(browser, world, 'admin');
    await editor.goto('/flags/group-bookings');
    await alive(editor);
    const comment = editor.getByLabel('Why? A comment for the audit log');
    await comment.fill('Half a thought');
    await stop(writer, 'group-bookings');
    await expect(editor.getByText('Somebody else changed this while you were editing.')).toBeVisible();
    await expect(comment).toHaveValue('Half a thought');
    await editor.getByRole('button', { name: 'Keep editing' }).click();
    await expect(editor.getByText('Somebody else changed this while you were editing.')).toBeHidden();
    await resume(writer, 'group-bookings');
    await writer.context().close();
    await editor.context().close();
});

test('a page comes back by itself when the server does', async ({ browser, world }) => {
    const page = await signedIn(browser, world, 'viewer');
    await page.goto('/');
    await alive(page);
    await mark(page);
    await world.restartFader(async () => {
        await expect(page.locator('.live')).toHaveAttribute('data-state', 'reconnecting');
    });
    await expect(page.locator('.live')).toHaveAttribute('data-state', 'live', { timeout: 20_000 });
    await expectMarked(page);
    await page.context().close();
});

test('a session that ended elsewhere says so instead of going stale', async ({ browser, world }) => {
    const admin = await signedIn(browser, world, 'admin');
    const page = await signedIn(browser, world, 'qa');
    await page.goto('/');
    await alive(page);
    await admin.goto('/settings/members');
    const row = admin.getByRole('row').filter({ hasText: 'qa@demo.fader.test' });
    await row.locator('summary').click();
    await row.getByRole('button', { name: 'Disable and sign out everywhere' }).click();
    await expect(page.getByText('You are signed out.')).toBeVisible({ timeout: 20_000 });
    await row.locator('summary').click();
    await row.getByRole('button', { name: 'Enable' }).click();
    await expect(row.locator('[data-label=State]')).toHaveText('Active');
    await admin.context().close();
    await page.context().close();
});
