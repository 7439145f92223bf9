// Fader's dashboard as a product manager uses it, for tests that are about what clients see of it.

import { type Browser, type BrowserContext, type BrowserContextOptions, expect, type Page } from '@playwright/test';
import { EMAILS } from './demo';
import type { World } from './world';

export class Desk {
    private constructor(
        readonly page: Page,
        private readonly context: BrowserContext,
        private readonly world: World,
    ) {}

    static async signIn(
        browser: Browser,
        world: World,
        email: string,
        options: BrowserContextOptions = {},
    ): Promise<Desk> {
        const context = await browser.newContext({ baseURL: world.fader, ...options });
        const page = await context.newPage();
        await page.goto('/sign-in');
        await page.getByLabel('E-mail').fill(email);
        await page.getByLabel('Password', { exact: true }).fill(world.password);
        await page.getByRole('button', { name: 'Sign in' }).click();
        await expect(page).not.toHaveURL(/sign-in/);
        return new Desk(page, context, world);
    }

    async open(flag: string): Promise<void> {
        await this.page.goto(`/flags/${flag}?env=production`);
    }

    /** Two presses, with a reason; gives the time (epoch ms) of the second. */
    async stop(reason: string): Promise<number> {
        await this.page.locator('#stop > summary').click();
        await this.page.getByLabel('Why?', { exact: true }).fill(reason);
        const button = this.page.getByRole('button', { name: 'Stop it now' });
        await button.hover();
        const pressed = Date.now();
        await button.click();
        return pressed;
    }

    async resume(reason: string): Promise<void> {
        await this.page.locator('#resume > summary').click();
        await this.page.getByLabel('What was done about it?').fill(reason);
        await this.page.getByRole('button', { name: 'Resume now' }).click();
    }

    /** Types percentages, saves, and waits until they are saved. Saves nothing that stands like that already. */
    async setFaders(flag: string, percentages: Record<string, string>, comment: string): Promise<void> {
        await this.open(flag);
        let changed = false;
        for (const [rule, percentage] of Object.entries(percentages)) {
            const number = this.page.getByLabel(`${rule}, per cent`);
            if ((await number.inputValue()) !== percentage) {
                await number.fill(percentage);
                changed = true;
            }
        }
        if (changed) {
            await this.page.getByLabel('Why? A comment for the audit log').fill(comment);
            await this.page.getByRole('button', { name: /^Save/ }).click();
            await expect(this.page).toHaveURL(/saved=1/);
        }
    }

    /** Makes a flag of numbers whose off variant, which everybody gets, has this value. */
    async createNumberFlag(key: string, name: string, value: string): Promise<void> {
        await this.page.goto('/flags/new?env=production');
        await this.page.getByLabel('Name', { exact: true }).fill(name);
        await this.page.getByLabel('Key', { exact: true }).fill(key);
        await this.page.getByRole('radio', { name: /^Number/ }).check();
        await this.page.getByRole('button', { name: 'Create the flag' }).click();
        await this.page.waitForURL(`**/flags/${key}**`);
        await this.page.goto(`/flags/${key}/settings?env=production`);
        await this.page.getByLabel('Value of variant 2').fill(value);
        await this.page.getByLabel('Value of variant 2').press('Enter');
        await this.page.waitForLoadState();
        await expect(this.page.getByLabel('Value of variant 2')).toHaveValue(value);
    }

    /** The state that most tests begin with: staff and VIP agencies have it, nobody else. */
    static async vipAgenciesOnly(browser: Browser, world: World): Promise<void> {
        await Desk.fastPaymentAt(browser, world, { 'VIP agencies': '100', Everyone: '0' });
    }

    /** The state of the demo: only staff have it. */
    static async staffOnly(browser: Browser, world: World): Promise<void> {
        await Desk.fastPaymentAt(browser, world, { 'VIP agencies': '0', Everyone: '0' });
    }

    private static async fastPaymentAt(browser: Browser, world: World, percentages: Record<string, string>): Promise<void> {
        const desk = await Desk.signIn(browser, world, EMAILS.product);
        await desk.open('fast-payment');
        if (await desk.page.locator('#resume').isVisible()) {
            await desk.resume('Back to where tests begin');
            await expect(desk.page.locator('#stop')).toBeVisible();
        }
        await desk.setFaders('fast-payment', percentages, 'Back to where tests begin');
        await desk.close();
    }

    async close(): Promise<void> {
        await this.context.close();
    }
}
