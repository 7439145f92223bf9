// The dashboard as each role sees it: signing in, axe, and a Fader without anybody in it.

import AxeBuilder from '@axe-core/playwright';
import { type Browser, type BrowserContextOptions, expect, type Page } from '@playwright/test';
import { EMAILS } from './demo';
import type { World } from './world';

export type Role = keyof typeof EMAILS;

/** A page of somebody signed in; it ends with its context. */
export async function signedIn(
    browser: Browser,
    world: World,
    role: Role,
    options: BrowserContextOptions = {},
): Promise<Page> {
    const page = await stranger(browser, world, options);
    await signIn(page, EMAILS[role], world.password);
    await expect(page).not.toHaveURL(/sign-in/);
    return page;
}

/** A page of nobody. */
export async function stranger(browser: Browser, world: World, options: BrowserContextOptions = {}): Promise<Page> {
    const context = await browser.newContext({ baseURL: world.fader, ...options });
    return context.newPage();
}

export async function signIn(page: Page, email: string, password: string): Promise<void> {
    await page.goto('/sign-in');
    await page.getByLabel('E-mail').fill(email);
    await page.getByLabel('Password').fill(password);
    await page.getByRole('button', { name: 'Sign in' }).click();
}

/** Waits until the islands of the page are alive. */
export async function alive(page: Page): Promise<void> {
    await expect(page.locator('.live')).toHaveAttribute('data-state', 'live');
}

/** No violation of axe's rules, and nothing wider than the window. */
export async function expectAccessible(page: Page): Promise<void> {
    const { violations } = await new AxeBuilder({ page }).analyze();
    const told = violations.map((it) => `${it.id}: ${it.nodes.map((node) => node.target.join(' ')).join(', ')}`);
    expect(told, `${page.url()} for axe`).toEqual([]);
    const overflow = await page.evaluate(() => {
        const root = document.documentElement;
        return root.scrollWidth - root.clientWidth;
    });
    expect(overflow, `${page.url()} scrolls sideways`).toBeLessThanOrEqual(0);
}
