// Release plans and the guard, with times of seconds: a plan that runs by itself, one that is rolled back, what people
// decide in between, and a server that goes away in the middle.

import type { Browser, Page } from '@playwright/test';
import { alive, expectAccessible, signedIn } from '../clients/dashboard';
import { Desk } from '../clients/desk';
import { EMAILS } from '../clients/demo';
import { report } from '../clients/outcomes';
import { expect, startWorld, test, type World } from '../clients/world';

// The guard looks every two seconds; a busy machine takes longer.
const SOON = { timeout: 30_000 };

const state = (page: Page) => page.locator('.plan-state');
const now = (page: Page) => page.locator('.plan-line > [data-place="now"]');
const step = (percent: number, ...gates: unknown[]) => ({ percentages: { everyone: percent * 1000 }, gates });
const hold = (seconds: number) => ({ hold: { hold_ms: seconds * 1000 } });

/** A manager's program: REST with a management token. */
class Manager {
    private readonly headers: Record<string, string>;

    constructor(private readonly page: Page, private readonly world: World) {
        this.headers = { Authorization: `Bearer ${world.managerToken}` };
    }

    async put(path: string, data: object): Promise<void> {
        const answer = await this.page.request.put(`${this.world.fader}/api/v1/${path}`, { headers: this.headers, data });
        expect(answer.status(), await answer.text()).toBe(200);
    }

    async post(path: string, data: object): Promise<void> {
        const answer = await this.page.request.post(`${this.world.fader}/api/v1/${path}`, { headers: this.headers, data });
        expect(answer.status(), await answer.text()).toBe(200);
    }

    async planVersion(flag: string): Promise<number> {
        const answer = await this.page.request.get(`${this.world.fader}/api/v1/flags/${flag}/plan`, { headers: this.headers });
        return (await answer.json()).version;
    }
}

/** A flag of its own with a plan of these steps, and these guardrails; its page is open. */
async function planned(browser: Browser, world: World, name: string, steps: object[], guardrails: object[]) {
    const key = `${name.toLowerCase().replaceAll(' ', '-')}-${Date.now() % 100_000}`;
    const page = await signedIn(browser, world, 'product');
    await page.goto('/flags/new');
    await page.getByLabel('Name', { exact: true }).fill(name);
    await page.getByLabel('Key', { exact: true }).fill(key);
    await page.getByRole('button', { name: 'Create the flag' }).click();
    await page.waitForURL(`**/flags/${key}**`);
    await page.goto(`/flags/${key}/plan`);
    await page.getByRole('button', { name: 'Standard plan' }).click();
    await expect(state(page)).toContainText('Not started');
    const manager = new Manager(page, world);
    await manager.put(`flags/${key}/guardrails`, { version: 0, guardrails });
    await manager.post(`flags/${key}/plan`, { version: await manager.planVersion(key), name, steps });
    await page.goto(`/flags/${key}/plan`);
    await alive(page);
    return { key, page, manager };
}

async function start(page: Page): Promise<void> {
    await page.getByRole('button', { name: 'Start now' }).click();
    await expect(page.getByRole('status').filter({ hasText: 'Started' })).toBeVisible();
    await alive(page);
}

const LIMIT = { id: 'limit', metric: 'error_rate', limit: { ceiling: { limit: 0.05 } }, action: 'step_back' };

test('a plan runs from the pilot groups to 100 % by itself', async ({ browser, world }) => {
    await Desk.vipAgenciesOnly(browser, world);
    const page = await signedIn(browser, world, 'product');
    await page.goto('/flags/fast-payment/plan');
    // The demo has written one for it; a template makes a new one.
    await page.locator('#plan-controls .confirm').filter({ hasText: 'Abandon' }).locator('summary').click();
    await page.getByRole('button', { name: 'Abandon', exact: true }).click();
    await page.getByRole('button', { name: 'Fast plan' }).click();
    await expect(page.getByRole('group', { name: 'Step 4' })).toBeVisible();
    for (const at of [1, 2, 3, 4]) {
        const group = page.getByRole('group', { name: `Step ${at}` });
        await group.getByLabel('Stay for').fill('2');
        await group.getByLabel('Unit').selectOption('seconds');
        await group.getByLabel('At least (people)').fill('');
        await group.getByLabel('Leave it only when every guardrail is healthy').uncheck();
    }
    await page.getByRole('button', { name: 'Show what it changes' }).click();
    await expect(page.getByRole('group', { name: 'Step 2' })).toContainText(/Adds [\d,]+ of [\d,]+ known people; nobody loses it/);
    await page.getByRole('button', { name: 'Save the plan' }).click();
    await expect(page.getByRole('status').filter({ hasText: 'Saved' })).toBeVisible();
    await expect(page.locator('.plan-line > [data-place="next"]')).toContainText('Step 1 Next');
    await start(page);
    await expect(now(page)).toContainText('Step 1 Now');
    await expect(state(page)).toContainText('Finished', SOON);
    await expect(page.locator('.plan-line > [data-place="done"]')).toHaveCount(4);
    await page.goto('/flags/fast-payment');
    await expect(page.getByLabel('Everyone, per cent')).toHaveValue('100');
    await page.context().close();
});

test('an open Health page follows the outcomes as they come', async ({ browser, world }) => {
    const { key, page } = await planned(browser, world, 'Watched', [step(20, hold(3600))], [LIMIT]);
    await start(page);
    await page.goto(`/flags/${key}/health`);
    await alive(page);
    await expect(page.getByText('No outcomes in this time')).toBeVisible();
    await report(page, world, key, { treatment: 40, control: 60 }, 0);
    await expect(page.locator('.health-panel').first()).toContainText('0 of 40', SOON);
    await page.context().close();
});

test('a broken step rolls back by itself, the page says why, and a person resumes', async ({ browser, world }) => {
    const { key, page } = await planned(browser, world, 'Broken step', [step(20, hold(2)), step(50, hold(3600))], [LIMIT]);
    await start(page);
    await expect(now(page)).toContainText('Step 2 Now', SOON);
    await expect(page.locator('#flag-head')).toContainText('50 % of everyone');
    await report(page, world, key, { treatment: 200, control: 200 }, 150);
    await expect(state(page)).toContainText('Rolled back', SOON);
    await expect(state(page)).toContainText(/Went back from step 2 of 2 to step 1: Errors 75 % \([^)]*\) within [^,]*, above the limit of 5 %/);
    await expect(page.locator('.plan-line > [data-place="left"]')).toContainText('Rolled back from here');
    await expect(page.locator('#flag-head')).toContainText('20 % of everyone');

    await page.goto(`/flags/${key}/health`);
    await expect(page.locator('.health-verdict')).toContainText(/Errors 75 % \([^)]*\) within [^,]*, above the limit of 5 %/);
    await expect(page.locator('.verdicts > li').first()).toContainText('It stepped back');
    await page.goto('/');
    const row = page.getByRole('row', { name: new RegExp(key) });
    await expect(row.getByRole('link', { name: 'Breach' })).toHaveAttribute('href', `/flags/${key}/health`);

    await page.goto(`/flags/${key}/plan`);
    const resume = page.locator('#plan-controls .confirm').filter({ hasText: 'A guardrail took the feature back' });
    await resume.locator('summary').click();
    await resume.getByLabel('Why?').fill('Fixed in 2.4.1');
    await resume.getByRole('button', { name: 'Resume' }).click();
    await expect(state(page)).toContainText('Running');
    await expect(now(page)).toContainText('Step 1 Now');
    await page.context().close();
});

test('what the guard stopped is read on one page by whoever was not there', async ({ browser, world }) => {
    const stop = { ...LIMIT, action: 'stop' };
    const { key, page } = await planned(browser, world, 'Told', [step(20, hold(3600))], [stop]);
    await start(page);
    await report(page, world, key, { treatment: 200, control: 200 }, 150);
    await expect(page.locator('#flag-head')).toContainText('Stopped by Guard', SOON);
    await page.locator('#flag-head').getByRole('link', { name: 'See what happened' }).click();
    await expect(page).toHaveURL(/incidents\/\d+/);
    await alive(page);
    const card = page.locator('.incident');
    await expect(card.getByRole('heading', { name: 'Told was stopped' })).toBeVisible();
    await expect(card).toContainText(/Errors 75 % \(150 of 200\) within [^,]*, above the limit of 5 %/);
    await expect(card.locator('.chart-limit-text')).toContainText('5 %');
    await expect(card.getByRole('row').filter({ hasText: '150 of 200' })).toHaveCount(1);
    await expect(card.getByRole('row').filter({ hasText: 'Everyone' })).toContainText('20 %0 %');
    for (const width of [1280, 390]) {
        await page.setViewportSize({ width, height: 900 });
        await expectAccessible(page);
    }
    await expect(page.locator('#incident-text')).toContainText(`/flags/${key}/incidents/`);

    // The same without scripts, from the desk; support sees it and whom to ask.
    const support = await signedIn(browser, world, 'support', { javaScriptEnabled: false });
    await support.goto('/');
    await support.locator('#needs li').filter({ hasText: 'Told' }).getByRole('link', { name: 'See what happened' }).click();
    await expect(support.locator('.incident')).toContainText('Told was stopped');
    await expect(support.locator('.incident')).toContainText('may change rollouts');
    // Somebody without an account reads it by a link, and nothing else.
    await support.getByRole('button', { name: 'Make a link for somebody without an account' }).click();
    const link = await support.getByRole('textbox', { name: 'Link to this incident' }).inputValue();
    const outside = await (await browser.newContext()).newPage();
    await outside.goto(new URL(new URL(link).pathname, world.fader).href);
    await expect(outside.locator('.incident')).toContainText('Told was stopped');
    await expect(outside.getByRole('row').filter({ hasText: '150 of 200' })).toHaveCount(1);
    for (const width of [1280, 390]) {
        await outside.setViewportSize({ width, height: 900 });
        await expectAccessible(outside);
    }
    await outside.goto(`${world.fader}/flags/${key}`);
    await expect(outside).toHaveURL(/sign-in/);
    await outside.context().close();
    await support.goto(`/flags/${key}/history`);
    await support.getByRole('link', { name: 'What happened', exact: true }).click();
    await expect(support.locator('.incident')).toContainText('It is still stopped');
    await support.context().close();
    await page.context().close();
});

test('health is on one screen: the verdict, each guarded metric with its limit, and the changes', async ({ browser, world }) => {
    const { key, page } = await planned(browser, world, 'One screen', [step(20, hold(3600))], [LIMIT]);
    await start(page);
    await report(page, world, key, { treatment: 60, control: 90 }, 1);
    await page.setViewportSize({ width: 1440, height: 900 });
    await page.goto(`/flags/${key}/health`);
    await alive(page);
    const panel = page.locator('.health-panel').first();
    await expect(panel).toContainText('1 of 60', SOON);
    await expect(panel).toContainText('at most 5 %');
    for (const part of ['.health-verdict', '.health-panel', '.health-panel .chart-plot', '.chart-changes']) {
        const box = await page.locator(part).first().boundingBox();
        expect(box && box.y >= 0 && box.y + box.height <= 900, `${part}: ${JSON.stringify(box)}`).toBe(true);
    }
    await expect(page.locator('.chart-changes').getByRole('link').first()).toHaveAttribute('href', /history\?before=\d+#change-\d+$/);
    await expect(page.locator('#guardrails')).not.toHaveAttribute('open');
    // A week is a week, with a label for each day, however young the flag is.
    await page.getByRole('link', { name: 'Last week' }).click();
    await expect(page.locator('.health-panel .chart-times').first().locator('text')).toHaveCount(7);
    await expectAccessible(page);
    await page.context().close();
});

test('a person overrides the plan, and it waits until it is resumed', async ({ browser, world }) => {
    const { key, page } = await planned(browser, world, 'Overridden', [step(20, hold(3600)), step(50)], []);
    await start(page);
    const desk = await Desk.signIn(browser, world, EMAILS.product);
    await desk.setFaders(key, { Everyone: '5' }, 'Not so fast');
    await desk.close();
    await expect(state(page)).toContainText('somebody set the percentages by hand; resume to go on', SOON);
    await page.getByRole('button', { name: 'Resume' }).click();
    await expect(state(page)).toContainText('Running');
    await expect(page.locator('#flag-head')).toContainText('20 % of everyone');
    await page.getByRole('button', { name: 'Pause' }).click();
    await expect(state(page)).toContainText('At step 1 of 2');
    await page.context().close();
});

test('without outcomes a plan stays where it is, and goes on when they come', async ({ browser, world }) => {
    const { key, page } = await planned(browser, world, 'Silent', [step(20, hold(1), 'healthy'), step(50, hold(3600))], [LIMIT]);
    await start(page);
    const steps = [step(20, hold(1)), step(30, hold(1)), step(50, hold(3600))];
    const other = await planned(browser, world, 'Meanwhile', steps, []);
    const isHeldBack = async () => {
        await page.reload();
        await expect(now(page)).toContainText('Step 1 Now');
        await expect(page.locator('#plan-now')).toContainText('Waits for');
    };
    // Its time is over.
    await expect(isHeldBack).toPass(SOON);
    // Another plan, begun only now, advances twice: in between the guard has looked at all of them.
    await start(other.page);
    await expect(now(other.page)).toContainText('Step 3 Now', SOON);
    await other.page.context().close();
    await isHeldBack();
    await report(page, world, key, { treatment: 40, control: 160 }, 0);
    await expect(now(page)).toContainText('Step 2 Now', SOON);
    await page.context().close();
});

test('when data stop, a plan holds and says why; when they come again, it goes on', async ({ browser, database }) => {
    // Its own world: its clock goes ahead.
    const world = await startWorld([], database);
    try {
        const { key, page } = await planned(browser, world, 'Gone quiet', [step(20, hold(3600), 'healthy'), step(50)], [LIMIT]);
        await start(page);
        await report(page, world, key, { treatment: 40, control: 160 }, 0);
        await page.goto(`/flags/${key}/health`);
        await expect(page.locator('.health-panel').first()).toContainText('0 of 40', SOON);
        // Six minutes later, and nothing came.
        await world.restartFader(undefined, '--clock-ahead-s', '360');
        await page.goto(`/flags/${key}/plan`);
        await expect(state(page)).toContainText('Holding', SOON);
        await expect(page.locator('#plan-now')).toContainText('outcomes are missing');
        await expect(page.locator('#flag-head')).toContainText('20 % of everyone');
        await report(page, world, key, { treatment: 40, control: 160 }, 0);
        await expect(state(page)).toContainText('Running', SOON);
        await page.context().close();
    } finally {
        await world.stop();
    }
});

test('a server that goes away in the middle of a plan goes on where it was', async ({ browser, world }) => {
    const steps = [step(10, hold(3)), step(30, hold(6)), step(60, hold(3600))];
    const { key, page } = await planned(browser, world, 'Restarted', steps, []);
    await start(page);
    await expect(now(page)).toContainText('Step 2 Now', SOON);
    await world.restartFader();
    await page.goto(`/flags/${key}/plan`);
    await expect(page.locator('#flag-head')).toContainText('30 % of everyone');
    await expect(now(page)).toContainText('Step 3 Now', SOON);
    await expect(page.locator('#flag-head')).toContainText('60 % of everyone');
    await page.context().close();
});

test('nobody approves their own plan; somebody else does, from the list', async ({ browser, world }) => {
    const { key, page } = await planned(browser, world, 'Approved', [step(20), step(100, 'approval', hold(3600))], []);
    await start(page);
    await expect(page.locator('#plan-now')).toContainText('Waits for an approval of step 2');
    await expect(page.locator('#plan-controls')).toContainText('nobody approves a plan they wrote or started');
    const admin = await signedIn(browser, world, 'admin');
    await admin.goto('/approvals');
    const item = admin.locator('.approvals > li').filter({ has: admin.locator(`a[href="/flags/${key}/plan"]`) });
    for (const width of [1280, 390]) {
        await admin.setViewportSize({ width, height: 900 });
        await expectAccessible(admin);
    }
    await item.getByRole('button', { name: 'Approve step 2 of Approved' }).click();
    await expect(admin.getByRole('status').filter({ hasText: 'Approved' })).toBeVisible();
    await expect(item).toHaveCount(0);
    await expect(now(page)).toContainText('Step 2 Now', SOON);
    await admin.context().close();
    await page.context().close();
});

test('two people write one plan: the second keeps what they typed', async ({ browser, world }) => {
    const { key, page, manager } = await planned(browser, world, 'Contested', [step(20), step(50)], []);
    await page.locator('#edit-plan > summary').click();
    await page.getByLabel('Name of the plan').fill('Mine');
    await manager.post(`flags/${key}/plan`, { version: await manager.planVersion(key), name: 'Theirs', steps: [step(5)] });
    await page.getByRole('button', { name: 'Save the plan' }).click();
    await expect(page.getByRole('alert')).toContainText('changed or moved this plan meanwhile');
    await expect(page.getByLabel('Name of the plan')).toHaveValue('Mine');
    await page.getByRole('button', { name: 'Save the plan' }).click();
    await expect(page.locator('#plan-title')).toHaveText('Mine');
    await page.context().close();
});

test('a plan is written without scripts', async ({ browser, world }) => {
    const { key, page } = await planned(browser, world, 'Plain', [step(20), step(50)], []);
    await page.context().close();
    const plain = await signedIn(browser, world, 'product', { javaScriptEnabled: false });
    await plain.goto(`/flags/${key}/plan`);
    await plain.locator('#edit-plan > summary').click();
    await plain.getByRole('button', { name: 'Add a step' }).click();
    const third = plain.getByRole('group', { name: 'Step 3' });
    await expect(third.getByLabel('Everyone (%)')).toHaveValue('100');
    await third.getByLabel('Stay for').fill('soon');
    await plain.getByRole('button', { name: 'Save the plan' }).click();
    await expect(plain.getByRole('alert')).toContainText('Step 3: write a whole number of time');
    await third.getByLabel('Stay for').fill('2');
    await third.getByLabel('Unit').selectOption('hours');
    await plain.getByRole('button', { name: 'Move up step 3' }).click();
    await plain.getByRole('button', { name: 'Remove step 3' }).click();
    await plain.getByRole('button', { name: 'Save the plan' }).click();
    await expect(plain.locator('.plan-line')).toContainText('Everyone 100 % for 2 hours');
    await expect(plain.locator('.plan-line > li')).toHaveCount(2);
    await plain.context().close();
});

for (const colorScheme of ['light', 'dark'] as const) {
    test(`plan, health and approvals are accessible, ${colorScheme}`, async ({ browser, world }) => {
        // Twelve pages, each looked at by axe.
        test.slow();
        const { key, page: first } = await planned(browser, world, 'Looked at', [step(20, hold(3600), { sample: { subjects_min: 500 } }, 'healthy'), step(50, hold(3600)), step(100, 'approval')], [LIMIT]);
        await start(first);
        await report(first, world, key, { treatment: 60, control: 240 }, 1);
        await first.context().close();
        const page = await signedIn(browser, world, 'admin', { colorScheme });
        for (const width of [1280, 390]) {
            await page.setViewportSize({ width, height: 900 });
            for (const path of [`/flags/${key}/plan`, `/flags/${key}/plan?edit=1`, '/flags/multi-currency/plan', `/flags/${key}/health`, '/approvals', '/']) {
                await page.goto(path);
                await expectAccessible(page);
            }
        }
        await page.context().close();
    });
}
