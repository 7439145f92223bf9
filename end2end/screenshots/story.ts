// The pictures of the README's story: simulated customers use fast payment, somebody breaks it, Fader takes it away.

import { test } from '@playwright/test';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { CUSTOMERS, EMAILS } from '../clients/demo';
import { Desk } from '../clients/desk';
import { Shop } from '../clients/shop';
import { binary, expect, ROOT, startWorld } from '../clients/world';

const viewport = { width: 1280, height: 832 };
const picture = (name: string) => join(ROOT, 'docs/images', `story-${name}.png`);
const KEY = 'a-key-for-pictures';

test('customers come, fast payment breaks, Fader stops it', async ({ browser }) => {
    test.setTimeout(300_000);
    const world = await startWorld(['--partner-key', KEY]);
    const args = ['demo', '--booking-url', world.booking, '--partner-key', KEY, '--per-second', '30'];
    const crowd = spawn(binary('fader', 'FADER_BIN'), args, { stdio: 'ignore' });
    try {
        const desk = await Desk.signIn(browser, world, EMAILS.product, { viewport, deviceScaleFactor: 1.5 });
        await desk.setFaders('fast-payment', { Everyone: '50' }, 'The pilot went well');
        await desk.page.goto('/flags/fast-payment/health?env=production&rule=everyone&span=step');
        await expect(desk.page.getByText('With the feature').first()).toBeVisible({ timeout: 60_000 });
        await desk.page.waitForTimeout(45_000);
        await desk.page.screenshot({ path: picture('1-watching') });

        const shop = await Shop.signIn(browser, world, CUSTOMERS.staff.name, { viewport, deviceScaleFactor: 1.5 });
        await shop.page.goto('/admin');
        await shop.page.getByLabel('Fails often').check();
        await shop.page.screenshot({ path: picture('2-breaking') });
        await shop.page.getByRole('button', { name: 'From now on' }).click();
        const broken = Date.now();
        await expect(desk.page.getByText('Stopped by').first()).toBeVisible({ timeout: 60_000 });
        console.log(`stopped ${((Date.now() - broken) / 1000).toFixed(1)} s after it broke, as seen on the open page`);
        await desk.page.screenshot({ path: picture('3-stopped') });
        await shop.close();
        await desk.close();
    } finally {
        crowd.kill();
        await world.stop();
    }
});
