// OpenFeature's server SDKs for Node and Python with their OFREP providers, as published, against a real Fader.

import { type Asker, nodeAsker, pythonAsker } from '../clients/ask';
import { CASES, CUSTOMERS, EMAILS, expectAnswer } from '../clients/demo';
import { Desk } from '../clients/desk';
import { expect, test } from '../clients/world';

const FAST_PAYMENT = { type: 'boolean', flag: 'fast-payment', fallback: false } as const;
const vip = { targetingKey: CUSTOMERS.vip.id };

test.beforeAll(({ browser, world }) => Desk.vipAgenciesOnly(browser, world));

for (const [sdk, connect] of [
    ['Node', nodeAsker],
    ['Python', pythonAsker],
] as const) {
    test.describe(`the ${sdk} SDK`, () => {
        let asker: Asker;
        test.beforeAll(async ({ world }) => {
            asker = await connect(world.fader, world.serverToken);
        });
        test.afterAll(() => asker.close());

        for (const { name, question, expected } of CASES) {
            test(name, async () => {
                expectAnswer(await asker.ask(question), expected);
            });
        }

        test('a backend may say who is a VIP', async () => {
            const stranger = { targetingKey: 'nobody-known', tier: 'vip' };
            expect(await asker.ask({ ...FAST_PAYMENT, context: stranger })).toMatchObject({ value: true });
            const plain = { targetingKey: 'nobody-known', tier: 'standard' };
            expect(await asker.ask({ ...FAST_PAYMENT, context: plain })).toMatchObject({ value: false });
        });

        test('the next answer after Stop is the off variant', async ({ browser, world }) => {
            const desk = await Desk.signIn(browser, world, EMAILS.product);
            await desk.open('fast-payment');
            await desk.stop(`A test of the ${sdk} client`);
            await expect(desk.page.locator('#resume')).toBeVisible();
            expect(await asker.ask({ ...FAST_PAYMENT, context: vip })).toMatchObject({
                value: false,
                variant: 'off',
                reason: 'DISABLED',
            });
            await desk.resume('The test is over');
            await expect(desk.page.locator('#stop')).toBeVisible();
            expect(await asker.ask({ ...FAST_PAYMENT, context: vip })).toMatchObject({ value: true });
            await desk.close();
        });

        test('a wrong token gives the default and an error', async ({ world }) => {
            const stranger = await connect(world.fader, 'fdr_server_production_wrong');
            const answer = await stranger.ask({ ...FAST_PAYMENT, fallback: true, context: vip });
            expect(answer).toMatchObject({ value: true, reason: 'ERROR', errorCode: 'GENERAL' });
            await stranger.close();
        });

        test('too many questions are told to wait', async ({ world }) => {
            const copy = await world.startCopy('--evaluations-per-second', '1');
            const hasty = await connect(copy, world.serverToken);
            const answers = [];
            for (let i = 0; i < 4; i++) {
                answers.push(await hasty.ask({ ...FAST_PAYMENT, context: vip }));
            }
            expect(answers[0]).toMatchObject({ value: true });
            expect(answers.at(-1)).toMatchObject({ value: false, reason: 'ERROR', errorCode: 'GENERAL' });
            await hasty.close();
        });
    });
}

test('a number may have a fraction; Python alone tells whole numbers from others', async ({ browser, world }) => {
    const desk = await Desk.signIn(browser, world, EMAILS.product);
    await desk.createNumberFlag('service-fee', 'Service fee', '0.25');
    await desk.close();
    const question = { flag: 'service-fee', fallback: 9, context: vip };
    const [node, python] = await Promise.all([
        nodeAsker(world.fader, world.serverToken),
        pythonAsker(world.fader, world.serverToken),
    ]);
    for (const asker of [node, python]) {
        expect(await asker.ask({ ...question, type: 'float' })).toMatchObject({ value: 0.25, reason: 'STATIC' });
    }
    expect(await python.ask({ ...question, type: 'integer' })).toMatchObject({ errorCode: 'TYPE_MISMATCH' });
    await Promise.all([node.close(), python.close()]);
});

test('an API key does as well as a bearer token', async ({ request, world }) => {
    const url = `${world.fader}/ofrep/v1/evaluate/flags/fast-payment`;
    const headers = { 'X-API-Key': world.serverToken };
    const response = await request.post(url, { headers, data: { context: vip } });
    expect(response.status()).toBe(200);
    expect(await response.json()).toMatchObject({ key: 'fast-payment', value: true });
});
