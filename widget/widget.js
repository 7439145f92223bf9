/*
 * Fader's feedback widget: a button and a dialog that send what a user tells to Fader.
 *   <script src="https://fader.example/widget.js" data-token="fdr_client_…" data-subject="user-1" data-flag="my-flag" defer></script>
 * Also: data-label, data-position="left", data-theme="light|dark", data-button="none" (open it with FaderFeedback.open()).
 * Colours and shape: --fader-accent, --fader-on-accent, --fader-canvas, --fader-ink, --fader-muted, --fader-line,
 * --fader-danger, --fader-radius, --fader-font and --fader-layer on `fader-feedback`. It keeps to itself: a shadow root, no inline code or style,
 * no HTML from strings, and whatever goes wrong here stays here.
 */
(() => {
    'use strict';

    const script = document.currentScript ?? document.querySelector('script[src*="/widget.js"][data-token]');
    /** Read when it is needed: a page may change the subject while it is open. */
    const settings = script?.dataset ?? {};
    const STARTED = 'fader-feedback-started';
    const TIMEOUT_MS = 10_000;
    const PROOF_MS = 3_000;
    const FEATURES_MAX = 32;
    const DAY_S = 86_400;
    const COMMENT_MAX = 4_000;
    const RATINGS = ['very bad', 'bad', 'all right', 'good', 'very good'];
    const COMPLETED = { yes: 'Yes', partly: 'Partly', no: 'No' };
    const KINDS = { confusing: 'Confusing', broken: 'Broken', slow: 'Slow', love: 'Love it' };
    const CSS = `
:host { all: initial; color-scheme: inherit; font: 16px/1.45 var(--fader-font, system-ui, sans-serif);
  --_accent: var(--fader-accent, light-dark(#2f55c8, #9db4ff)); --_on-accent: var(--fader-on-accent, light-dark(#fff, #10162b));
  --_canvas: var(--fader-canvas, light-dark(#fff, #1b1e26)); --_ink: var(--fader-ink, light-dark(#1b1f2a, #eceef4));
  --_muted: var(--fader-muted, light-dark(#565d6e, #a9b0c0)); --_line: var(--fader-line, light-dark(#868d9c, #727b8f));
  --_danger: var(--fader-danger, light-dark(#b3261e, #ffb4ab)); --_radius: var(--fader-radius, 10px); }
* { box-sizing: border-box; font: inherit; color: inherit; }
[hidden] { display: none !important; }
:focus-visible { outline: 2px solid var(--_accent); outline-offset: 2px; }
.open { position: fixed; inset-block-end: 16px; inset-inline-end: 16px; z-index: var(--fader-layer, 2147483000);
  box-shadow: 0 2px 10px rgb(0 0 0 / .25); }
.open[data-position=left] { inset-inline: 16px auto; }
button { min-block-size: 44px; padding: 8px 18px; border: 1px solid var(--_line); border-radius: var(--_radius);
  background: var(--_canvas); color: var(--_ink); font-weight: 600; cursor: pointer; }
.open, [type=submit] { border-color: transparent; background: var(--_accent); color: var(--_on-accent); }
[aria-disabled=true] { opacity: .6; cursor: progress; }
dialog { inline-size: min(30rem, calc(100vw - 24px)); max-block-size: calc(100dvh - 24px); padding: 20px; overflow: auto;
  border: 1px solid var(--_line); border-radius: calc(var(--_radius) * 1.4); background: var(--_canvas); color: var(--_ink); }
dialog::backdrop { background: rgb(10 12 20 / .5); }
form, .done { display: grid; gap: 16px; }
h2 { margin: 0; font-size: 1.25rem; font-weight: 650; }
p { margin: 0; }
fieldset { min-inline-size: 0; margin: 0; padding: 0; border: 0; }
legend, .name { display: block; padding: 0; margin-block-end: 6px; font-weight: 600; }
small { color: var(--_muted); font-size: .875rem; font-weight: 400; }
.choices { display: flex; flex-wrap: wrap; gap: 8px; }
.choice { position: relative; flex: 1 0 auto; }
.choice input { position: absolute; inset: 0; inline-size: 100%; block-size: 100%; margin: 0; opacity: 0; cursor: pointer; }
.choice span { display: block; min-inline-size: 44px; padding: 9px 12px; border: 1px solid var(--_line); border-radius: var(--_radius);
  text-align: center; }
.choice :checked + span { border-color: var(--_accent); box-shadow: inset 0 0 0 1px var(--_accent); color: var(--_accent); font-weight: 600; }
.choice :focus-visible + span { outline: 2px solid var(--_accent); outline-offset: 2px; }
.ends { display: flex; justify-content: space-between; margin-block-start: 4px; }
textarea { display: block; inline-size: 100%; min-block-size: 88px; padding: 10px; border: 1px solid var(--_line);
  border-radius: var(--_radius); background: var(--_canvas); resize: vertical; }
.actions { display: flex; flex-wrap: wrap; justify-content: end; gap: 8px; }
.error { color: var(--_danger); font-weight: 600; }
.error:empty { display: none; }
@media (forced-colors: active) { .choice :checked + span { outline: 3px solid Highlight; } }
`;

    /** An element with properties and children; text children are text, never HTML. */
    function make(tag, properties = {}, ...children) {
        const { role, data, ...rest } = properties;
        const element = Object.assign(document.createElement(tag), rest);
        if (role) element.setAttribute('role', role);
        Object.assign(element.dataset, data);
        element.append(...children);
        return element;
    }

    function choices(type, name, entries) {
        const choice = ([value, text, said]) => {
            const input = make('input', { type, name, value });
            if (said) input.setAttribute('aria-label', said);
            return make('label', { className: 'choice' }, input, make('span', {}, text));
        };
        return make('div', { className: 'choices' }, ...entries.map(choice));
    }

    function question(text, ...content) {
        return make('fieldset', {}, make('legend', {}, text), ...content);
    }

    function newId() {
        const bytes = crypto.getRandomValues(new Uint8Array(16));
        return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
    }

    /** When what the user came for began: with the first page of this tab, or with the last feedback. */
    function started(again) {
        try {
            const kept = Number(sessionStorage.getItem(STARTED));
            if (kept && !again) return kept;
            sessionStorage.setItem(STARTED, String(Date.now()));
        } catch {
            // Storage may be forbidden: then it began with this page.
        }
        return again ? Date.now() : performance.timeOrigin;
    }

    /**
     * The decisions that this subject was answered here, each with its receipt: what proves a complaint to Fader. The OpenFeature
     * hook leaves them on the page; without it, Fader is asked once. Feedback without any arrives all the same.
     */
    async function decided() {
        const { subject, flag, token } = settings;
        const known = globalThis[Symbol.for('fader.decisions')];
        const own = known instanceof Map ? [...known.values()].filter((it) => it.subject === subject) : [];
        if (own.length || !flag) {
            own.sort((a, b) => (b.flag === flag) - (a.flag === flag));
            return own.slice(0, FEATURES_MAX).map(({ subject: _, ...feature }) => feature);
        }
        const address = new URL(`ofrep/v1/evaluate/flags/${encodeURIComponent(flag)}`, script.src);
        const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' };
        const options = { method: 'POST', headers, body: JSON.stringify({ context: { targetingKey: subject } }) };
        const signal = AbortSignal.timeout(PROOF_MS);
        const answer = await fetch(address, { ...options, credentials: 'omit', referrerPolicy: 'no-referrer', signal });
        const { variant, metadata } = await answer.json();
        const { revision, rule, arm, receipt } = metadata;
        return receipt ? [{ flag, variant, revision, rule, arm, receipt }] : [];
    }

    /** Gives what the user should read when it did not work, or nothing. */
    async function send(body) {
        const address = new URL('api/v1/feedback', script.src);
        const headers = { Authorization: `Bearer ${settings.token}`, 'Content-Type': 'application/json' };
        let answer;
        try {
            const options = { method: 'POST', headers, body: JSON.stringify(body), credentials: 'omit', referrerPolicy: 'no-referrer' };
            answer = await fetch(address, { ...options, signal: AbortSignal.timeout(TIMEOUT_MS) });
        } catch {
            return navigator.onLine === false
                ? 'You are offline. What you wrote stays here; send it when you are back.'
                : 'It could not be sent. What you wrote stays here; please try again.';
        }
        if (answer.ok) return '';
        if (answer.status === 429) return 'Too much feedback is arriving just now. Please try again in a minute.';
        const problem = await answer.json().catch(() => ({}));
        console.warn(`Fader feedback: ${answer.status} ${problem.detail ?? ''}`);
        return 'This site could not pass your feedback on. What you wrote stays here.';
    }

    function start() {
        let began = started(false);
        let id = newId();
        let openedAt = 0;
        let sending = false;
        let proofs = Promise.resolve([]);

        const rating = choices('radio', 'rating', RATINGS.map((text, at) => [at + 1, String(at + 1), `${at + 1}, ${text}`]));
        const ends = make('div', { className: 'ends', ariaHidden: 'true' }, make('small', {}, 'Very bad'), make('small', {}, 'Very good'));
        const comment = make('textarea', { name: 'comment', id: 'comment', maxLength: COMMENT_MAX, rows: 3 });
        const error = make('p', { className: 'error', role: 'alert' });
        const submit = make('button', { type: 'submit' }, 'Send');
        const cancel = make('button', { type: 'button' }, 'Cancel');
        const title = make('h2', { id: 'title' }, settings.title || 'How did it go?');
        const form = make(
            'form',
            { noValidate: true },
            title,
            question('How was it?', rating, ends),
            question('Did you complete what you came for?', choices('radio', 'completed', Object.entries(COMPLETED))),
            question('Was it…', choices('checkbox', 'kinds', Object.entries(KINDS))),
            make('div', {}, make('label', { className: 'name', htmlFor: 'comment' }, 'Anything to add? ', make('small', {}, '(optional)')), comment),
            error,
            make('div', { className: 'actions' }, cancel, submit),
        );
        const close = make('button', { type: 'button' }, 'Close');
        const thanks = make('p', { role: 'status' });
        const done = make('div', { className: 'done' }, thanks, make('div', { className: 'actions', hidden: true }, close));
        const dialog = make('dialog', {}, form, done);
        const opener = make('button', { type: 'button', className: 'open', data: { position: settings.position ?? 'right' } });
        opener.append(settings.label || 'Feedback');
        opener.hidden = settings.button === 'none';

        function open() {
            if (dialog.open) return;
            openedAt = Date.now();
            // While somebody writes there is time; by then nothing waits for it.
            proofs = decided().catch(() => []);
            show(false);
            dialog.showModal();
        }

        function show(sent) {
            form.hidden = sent;
            done.lastChild.hidden = !sent;
            thanks.textContent = sent ? 'Thank you. Your feedback has arrived.' : '';
            // The heading that names the dialog is hidden with the form.
            dialog.removeAttribute(sent ? 'aria-labelledby' : 'aria-label');
            dialog.setAttribute(...(sent ? ['aria-label', 'Feedback sent'] : ['aria-labelledby', 'title']));
            if (sent) close.focus();
        }

        function told() {
            const data = new FormData(form);
            const body = { id, subject: settings.subject, page: location.pathname, kinds: data.getAll('kinds') };
            if (data.get('rating')) body.rating = Number(data.get('rating'));
            if (data.get('completed')) body.completed = data.get('completed');
            if (data.get('comment').trim()) body.comment = data.get('comment').trim();
            if (settings.flag) body.flag = settings.flag;
            const empty = !body.rating && !body.completed && !body.comment && !body.kinds.length;
            const took = Math.round((openedAt - began) / 1000);
            if (took > 0 && took < DAY_S) body.duration_s = took;
            return empty ? null : body;
        }

        form.addEventListener('submit', async (event) => {
            event.preventDefault();
            if (sending) return;
            error.textContent = '';
            const body = told();
            if (!body) {
                error.textContent = 'Choose a rating, tick something or write a line.';
                form.querySelector('input').focus();
                return;
            }
            sending = true;
            submit.ariaDisabled = 'true';
            submit.textContent = 'Sending…';
            const features = await proofs;
            if (features.length) body.features = features;
            const failure = await send(body);
            sending = false;
            submit.ariaDisabled = null;
            submit.textContent = failure ? 'Try again' : 'Send';
            error.textContent = failure;
            if (failure) return;
            form.reset();
            id = newId();
            began = started(true);
            show(true);
            document.dispatchEvent(new CustomEvent('fader-feedback-sent'));
        });
        opener.addEventListener('click', open);
        cancel.addEventListener('click', () => dialog.close());
        close.addEventListener('click', () => dialog.close());

        const host = document.createElement('fader-feedback');
        const root = host.attachShadow({ mode: 'open' });
        const sheet = new CSSStyleSheet();
        sheet.replaceSync(CSS);
        root.adoptedStyleSheets = [sheet];
        if (settings.theme) host.style.colorScheme = settings.theme;
        root.append(opener, dialog);
        document.body.append(host);
        window.FaderFeedback = { open, close: () => dialog.close() };
    }

    function begin() {
        try {
            start();
        } catch (failure) {
            console.warn('Fader feedback could not start.', failure);
        }
    }

    if (window.FaderFeedback || !script) return;
    if (!settings.token || !settings.subject) {
        console.warn('Fader feedback needs data-token and data-subject.');
        return;
    }
    if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', begin, { once: true });
    else begin();
})();
