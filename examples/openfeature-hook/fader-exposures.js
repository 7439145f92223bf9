// An OpenFeature hook that tells Fader what was really served. Works in pages (web SDK) and in Node.js (server SDK);
// needs nothing but `fetch`. See README.md.

/** What this page was answered, by flag: the feedback widget proves complaints with it. */
const DECISIONS = Symbol.for('fader.decisions');
const BUFFER_MAX = 1_000;
const REMEMBERED_MAX = 5_000;

export class FaderExposures {
    #options;
    #waiting = [];
    #sent = new Map();
    #timer;
    #notBefore = 0;
    #leave = () => void this.flush({ keepalive: true });

    /**
     * @param {object} options
     * @param {string} options.baseUrl where Fader is
     * @param {string} options.token a client token in pages, a server token in backends
     * @param {number} [options.flushMs] how long exposures are collected
     * @param {number} [options.batch] sent at once as soon as there are so many, at most 1,000
     * @param {number} [options.repeatMs] the same exposure is sent once in this time
     */
    constructor({ baseUrl, token, flushMs = 1_000, batch = 100, repeatMs = 60_000 }) {
        this.#options = { url: new URL('/api/v1/events', baseUrl).href, token, flushMs, batch, repeatMs };
        // A page that is left, or a phone that puts the browser away: what is waiting goes out with it.
        globalThis.addEventListener?.('pagehide', this.#leave);
    }

    /** Called by OpenFeature after every evaluation that succeeded. */
    after({ flagKey, context }, { variant, flagMetadata }) {
        const { revision, rule, arm, preview, receipt } = flagMetadata ?? {};
        const subject = context?.targetingKey;
        // A tester's preview is no exposure.
        if (!subject || !variant || typeof revision !== 'number' || preview) {
            return;
        }
        if (receipt) {
            const feature = { subject, flag: flagKey, variant, revision, rule, arm, receipt };
            (globalThis[DECISIONS] ??= new Map()).set(flagKey, feature);
        }
        const exposure = { type: 'exposure', subject, flag: flagKey, variant, revision, rule, arm };
        const time = Date.now();
        // The receipt proves the exposure to Fader; another day it is another one.
        const key = JSON.stringify(exposure);
        if (time - (this.#sent.get(key) ?? -Infinity) < this.#options.repeatMs || this.#waiting.length >= BUFFER_MAX) {
            return;
        }
        if (this.#sent.size >= REMEMBERED_MAX) {
            this.#sent.clear();
        }
        this.#sent.set(key, time);
        this.#waiting.push({ ...exposure, receipt, id: newId(), time });
        if (this.#waiting.length >= this.#options.batch && time >= this.#notBefore) {
            void this.flush();
        } else {
            this.#later(this.#options.flushMs);
        }
    }

    /** Sends what is waiting. Resolves when Fader has it, or has not: then it is tried again later. */
    async flush({ keepalive = false } = {}) {
        clearTimeout(this.#timer);
        this.#timer = undefined;
        const events = this.#waiting.splice(0, this.#options.batch);
        if (events.length === 0) {
            return;
        }
        try {
            const response = await fetch(this.#options.url, {
                method: 'POST',
                headers: { Authorization: `Bearer ${this.#options.token}`, 'Content-Type': 'application/json' },
                body: JSON.stringify({ events }),
                keepalive,
            });
            if (response.status === 429 || response.status >= 500) {
                this.#again(events, Number(response.headers.get('Retry-After') ?? 5));
            }
        } catch {
            this.#again(events, 5);
        }
        if (this.#waiting.length > 0) {
            this.#later(Math.max(this.#notBefore - Date.now(), 0));
        }
    }

    /** Sends what is waiting and stops listening. */
    async close() {
        globalThis.removeEventListener?.('pagehide', this.#leave);
        await this.flush();
        clearTimeout(this.#timer);
    }

    /** Every event has an id, so sending it again is harmless. */
    #again(events, seconds) {
        this.#waiting = [...events, ...this.#waiting].slice(0, BUFFER_MAX);
        this.#notBefore = Date.now() + seconds * 1_000;
    }

    #later(ms) {
        this.#timer ??= setTimeout(() => void this.flush(), ms);
        // A program that is done must not wait for this timer.
        this.#timer.unref?.();
    }
}

/** `crypto.randomUUID` is missing in pages without TLS. */
function newId() {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
