// Shows and hides fast payment while the page is open, and pays with it. It decides nothing: what it shows is
// Fader's answer, and the payment API asks Fader again on the server.
import { FaderExposures } from './fader-exposures.js';
import { OFREPWebProvider, OpenFeature, ProviderEvents } from './openfeature.js';

const FAST_PAYMENT = 'fast-payment';
const RETRY_MS_MAX = 30_000;

const { faderUrl, clientToken, customer, preview, previewUntil } = document.body.dataset;
const previewLeftMs = () => (preview ? Number(previewUntil) - Date.now() : 0);
const panel = document.querySelector('#fast-payment');
const said = document.querySelector('#fast-payment-said');
const state = document.querySelector('[data-fader-state]');
const client = OpenFeature.getClient();
let asking = false;
let refused = false;

/** Connects, and keeps trying: the SDK gives up on a provider whose first answer fails. */
async function connect(delayMs) {
    const provider = new OFREPWebProvider({
        baseUrl: faderUrl,
        headers: [['Authorization', `Bearer ${clientToken}`]],
        // Asked before each request: a preview that is over is not passed on any more.
        headersFactory: async () => (previewLeftMs() > 0 ? [['X-Fader-Preview', preview]] : []),
        // An answer from yesterday's visit is no reason to offer a payment today.
        cacheMode: 'disabled',
        timeoutMs: 5_000,
    });
    try {
        await OpenFeature.setProviderAndWait(provider, { targetingKey: customer });
    } catch {
        tell('lost', 'Fader does not answer.');
        setTimeout(() => connect(Math.min(delayMs * 2, RETRY_MS_MAX)), delayMs);
    }
}

/**
 * The provider keeps its last answer when its event stream breaks, and does not say when it is whole again nor what
 * it missed. So: ask, until there is an answer.
 */
async function askAgain(delayMs) {
    asking = true;
    refused = false;
    await OpenFeature.setContext({ targetingKey: customer });
    if (refused) {
        tell('lost', 'Fader does not answer; this is its last word.');
        setTimeout(() => askAgain(Math.min(delayMs * 2, RETRY_MS_MAX)), delayMs);
        return;
    }
    asking = false;
    show();
}

function tell(kind, text) {
    state.dataset.faderState = kind;
    state.textContent = text;
}

function show() {
    const { value: on, reason } = client.getBooleanDetails(FAST_PAYMENT, false);
    tell(on ? 'on' : 'off', `${on ? 'On' : 'Off'} (${reason})`);
    if (!panel || panel.hidden === !on) {
        return;
    }
    const hadFocus = panel.contains(document.activeElement);
    panel.hidden = !on;
    if (on) {
        say('Fast payment is available.', 'arrived');
    } else {
        say('Fast payment is not available any more. Pay by card instead.');
    }
    if (hadFocus) {
        document.querySelector('#card-name').focus();
    }
}

function say(text, kind = '') {
    said.textContent = text;
    said.dataset.kind = kind;
}

async function pay(button) {
    button.disabled = true;
    say('Paying…');
    try {
        const response = await fetch('/api/pay', {
            method: 'POST',
            headers: { 'Content-Type': 'application/json' },
            body: JSON.stringify({
                trip: panel.dataset.trip,
                travellers: Number(panel.dataset.travellers),
                method: { type: 'fast' },
            }),
        });
        const answer = await response.json();
        if (response.ok) {
            location.assign(`/bookings/${encodeURIComponent(answer.reference)}`);
            return;
        }
        say(answer.message, 'error');
    } catch {
        say('The booking desk does not answer. Look under My bookings before you try again.', 'error');
    }
    button.disabled = false;
}

OpenFeature.addHooks(new FaderExposures({ baseUrl: faderUrl, token: clientToken }));
client.addHandler(ProviderEvents.Ready, show);
client.addHandler(ProviderEvents.ConfigurationChanged, show);
client.addHandler(ProviderEvents.Stale, () => asking || askAgain(1_000));
client.addHandler(ProviderEvents.Error, () => (refused = true));
panel?.querySelector('button').addEventListener('click', (event) => pay(event.currentTarget));
if (previewLeftMs() > 0) {
    // Nobody announces the end of a preview: it concerns this page only.
    setTimeout(() => {
        document.querySelector('#preview')?.remove();
        askAgain(1_000);
    }, previewLeftMs() + 100);
}
// Opened in the background: each page holds a stream, and a browser has few connections for those that are looked at.
while (document.visibilityState === 'hidden') {
    await new Promise((seen) => document.addEventListener('visibilitychange', seen, { once: true }));
}
await connect(1_000);
