// The content security policy of pages: nothing of ours breaks it, and faders look right although no page has a style attribute.

import type { Browser, Locator, Page } from '@playwright/test';
import { EMAILS } from '../clients/demo';
import { Desk } from '../clients/desk';
import { PAGES } from '../clients/pages';
import { expect, test, type World } from '../clients/world';

const FLAG = '/flags/fast-payment';

/** What the browser says against the policy, as it also tells a person in its console. */
function violations(page: Page): string[] {
    const said: string[] = [];
    page.on('console', (message) => {
        if (/content security policy/i.test(message.text())) {
            said.push(`${page.url()}: ${message.text()}`);
        }
    });
    return said;
}

async function signedIn(browser: Browser, world: World, javaScriptEnabled: boolean): Promise<Page> {
    const desk = await Desk.signIn(browser, world, EMAILS.admin, { javaScriptEnabled });
    return desk.page;
}

/** Where something begins and ends on the scale of its fader, in per cent. */
async function onScale(fader: Locator, part: string): Promise<[number, number]> {
    const slot = await fader.locator('.fader-slot').boundingBox();
    const box = await fader.locator(part).boundingBox();
    if (!slot || !box) throw new Error(`${part} is not on the page`);
    const at = (x: number) => ((x - slot.x) / slot.width) * 100;
    return [at(box.x), at(box.x + box.width)];
}

for (const javaScriptEnabled of [true, false]) {
    const scripts = javaScriptEnabled ? 'with scripts' : 'without scripts';

    test(`no page breaks the policy, ${scripts}`, async ({ browser, world }) => {
        test.slow();
        const page = await signedIn(browser, world, javaScriptEnabled);
        const said = violations(page);
        for (const address of PAGES) {
            await page.goto(address);
            await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
        }
        expect(said).toEqual([]);
        await page.context().close();
    });

    test(`a fader shows where it stands and where it goes, ${scripts}`, async ({ browser, world }) => {
        await Desk.vipAgenciesOnly(browser, world);
        const page = await signedIn(browser, world, javaScriptEnabled);
        const said = violations(page);
        await page.goto(`${FLAG}?env=production`);
        if (javaScriptEnabled) {
            await expect(page.locator('form#rollout[data-alive]')).toBeVisible();
        }
        const strip = page.locator('.strip').filter({ has: page.getByRole('heading', { name: 'Everyone', exact: true }) });
        const fader = strip.locator('.fader');
        await page.getByRole('button', { name: 'Set Everyone to 20 %', exact: true }).click();
        await expect(fader).toHaveAttribute('data-moved', 'up');
        const [from, to] = await onScale(fader, '.fader-change');
        expect(from).toBeCloseTo(0, 0);
        expect(to).toBeCloseTo(20, 0);
        for (const [at, name] of [[0, '0'], [20, '20'], [50, '50'], [100, '100']] as const) {
            const [left, right] = await onScale(fader, `.fader-step:has-text("${name}"):text-is("${name}")`);
            expect((left + right) / 2).toBeCloseTo(at, 0);
        }
        const vip = page.locator('.strip').filter({ has: page.getByRole('heading', { name: 'VIP agencies', exact: true }) });
        expect((await onScale(vip.locator('.fader'), '.fader-fill'))[1]).toBeCloseTo(100, 0);
        expect(said).toEqual([]);
        await page.context().close();
    });
}

test('a style attribute that somebody smuggles in is refused', async ({ browser, world }) => {
    const page = await signedIn(browser, world, true);
    const said = violations(page);
    await page.goto('/');
    await page.evaluate(() => {
        document.body.insertAdjacentHTML('beforeend', '<p id="smuggled" style="position: fixed; inset: 0">over everything</p>');
    });
    await expect(page.locator('#smuggled')).toHaveCSS('position', 'static');
    await expect.poll(() => said.length).toBeGreaterThan(0);
    await page.context().close();
});
