// The server renders an island under the very name under which the browser's module brings it to life.

import { EMAILS } from '../clients/demo';
import { Desk } from '../clients/desk';
import { PAGES } from '../clients/pages';
import { expect, test } from '../clients/world';

test('every island that the server renders is one that the browser knows, and the other way round', async ({ browser, world }) => {
    test.slow();
    const { page } = await Desk.signIn(browser, world, EMAILS.admin);
    const rendered = new Set<string>();
    for (const address of PAGES) {
        await page.goto(address);
        const islands = await page.locator('leptos-island').evaluateAll((all) => all.map((it) => it.getAttribute('data-component') ?? ''));
        islands.forEach((island) => rendered.add(island));
        // What a live update or a swap replaces would come without its island.
        await expect(page.locator('[data-live] leptos-island, [data-guard] leptos-island'), address).toHaveCount(0);
    }
    await page.goto('/');
    const known = await page.evaluate(async () => {
        const script = document.querySelector<HTMLLinkElement>('link[rel=modulepreload]')?.href ?? '';
        return Object.keys(await import(script)).filter((name) => /_\d+$/.test(name));
    });
    expect(known.length).toBeGreaterThan(5);
    expect([...rendered].sort()).toEqual(known.sort());
    await page.context().close();
});
