// No page scrolls sideways, from a small phone to a wide screen, and what stops a flag is always in sight.

import type { Page } from '@playwright/test';
import { signedIn } from '../clients/dashboard';
import { PAGES } from '../clients/pages';
import { expect, test } from '../clients/world';

const WIDTHS = [320, 390, 768, 1000, 1100, 1165, 1280, 1440, 1920, 2560];

/** Names as long as they may be, and testers with much to say. */
async function lengthen(page: Page): Promise<void> {
    await page.goto('/flags/new');
    await page.getByLabel('Name', { exact: true }).fill('M'.repeat(80));
    await page.getByLabel('Tags').fill('w'.repeat(32));
    await page.getByRole('button', { name: 'Create the flag' }).click();
    await page.waitForURL(/\/flags\/m+/);
    await page.goto('/groups/vip-agencies?tab=testers');
    // Open by itself while there is nobody.
    await page.locator('details:has([name=list])').evaluate((form) => form.setAttribute('open', ''));
    const testers = ['ada.moreau', 'maximiliane.mustermann-schulze@subsidiary.travel-agency.example.org', 'x'.repeat(60)];
    await page.locator('[name=list]').fill(testers.join('\n'));
    await page.locator('[name=purpose]').fill('Pays by hand on an old telephone in the branch office of Aix-en-Provence');
    await page.locator('form:has([name=list]) button[name=intent]').click();
    await page.getByLabel(/Also enrol 2 who are not/).check();
    await page.getByRole('button', { name: 'Enrol 3 testers' }).click();
    await expect(page.locator('.tester-table tbody tr')).toHaveCount(3);
}

test('no page scrolls sideways at any width', async ({ browser, world }) => {
    test.setTimeout(240_000);
    const page = await signedIn(browser, world, 'admin');
    await lengthen(page);
    const told = await page.request.post(`${world.fader}/api/v1/feedback`, {
        headers: { Authorization: `Bearer ${world.serverToken}` },
        data: { id: 'widths', subject: 'ada.moreau', flag: 'fast-payment', rating: 2, comment: `It says ${'m'.repeat(300)}` },
    });
    expect(told.ok(), await told.text()).toBe(true);
    for (const path of [...PAGES, '/audit/5', '/feedback/1', '/flags/fast-payment?confirm=stop']) {
        await page.setViewportSize({ width: 1280, height: 900 });
        await page.goto(path);
        for (const width of WIDTHS) {
            await page.setViewportSize({ width, height: 900 });
            const wide = await page.evaluate(() => {
                const edge = document.documentElement.clientWidth;
                if (document.documentElement.scrollWidth <= edge) {
                    return { by: 0, first: [] };
                }
                const names = [...document.querySelectorAll('main *')]
                    .filter((it) => it.getBoundingClientRect().right > edge + 1)
                    .map((it) => `${it.tagName}.${it.getAttribute('class') ?? ''}#${it.id}`);
                return { by: document.documentElement.scrollWidth - edge, first: names.slice(0, 3) };
            });
            expect.soft(wide.by, `${path} at ${width}: ${wide.first.join(', ')}`).toBeLessThanOrEqual(0);
        }
    }
    await page.context().close();
});

test('Stop and Resume stand in the window at every width', async ({ browser, world }) => {
    const page = await signedIn(browser, world, 'product');
    await page.goto('/flags/trip-suggestions?confirm=stop');
    await page.getByRole('button', { name: 'Stop it now' }).click();
    await expect(page.locator('#resume')).toBeVisible();
    await page.goto('/');
    for (const width of WIDTHS) {
        await page.setViewportSize({ width, height: 900 });
        for (const name of ['Stop Fast payment', 'Resume Trip suggestions']) {
            const box = await page.getByRole('link', { name }).boundingBox();
            expect(box && box.x >= 0 && box.x + box.width <= width, `${name} at ${width}`).toBe(true);
        }
    }
    await page.goto('/flags/trip-suggestions?confirm=resume');
    await page.getByRole('button', { name: 'Resume now' }).click();
    await expect(page.locator('#stop')).toBeVisible();
    await page.context().close();
});
