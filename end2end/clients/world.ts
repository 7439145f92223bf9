// A world of its own for each file of tests: a fresh Fader with the demo in it, tokens made by its command line, and
// the booking site beside it. Nothing is shared with other files, whichever worker runs them in whatever order, so a
// test may stop what it likes.

import { test as base } from '@playwright/test';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../..');

const START_MS_MAX = 60_000;

export type Database = 'sqlite' | 'postgres';

export interface World {
    /** Fader's origin. */
    fader: string;
    /** The booking site's origin. */
    booking: string;
    /** The origin of the test's own page; client tokens allow it. */
    page: string;
    serverToken: string;
    clientToken: string;
    /** For REST, with the permissions of a product manager. */
    managerToken: string;
    /** The demo's password. */
    password: string;
    /** Runs `fader` on this world's database and gives what it printed. */
    cli(...args: string[]): string;
    /** Ends Fader and starts it again on the same address, with these arguments. */
    restartFader(whileDown?: () => Promise<void>, ...args: string[]): Promise<void>;
    /** Another copy of Fader on the same database, with other settings. */
    startCopy(...args: string[]): Promise<string>;
}

/** The newest build, unless the environment names one. */
export function binary(name: string, variable: string): string {
    const named = process.env[variable];
    if (named) {
        return resolve(ROOT, named);
    }
    const target = process.env.CARGO_TARGET_DIR ?? join(ROOT, 'target');
    const built = ['release', 'debug']
        .map((profile) => resolve(ROOT, target, profile, name))
        .filter((path) => existsSync(path))
        .sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs);
    if (!built[0]) {
        throw new Error(`${name} is not built: run make, or name a binary in ${variable}`);
    }
    return built[0];
}

/** A loopback port that nobody listens on at this moment. */
export function freePort(): Promise<number> {
    return new Promise((give, fail) => {
        const server = createServer();
        server.once('error', fail);
        server.listen(0, '127.0.0.1', () => {
            const address = server.address();
            server.close(() => give(typeof address === 'object' && address ? address.port : 0));
        });
    });
}

/** Starts a program and waits for the line on standard output that says where it listens. */
function listen(
    command: string,
    args: string[],
    says: RegExp,
    hear: (line: string) => void = () => undefined,
    env: NodeJS.ProcessEnv = process.env,
): Promise<ChildProcess> {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env });
    let log = '';
    const keep = (text: Buffer | string) => (log = (log + text.toString()).slice(-4_000));
    child.stderr.on('data', keep);
    return new Promise((give, fail) => {
        const timer = setTimeout(() => {
            child.kill();
            fail(new Error(`${command} did not start:\n${log}`));
        }, START_MS_MAX);
        child.once('exit', (code) => fail(new Error(`${command} ended with ${code}:\n${log}`)));
        createInterface({ input: child.stdout }).on('line', (line) => {
            keep(`${line}\n`);
            hear(line);
            if (says.test(line)) {
                clearTimeout(timer);
                give(child);
            }
        });
    });
}

async function end(child: ChildProcess): Promise<void> {
    if (child.exitCode === null && child.signalCode === null) {
        const ended = new Promise((done) => child.once('exit', done));
        child.kill('SIGTERM');
        await ended;
    }
}

const origin = (port: number) => `http://127.0.0.1:${port}`;

function freshDatabase(kind: Database, dir: string): string {
    if (kind === 'sqlite') {
        return `sqlite://${join(dir, 'fader.db')}`;
    }
    const server = process.env.FADER_TEST_POSTGRES_URL ?? '';
    return execFileSync(join(ROOT, 'scripts/postgres.sh'), ['database', server], { encoding: 'utf8' }).trim();
}

/** The demo as a worker planted it once, and its password. Planting takes longer than everything else of a world. */
let planted: { dir: string; password: string } | undefined;

const PASSWORD = /password "([^"]+)"/;

/** Puts the demo into the database of a world and gives its password. */
function plantDemo(kind: Database, dir: string, env: NodeJS.ProcessEnv): string {
    const plant = (into: NodeJS.ProcessEnv) => {
        const said = execFileSync(binary('fader', 'FADER_BIN'), ['seed', 'demo'], { encoding: 'utf8', env: into });
        return PASSWORD.exec(said)?.[1] ?? '';
    };
    if (kind !== 'sqlite') {
        return plant(env);
    }
    if (!planted) {
        const nursery = mkdtempSync(join(tmpdir(), 'fader-planted-'));
        process.once('exit', () => rmSync(nursery, { recursive: true, force: true }));
        const password = plant({ ...env, FADER_DATABASE_URL: freshDatabase('sqlite', nursery) });
        planted = { dir: nursery, password };
    }
    for (const file of readdirSync(planted.dir)) {
        copyFileSync(join(planted.dir, file), join(dir, file));
    }
    return planted.password;
}

/** `booking`: further arguments of the booking site. */
export async function startWorld(booking: string[] = [], kind: Database = 'sqlite'): Promise<World & { stop(): Promise<void> }> {
    const dir = mkdtempSync(join(tmpdir(), 'fader-clients-'));
    const fader = binary('fader', 'FADER_BIN');
    // In the environment: an address may hold a password, which a list of processes would show.
    const env = {
        ...process.env,
        FADER_DATABASE_URL: freshDatabase(kind, dir),
        FADER_SNAPSHOT_FILE: join(dir, 'fader.snapshot'),
    };
    const cli = (...args: string[]) => execFileSync(fader, args, { encoding: 'utf8', env }).trim();
    const [faderPort, bookingPort, pagePort] = [await freePort(), await freePort(), await freePort()];
    const serve = (port: number, args: string[]) =>
        listen(fader, ['serve', '--addr', `127.0.0.1:${port}`, ...args], /Fader listens on/, undefined, env);

    const password = plantDemo(kind, dir, env);
    const token = (kind: string, ...args: string[]) =>
        cli('token', 'create', '--kind', kind, '--env', 'production', '--name', `e2e ${kind}`, ...args);
    const serverToken = token('server');
    const origins = [bookingPort, pagePort].flatMap((port) => ['--origin', origin(port)]);
    const clientToken = token('client', ...origins);
    const managerToken = token('admin', '--role', 'product', '--owner', 'product@demo.fader.test');

    let server = await serve(faderPort, []);
    const beside: ChildProcess[] = [];
    const stop = async () => {
        await Promise.all([server, ...beside].map(end));
        rmSync(dir, { recursive: true, force: true });
    };
    const site = listen(
        binary('booking', 'BOOKING_BIN'),
        ['--addr', `127.0.0.1:${bookingPort}`, '--fader-url', origin(faderPort)].concat(
            ['--server-token', serverToken, '--client-token', clientToken, ...booking],
        ),
        /listens on/,
    );
    beside.push(await site.catch((error) => stop().then(() => Promise.reject(error))));

    return {
        fader: origin(faderPort),
        booking: origin(bookingPort),
        page: origin(pagePort),
        serverToken,
        clientToken,
        managerToken,
        password,
        cli,
        async restartFader(whileDown, ...args) {
            await end(server);
            await whileDown?.();
            server = await serve(faderPort, args);
        },
        async startCopy(...args) {
            const port = await freePort();
            beside.push(await serve(port, args));
            return origin(port);
        },
        stop,
    };
}

/** A Fader on a fresh database with nobody in it, and the code that it printed for the first of them. */
export async function startEmpty(): Promise<{ fader: string; setupCode: string; stop(): Promise<void> }> {
    const dir = mkdtempSync(join(tmpdir(), 'fader-empty-'));
    const port = await freePort();
    let setupCode = '';
    const args = ['--database-url', `sqlite://${join(dir, 'fader.db')}`, 'serve', '--addr', `127.0.0.1:${port}`];
    const child = await listen(binary('fader', 'FADER_BIN'), args, /use this code once/, (line) => {
        setupCode = /once: (\S+)/.exec(line)?.[1] ?? setupCode;
    });
    return {
        fader: origin(port),
        setupCode,
        async stop() {
            await end(child);
            rmSync(dir, { recursive: true, force: true });
        },
    };
}

/** The world of the file whose tests a worker runs now. */
class Worlds {
    private file = '';
    private now: (World & { stop(): Promise<void> }) | undefined;

    constructor(private readonly database: Database) {}

    async of(file: string): Promise<World> {
        if (!this.now || this.file !== file) {
            await this.stop();
            this.now = await startWorld([], this.database);
            this.file = file;
        }
        return this.now;
    }

    async stop(): Promise<void> {
        const last = this.now;
        this.now = undefined;
        await last?.stop();
    }
}

export const test = base.extend<{ world: World }, { database: Database; worlds: Worlds }>({
    database: ['sqlite', { option: true, scope: 'worker' }],
    worlds: [
        async ({ database }, use) => {
            const worlds = new Worlds(database);
            await use(worlds);
            await worlds.stop();
        },
        { scope: 'worker' },
    ],
    world: [async ({ worlds }, use, { file }) => use(await worlds.of(file)), { timeout: 2 * START_MS_MAX }],
});

export { expect } from '@playwright/test';
