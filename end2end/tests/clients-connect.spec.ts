// The programs on a flag's Connect tab, taken from the page as they stand there and run, turn its lights green. In staging
// of the demo nobody was served anything yet.

import { execFile } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Page } from '@playwright/test';
import { servePage } from '../clients/ask';
import { alive, expectAccessible, signedIn } from '../clients/dashboard';
import { expect, ROOT, test } from '../clients/world';

const run = promisify(execFile);
// Below end2end, so that Node finds the published packages.
const FOLDER = join(ROOT, 'end2end/test-results/connect');

test.beforeAll(() => mkdirSync(FOLDER, { recursive: true }));
test.afterAll(() => rmSync(FOLDER, { recursive: true, force: true }));

const text = async (page: Page, block: string) => (await page.locator(`#connect-${block}-text`).textContent()) ?? '';
const seen = (page: Page) => page.locator('#lights').getByText('Seen', { exact: true });

/** Makes a token with a press and runs the program as the page says. */
async function runProgram(page: Page, file: string): Promise<string> {
    await page.getByRole('button', { name: 'Make a token' }).click();
    await expect(page.getByLabel('Token', { exact: true })).toHaveValue(/^fdr_server_staging_/);
    writeFileSync(join(FOLDER, file), await text(page, 'program'));
    const bin = process.env.FADER_PYTHON ?? join(ROOT, 'end2end/.venv/bin/python');
    const command = (await text(page, 'run')).replace(' python ', ` ${bin} `);
    const { stdout } = await run('sh', ['-c', command], { cwd: FOLDER, env: { ...process.env, FORCE_COLOR: '0' } });
    return stdout;
}

test('the program for Node turns all three lights green while one watches', async ({ browser, world }) => {
    const page = await signedIn(browser, world, 'admin');
    await page.goto('/flags/fast-payment/connect?env=staging');
    await alive(page);
    await expectAccessible(page);
    await expect(seen(page)).toHaveCount(0);
    expect(await runProgram(page, 'ask.mjs')).toContain('fast-payment true');
    await expect(seen(page)).toHaveCount(3, { timeout: 20_000 });
    await expect(page.locator('#lights')).toContainText(/First seen \d\d:\d\d:\d\d UTC, \d+ s ago/);
    await page.context().close();
});

for (const [language, file, flag, said] of [
    ['python', 'ask.py', 'trip-suggestions', 'trip-suggestions True'],
    ['curl', 'ask.sh', 'group-bookings', '"key":"group-bookings","value":true'],
] as const) {
    test(`the program for ${language} does so without JavaScript in the browser`, async ({ browser, world }) => {
        const page = await signedIn(browser, world, 'admin', { javaScriptEnabled: false });
        await page.goto(`/flags/${flag}/connect?env=staging&language=${language}`);
        expect(await runProgram(page, file)).toContain(said);
        await expect(async () => {
            await page.goto(`/flags/${flag}/connect?env=staging&language=${language}`);
            await expect(seen(page)).toHaveCount(3, { timeout: 1000 });
        }).toPass({ timeout: 20_000 });
        await page.context().close();
    });
}

test('the program for a web page does so with a token for its origin', async ({ browser, world }) => {
    const server = await servePage(world.page);
    const admin = await signedIn(browser, world, 'admin');
    await admin.goto('/flags/refund-automation/connect?env=staging&language=web');
    await admin.getByLabel('Where the page runs').fill(world.page);
    await admin.getByRole('button', { name: 'Make a token' }).click();
    await expect(admin.getByLabel('Token', { exact: true })).toHaveValue(/^fdr_client_staging_/);
    // The bundle of both packages, in place of a bundler.
    const program = (await text(admin, 'program')).replace(/'@openfeature\/[\w-]+'/g, "'/openfeature.js'");
    const visitor = await browser.newPage();
    await visitor.goto(world.page);
    await visitor.addScriptTag({ type: 'module', content: program });
    await expect(seen(admin)).toHaveCount(3, { timeout: 20_000 });
    await visitor.close();
    await admin.context().close();
    await server.close();
});
