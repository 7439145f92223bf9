// One question to Fader, asked through each of the clients that nobody here wrote.

import { OFREPProvider } from '@openfeature/ofrep-provider';
import { OpenFeature } from '@openfeature/server-sdk';
import type { Page } from '@playwright/test';
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { ROOT } from './world';

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

export interface Question {
    type: 'boolean' | 'string' | 'integer' | 'float' | 'object';
    flag: string;
    /** The caller's own default. */
    fallback: Json;
    context: Record<string, Json>;
}

/** What the SDKs call evaluation details. */
export interface Answer {
    value: Json;
    variant?: string | null;
    reason?: string | null;
    errorCode?: string | null;
    errorMessage?: string | null;
    metadata: Record<string, Json>;
}

export interface Asker {
    ask(question: Question): Promise<Answer>;
    close(): Promise<void>;
}

/** OpenFeature for Node with the OFREP provider. Domains keep several of them apart in one process. */
export async function nodeAsker(baseUrl: string, token: string): Promise<Asker> {
    const domain = `${baseUrl} ${token.slice(0, 20)} ${Math.random()}`;
    const provider = new OFREPProvider({ baseUrl, headers: [['Authorization', `Bearer ${token}`]] });
    await OpenFeature.setProviderAndWait(domain, provider);
    const client = OpenFeature.getClient(domain);
    return {
        async ask({ type, flag, fallback, context }) {
            const details = await {
                boolean: () => client.getBooleanDetails(flag, fallback as boolean, context),
                string: () => client.getStringDetails(flag, fallback as string, context),
                integer: () => client.getNumberDetails(flag, fallback as number, context),
                float: () => client.getNumberDetails(flag, fallback as number, context),
                object: () => client.getObjectDetails(flag, fallback, context),
            }[type]();
            return { ...details, value: details.value as Json, metadata: { ...details.flagMetadata } };
        },
        close: () => provider.onClose?.() ?? Promise.resolve(),
    };
}

/** OpenFeature for Python with its OFREP provider, in a process that is asked line by line. */
export async function pythonAsker(baseUrl: string, token: string): Promise<Asker> {
    const python = process.env.FADER_PYTHON ?? join(ROOT, 'end2end/.venv/bin/python');
    if (!existsSync(python)) {
        throw new Error(`${python} is missing: make a venv there and install end2end/python/requirements.txt`);
    }
    const child = spawn(python, [join(ROOT, 'end2end/python/ask.py'), baseUrl, token], {
        stdio: ['pipe', 'pipe', 'inherit'],
    });
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    return {
        async ask(question) {
            child.stdin.write(`${JSON.stringify(question)}\n`);
            const { value, done } = await lines.next();
            if (done) {
                throw new Error('the Python client ended');
            }
            return JSON.parse(value) as Answer;
        },
        async close() {
            child.stdin.end();
            await new Promise((ended) => child.once('exit', ended));
        },
    };
}

/** A page with nothing on it, on an origin of its own. It can load the same bundle of the SDK as the booking site. */
export function servePage(origin: string): Promise<{ close(): Promise<void> }> {
    const bundle = readFileSync(join(ROOT, 'examples/booking/assets/openfeature.js'));
    const hook = readFileSync(join(ROOT, 'examples/openfeature-hook/fader-exposures.js'));
    const server = createServer((request, response) => {
        if (request.url === '/openfeature.js') {
            response.writeHead(200, { 'Content-Type': 'text/javascript' }).end(bundle);
        } else if (request.url === '/fader-exposures.js') {
            response.writeHead(200, { 'Content-Type': 'text/javascript' }).end(hook);
        } else {
            const html = '<!doctype html><html lang="en"><title>Bare page</title><link rel="icon" href="data:,">';
            response.writeHead(200, { 'Content-Type': 'text/html' }).end(html);
        }
    });
    return new Promise((give) => {
        server.listen(Number(new URL(origin).port), '127.0.0.1', () => {
            give({ close: () => new Promise((done) => void server.close(() => done())) });
        });
    });
}

/**
 * OpenFeature's web SDK with the OFREP web provider, in this page. Its context is static, so every question sets it.
 * The page gets `window.client` and `window.changes`, the times (epoch ms) of its ConfigurationChanged events.
 */
export async function webAsker(page: Page, baseUrl: string, token: string, context = {}): Promise<Asker> {
    await page.evaluate(
        async ([baseUrl, token, context]) => {
            const bundle = '/openfeature.js';
            const { OpenFeature, OFREPWebProvider, ProviderEvents } = await import(bundle);
            const headers = [['Authorization', `Bearer ${token}`]];
            const provider = new OFREPWebProvider({ baseUrl, headers, cacheMode: 'disabled' });
            const client = OpenFeature.getClient();
            const changes: number[] = [];
            Object.assign(window, { OpenFeature, client, changes });
            client.addHandler(ProviderEvents.ConfigurationChanged, () => changes.push(Date.now()));
            await OpenFeature.setProviderAndWait(provider, context);
        },
        [baseUrl, token, context] as const,
    );
    return {
        ask: (question) =>
            page.evaluate(async ({ type, flag, fallback, context }) => {
                const { OpenFeature, client } = window as any;
                await OpenFeature.setContext(context);
                const read = { boolean: 'Boolean', string: 'String', integer: 'Number', float: 'Number', object: 'Object' };
                const details = client[`get${read[type]}Details`](flag, fallback);
                return { ...details, metadata: { ...details.flagMetadata } };
            }, question),
        close: () => page.evaluate(() => (window as any).OpenFeature.clearProviders()),
    };
}
