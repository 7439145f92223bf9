// Fader below a path of a proxy that leaves the path where it is: signing in, a fader, the palette, what others see at
// once, and the widget on another site's page. No request leaves the path.

import { createServer, request as ask, type Server } from 'node:http';
import type { Browser, Page } from '@playwright/test';
import { servePage } from '../clients/ask';
import { alive } from '../clients/dashboard';
import { CUSTOMERS, EMAILS } from '../clients/demo';
import { expect, freePort, test, type World } from '../clients/world';

let proxy: Server;
let base: string;

test.beforeAll(async ({ world }) => {
    const port = await freePort();
    base = `http://127.0.0.1:${port}/fader`;
    const copy = await world.startCopy('--public-url', base);
    proxy = createServer((request, response) => {
        const { method, headers } = request;
        const forwarded = ask(`${copy}${request.url}`, { method, headers }, (answer) => {
            response.writeHead(answer.statusCode ?? 502, answer.headers);
            answer.pipe(response);
        });
        forwarded.on('error', () => response.destroy());
        response.on('close', () => forwarded.destroy());
        request.pipe(forwarded);
    });
    await new Promise<void>((done) => proxy.listen(port, '127.0.0.1', done));
});

test.afterAll(() => {
    proxy.closeAllConnections();
    proxy.close();
});

/** Somebody signed in below the path, and what their pages asked for outside of it. */
async function below(browser: Browser, world: World, email: string): Promise<{ page: Page; outside: string[] }> {
    const page = await (await browser.newContext()).newPage();
    const outside: string[] = [];
    page.on('request', (it) => it.url().startsWith('http') && !it.url().startsWith(`${base}/`) && outside.push(it.url()));
    await page.goto(`${base}/sign-in`);
    await page.getByLabel('E-mail').fill(email);
    await page.getByLabel('Password').fill(world.password);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await expect(page).toHaveURL(`${base}/`);
    return { page, outside };
}

test('a fader moves, the palette finds and others see it at once', async ({ browser, world }) => {
    const writer = await below(browser, world, EMAILS.product);
    const reader = await below(browser, world, EMAILS.viewer);
    await alive(reader.page);
    const { page } = writer;
    await page.goto(`${base}/flags/trip-suggestions`);
    await alive(page);
    await page.getByLabel('Everyone, per cent', { exact: true }).fill('33');
    await page.getByRole('button', { name: 'Save in Production' }).click();
    await expect(page.getByRole('status').filter({ hasText: 'Saved' })).toBeVisible();
    await expect(page.getByLabel('Everyone, per cent', { exact: true })).toHaveValue('33');

    await alive(page);
    await page.keyboard.press('Control+k');
    const palette = page.getByRole('dialog', { name: 'Search' });
    await palette.getByRole('combobox').fill('stop trip suggestions');
    await expect(palette.getByRole('option').first()).toContainText('Stop Trip suggestions in Production…');
    await page.keyboard.press('Enter');
    await expect(page).toHaveURL(`${base}/flags/trip-suggestions?confirm=stop`);
    await page.getByRole('button', { name: 'Stop it now' }).click();
    await expect(page.getByRole('status').filter({ hasText: 'Stopped.' })).toBeVisible();
    const row = reader.page.getByRole('row').filter({ hasText: 'Trip suggestions' });
    await expect(row).toContainText('Stopped');
    expect([...writer.outside, ...reader.outside]).toEqual([]);
    await page.context().close();
    await reader.page.context().close();
});

test('the widget on another page sends what it is told below the path', async ({ browser, world }) => {
    const site = await servePage(world.page);
    const page = await (await browser.newContext()).newPage();
    await page.goto(world.page);
    await page.evaluate(
        ([src, token, subject]) => {
            const script = document.createElement('script');
            Object.assign(script.dataset, { token, subject });
            script.src = src!;
            document.head.append(script);
        },
        [`${base}/widget.js`, world.clientToken, CUSTOMERS.standard.id],
    );
    const sent = page.waitForResponse((answer) => answer.url() === `${base}/api/v1/feedback` && answer.request().method() === 'POST');
    await page.getByRole('button', { name: 'Feedback' }).click();
    const dialog = page.getByRole('dialog', { name: 'How did it go?' });
    await dialog.getByLabel('1, very bad').check();
    await dialog.getByRole('button', { name: 'Send' }).click();
    expect((await sent).ok()).toBe(true);
    await expect(page.getByRole('dialog', { name: 'Feedback sent' })).toBeVisible();
    await page.context().close();
    await site.close();
});
