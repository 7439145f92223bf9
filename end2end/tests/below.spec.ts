// Below a path of a proxy that shows other tools too: pages, islands, the stream and the palette work from there, and nothing
// is asked for outside of it.

import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { alive, signedIn } from '../clients/dashboard';
import { Desk } from '../clients/desk';
import { expect, test } from '../clients/world';

const BASE = '/tools/fader';

/** A proxy in front of what `to` names, for everything below the path. `asked`: what was asked for outside. */
async function proxy(to: () => URL, takesOff: boolean, asked: string[]) {
    const server = createServer((from, answer) => {
        const path = from.url ?? '/';
        if (!path.startsWith(`${BASE}/`)) {
            asked.push(path);
            return answer.writeHead(404).end();
        }
        const { hostname, port } = to();
        const options = { hostname, port, method: from.method, headers: from.headers };
        const onwards = request({ ...options, path: takesOff ? path.slice(BASE.length) : path }, (got) => {
            answer.writeHead(got.statusCode ?? 502, got.headers);
            got.pipe(answer);
        });
        onwards.on('error', () => answer.destroy());
        answer.on('close', () => onwards.destroy());
        from.pipe(onwards);
    });
    await new Promise<void>((listens) => server.listen(0, '127.0.0.1', listens));
    return { server, origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

for (const takesOff of [true, false]) {
    test(`below a path of a proxy that ${takesOff ? 'takes it off' : 'leaves it on'}`, async ({ browser, world }) => {
        await Desk.vipAgenciesOnly(browser, world);
        const asked: string[] = [];
        let copy = '';
        const { server, origin } = await proxy(() => new URL(copy), takesOff, asked);
        copy = await world.startCopy('--public-url', `${origin}${BASE}`);
        // Relative addresses in the steps stand for those of the site.
        const below = { ...world, fader: `${origin}${BASE}/` };
        const page = await browser.newPage();
        const refused: string[] = [];
        page.on('console', (message) => message.type() === 'error' && refused.push(message.text()));

        await page.goto(`${below.fader}flags/fast-payment`);
        await expect(page).toHaveURL(`${below.fader}sign-in?next=%2Fflags%2Ffast-payment`);
        await page.getByLabel('E-mail').fill('product@demo.fader.test');
        await page.getByLabel('Password').fill(world.password);
        await page.getByRole('button', { name: 'Sign in' }).click();
        await expect(page).toHaveURL(`${below.fader}flags/fast-payment`);
        const [session] = (await page.context().cookies()).filter(({ name }) => name.endsWith('fader_session'));
        expect(session?.path).toBe(BASE);

        // Islands: the stream is open, and a fader that is moved is previewed by a server function.
        await alive(page);
        const preview = page.waitForResponse((it) => it.url().includes('/call/preview_rollout'));
        await page.getByLabel('Everyone, per cent', { exact: true }).fill('33');
        expect((await preview).url()).toContain(`${origin}${BASE}/call/`);
        await page.getByLabel('Why? A comment for the audit log').fill('Below a path');
        await page.getByRole('button', { name: /^Save/ }).click();
        await expect(page).toHaveURL(new RegExp(`^${below.fader}flags/fast-payment`));
        await expect(page.getByRole('status').filter({ hasText: 'Saved.' })).toBeVisible();

        // Somebody elsewhere stops it, and the page hears of it.
        const elsewhere = await signedIn(browser, world, 'product');
        await page.goto(below.fader);
        await alive(page);
        const row = page.getByRole('row').filter({ hasText: 'Trip suggestions' });
        await expect(row).not.toContainText('Stopped');
        await elsewhere.goto('/flags/trip-suggestions?confirm=stop');
        await elsewhere.getByLabel('Why?', { exact: true }).fill('For the test');
        await elsewhere.getByRole('button', { name: 'Stop it now' }).click();
        await expect(row).toContainText('Stopped');
        await row.getByRole('link', { name: 'Resume Trip suggestions' }).click();
        await page.getByLabel('What was done about it?').fill('The test is over');
        await page.getByRole('button', { name: 'Resume now' }).click();
        await expect(page.getByRole('status').filter({ hasText: 'Resumed.' })).toBeVisible();

        await alive(page);
        await page.keyboard.press('Control+k');
        const palette = page.getByRole('dialog', { name: 'Search' });
        await palette.getByRole('combobox').fill('vip');
        await expect(palette.getByRole('option').first()).toContainText('VIP agencies');
        await page.keyboard.press('Enter');
        await expect(page).toHaveURL(`${below.fader}groups/vip-agencies`);

        expect(asked.filter((path) => path !== '/favicon.ico')).toEqual([]);
        expect(refused).toEqual([]);
        await page.context().close();
        await elsewhere.context().close();
        server.closeAllConnections();
        server.close();
    });
}
