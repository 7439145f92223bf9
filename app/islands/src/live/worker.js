// The one connection of a browser to `/live`: a shared worker, in which all of its open pages meet. Browsers allow six
// connections to a server that speaks HTTP/1.1; if each page held one, none would be left for what somebody presses.
// Where there are no shared workers, a page that is seen runs this as a worker of its own, and the server sees to it
// that one session holds few streams.
//
// A page that comes into view sends `<last change that it knows of> <member>`, one that leaves it an empty text. It is
// told `live`, `reconnecting`, `refused`, or a change as the server sends it.

/** The server says something every five seconds: one that is silent for so long is gone without a word. */
const SILENCE_MS = 20_000;
const AGAIN_MS = 4_000;
const LOOK_MS = 5_000;

const pages = new Set();
let source;
let member;
let seq;
let state;
let heardMs;
let again;

function tell(text) {
    for (const page of pages) page.postMessage(text);
}

function say(word) {
    state = word;
    tell(word);
}

function connect() {
    disconnect();
    heardMs = Date.now();
    source = new EventSource(`../../live?since=${seq}`);
    source.onopen = () => {
        heardMs = Date.now();
        say('live');
    };
    source.onerror = () => {
        if (source.readyState !== EventSource.CLOSED) return say('reconnecting');
        // Refused: the session may be over, which the pages find out.
        disconnect();
        again = setTimeout(connect, AGAIN_MS);
        say('refused');
    };
    source.addEventListener('changed', ({ data }) => {
        heardMs = Date.now();
        seq = JSON.parse(data).seq || seq;
        tell(data);
    });
}

function disconnect() {
    clearTimeout(again);
    source?.close();
    source = undefined;
}

function enter(page, theirs, who) {
    pages.add(page);
    // After a sign-in as somebody else the stream is still that of the member before.
    if (!source || who !== member) {
        member = who;
        seq = theirs;
        connect();
        return;
    }
    page.postMessage(state);
    if (theirs < seq) page.postMessage(JSON.stringify({ seq, objects: [] }));
}

function leave(page) {
    pages.delete(page);
    if (pages.size) return;
    disconnect();
    if (page === self) close();
}

function meet(page) {
    page.onmessage = ({ data }) => {
        const [theirs, who] = data.split(' ');
        if (data) enter(page, Number(theirs), who);
        else leave(page);
    };
}

setInterval(() => {
    if (!source || Date.now() - heardMs < SILENCE_MS) return;
    say('reconnecting');
    connect();
}, LOOK_MS);

if ('onconnect' in self) self.onconnect = ({ ports }) => meet(ports[0]);
else meet(self);
