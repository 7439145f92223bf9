// The booking site as one of its customers uses it.

import { type Browser, type BrowserContextOptions, expect, type Page } from '@playwright/test';
import type { World } from './world';

/** The trip that every test looks at: it runs every day. */
const CONNECTION = 'leman';

export class Shop {
    private constructor(
        readonly page: Page,
        private readonly world: World,
    ) {}

    static async signIn(browser: Browser, world: World, name: string, options: BrowserContextOptions = {}) {
        const context = await browser.newContext({ baseURL: world.booking, ...options });
        const page = await context.newPage();
        await page.goto('/');
        await page.getByRole('button', { name }).click();
        return new Shop(page, world);
    }

    get fastPayment() {
        return this.page.getByRole('heading', { name: 'Fast payment' });
    }

    get payFast() {
        return this.page.getByRole('button', { name: /^Pay .* now$/ });
    }

    /** What the strip at the bottom says about Fader: waiting, on, off or lost. */
    get state() {
        return this.page.locator('[data-fader-state]');
    }

    /** Opens a trip and waits until Fader has answered. */
    async openTrip(): Promise<void> {
        await this.page.goto('/');
        await this.page.locator(`a[href^="/trips/${CONNECTION}."]`).click();
        await expect(this.state).not.toHaveAttribute('data-fader-state', 'waiting');
        await this.page.evaluate(watchPanel);
    }

    /** When fast payment was shown or hidden last, as epoch ms of the page; both run on one machine. */
    async lastChange(): Promise<number> {
        return this.page.evaluate(() => (window as any).changedAt as number);
    }

    /** Calls the payment API as this customer, without the page's button. */
    async payByHand() {
        const data = { trip: this.tripId(), travellers: 1, method: { type: 'fast' } };
        return this.page.request.post(`${this.world.booking}/api/pay`, { data });
    }

    /** Fills in the card form and sends it. */
    async payByCard(number = '4242 4242 4242 4242'): Promise<void> {
        await this.page.getByLabel('Name on card').fill('A Customer');
        await this.page.getByLabel('Card number').fill(number);
        await this.page.getByLabel('Good until').fill('12/39');
        await this.page.getByLabel('Security code').fill('123');
        await this.page.getByRole('button', { name: 'Pay by card' }).click();
    }

    tripId(): string {
        return new URL(this.page.url()).pathname.split('/').pop() ?? '';
    }

    async close(): Promise<void> {
        await this.page.context().close();
    }
}

/** Runs in the page. */
function watchPanel() {
    const panel = document.querySelector('#fast-payment');
    if (panel) {
        const note = () => Object.assign(window, { changedAt: Date.now() });
        new MutationObserver(note).observe(panel, { attributes: true, attributeFilter: ['hidden'] });
    }
}
