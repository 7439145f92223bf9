// Each file has a world of its own (clients/world.ts): a Fader and a booking site on free ports.

import { defineConfig } from '@playwright/test';
import { existsSync } from 'node:fs';
import type { Database } from './clients/world';

const onPostgres = Boolean(process.env.FADER_TEST_POSTGRES_URL);
if (process.env.CI && !onPostgres) {
    throw new Error('Some journeys run on PostgreSQL too: scripts/postgres.sh with npx playwright test');
}

const SHELL = '/usr/bin/chromium-headless-shell';
const CHROMIUM = process.env.FADER_CHROMIUM ?? (existsSync(SHELL) ? SHELL : '/usr/bin/chromium');

export default defineConfig<object, { database: Database }>({
    testDir: 'tests',
    outputDir: 'test-results',
    reporter: process.env.CI ? 'line' : 'list',
    forbidOnly: true,
    // A machine that is busy with something else now and then: the report still calls such a test flaky.
    retries: process.env.CI ? 1 : 0,
    fullyParallel: false,
    // A world is three programs; more of them than this only makes two cores slow.
    workers: Number(process.env.FADER_E2E_WORKERS ?? 2),
    timeout: 60_000,
    expect: { timeout: 10_000 },
    projects: [
        // What a plan and the guard do with the database is worth seeing on both. First, because its one file waits for
        // the guard most of the time: at the end, one worker would wait with it for minutes while the other is done.
        ...(onPostgres ? [{ name: 'postgres', testMatch: 'guard.spec.ts', grepInvert: /accessible/, use: { database: 'postgres' as const } }] : []),
        { name: 'sqlite' },
    ],
    use: {
        locale: 'en-GB',
        timezoneId: 'UTC',
        // Recording everything takes a quarter of the time of all tests. `--trace on` records on a developer's machine.
        trace: 'on-first-retry',
        launchOptions: {
            executablePath: CHROMIUM,
            args: [
                '--no-sandbox',
                '--disable-gpu',
                '--disable-dev-shm-usage',
                '--disable-background-networking',
                '--disable-component-update',
                '--disable-sync',
                '--no-first-run',
            ],
        },
    },
});
