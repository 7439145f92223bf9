//! Every limit of the server, with what happens beyond it. The README repeats this as a table.

use std::{num::NonZeroU32, time::Duration};

/// A context is small; beyond it the answer is 413.
pub const OFREP_BODY_BYTES_MAX: usize = 64 * 1024;
/// A batch of events or people; beyond it the answer is 413.
pub const REST_BODY_BYTES_MAX: usize = 1024 * 1024;
/// A group's ten thousand testers fit into one form; beyond it the answer is 413.
pub const FORM_BODY_BYTES_MAX: usize = 4 * 1024 * 1024;
/// An `Idempotency-Key`; a longer one is answered with 400.
pub const ONCE_KEY_CHARS_MAX: usize = 255;
/// Answers that are kept for it; of a larger one only that it was done is known.
pub const ONCE_ANSWER_BYTES_MAX: u64 = 512 * 1024;
/// When a token that has sent too many keys may come again.
pub const ONCE_RETRY_AFTER_S: u64 = 3600;
/// A larger answer is sent without an `ETag`.
pub const ETAG_BODY_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// Flags in one answer; further ones come with `cursor`.
pub const FLAG_PAGE_MAX: usize = 1000;
/// Changes of a flag in one answer, as many as are asked for…
pub const HISTORY_PAGE_MAX: usize = 200;
/// …or so many.
pub const HISTORY_PAGE_DEFAULT: usize = 50;
/// People whom a preview names on each side.
pub const MOVED_NAMES_MAX: usize = 50;
/// People over REST; beyond it the answer is 413.
pub const PEOPLE_BODY_BYTES_MAX: usize = 2 * 1024 * 1024;
/// A form of somebody who is not signed in, such as a sign-in; beyond it the answer is 413.
pub const STRANGER_BODY_BYTES_MAX: usize = 16 * 1024;
/// A compressed body that grows to more than so many times its size is refused with 413, once it is larger than 64 KiB. The
/// limits of sizes above hold for what comes out of it.
pub const BODY_RATIO_MAX: usize = 200;
/// Bodies that take more than one read, all of them together, as long as they are read and handled; beyond it the answer
/// is 503 with `Retry-After`.
pub const BODIES_BYTES_MAX: usize = 256 * 1024 * 1024;
/// The same for whoever has shown neither a token nor a session, so that strangers are in the way of strangers only.
pub const STRANGERS_BODIES_BYTES_MAX: usize = 16 * 1024 * 1024;
/// What the values of one JSON document take in memory, estimated before it is parsed; beyond it the answer is 413.
pub const JSON_WEIGHT_MAX: usize = 32 * 1024 * 1024;
/// A body that takes longer is answered with 408.
pub const BODY_READ_MAX: Duration = Duration::from_secs(10);
/// After the answer to a request whose body nobody wanted, so much of it…
pub const LINGER_BYTES_MAX: usize = 16 * 1024 * 1024;
/// …is still dropped for so long, so that the sender gets to read the answer…
pub const LINGER_MAX: Duration = Duration::from_secs(1);
/// …on so many connections at once; the others are closed.
pub const LINGERING_MAX: usize = 256;
/// A connection is closed when a request's head takes longer from its first byte on…
pub const HEADER_READ_MAX: Duration = Duration::from_secs(10);
/// …when no request comes for so long…
pub const IDLE_MAX: Duration = Duration::from_secs(75);
/// …and when nothing of an answer is taken for so long.
pub const WRITE_STALL_MAX: Duration = Duration::from_secs(30);
/// Longer request heads are answered with 431.
pub const HEADER_BYTES_MAX: usize = 32 * 1024;
/// Requests at once on one connection of HTTP/2; further ones wait for their turn in the client. Each beside the first takes
/// the place of a connection; when there is none the answer is 503 with `Retry-After`.
pub const HTTP2_REQUESTS_MAX: u32 = 100;
/// So much of one body arrives before somebody reads it…
pub const HTTP2_BODY_WINDOW_BYTES: u32 = 64 * 1024;
/// …and so much of all of one connection.
pub const HTTP2_BODIES_WINDOW_BYTES: u32 = 512 * 1024;
/// So many requests of a connection may be taken back before anybody looked at them; at one more it is closed.
pub const HTTP2_RESETS_MAX: usize = 20;
/// Open connections, unless the operating system allows fewer files. Beyond it the longest idle are closed; when none is,
/// newcomers wait in the operating system's queue.
pub const CONNECTIONS_MAX: usize = 25_000;
/// Open files that are no connections of clients: the database, files, webhooks.
pub const FILES_RESERVED: usize = 128;
/// How long requests under way may take once the server is told to stop.
pub const SHUTDOWN_MAX: Duration = Duration::from_secs(10);

/// An answer of fewer bytes fits into a packet as it is, and is not compressed.
pub const COMPRESSED_BYTES_MIN: usize = 1400;
/// Compressed answers are kept up to this many bytes together.
pub const COMPRESSED_KEPT_BYTES_MAX: usize = 1024 * 1024;
/// More attributes in one context are answered with `INVALID_CONTEXT`.
pub const CONTEXT_ATTRIBUTES_MAX: usize = 200;
/// The same for more values in all lists of one context.
pub const CONTEXT_VALUES_MAX: usize = 2_000;
/// Deeper JSON is answered with `PARSE_ERROR` (the recursion limit of `serde_json`).
pub const JSON_DEPTH_MAX: usize = 128;
/// How long a refetch may wait for this copy of the server to learn of the change that it names.
pub const CATCH_UP_MAX: Duration = Duration::from_secs(2);
/// How often it looks meanwhile.
pub const CATCH_UP_POLL: Duration = Duration::from_millis(20);
/// So many refetches wait at once; beyond it the answer is 503 with `Retry-After` at once.
pub const CATCHING_UP_MAX: usize = 1_000;

/// Telemetry as it is sent, and decompressed; beyond it the answer is 413.
pub const OTLP_BODY_BYTES_MAX: usize = 4 * 1024 * 1024;
pub const OTLP_INFLATED_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Fields of one export, whatever they hold; beyond it the answer is 413.
pub const OTLP_FIELDS_MAX: usize = 3_000_000;
/// Exports that wait to be read, behind as many as there are processors; beyond it the answer is 503 with `Retry-After`.
pub const OTLP_WAITING_MAX: usize = 64;
/// Items of an export that are taken in before other requests have their turn.
pub const OTLP_TAKEN_AT_ONCE: usize = 500;
/// Evaluations and spans with features in one export; beyond it the answer is 413. Others cost nothing.
pub const OTLP_ITEMS_MAX: usize = 20_000;
/// An outcome that happened longer ago is rejected, alone.
pub const OUTCOME_LATE_MS_MAX: i64 = 10 * 60 * 1000;
/// An outcome that comes longer after the end of its ten seconds is late: charts show it, the guard has moved on. Shorter
/// than the guard's 10 s by what writing it down takes.
pub const OUTCOME_ON_TIME_MS: i64 = 8 * 1000;
/// Longer durations are rejected.
pub const OUTCOME_LATENCY_MS_MAX: f64 = 86_400_000.0;
/// More of a count in one outcome is rejected, alone.
pub const OUTCOME_VALUE_MAX: f64 = 1_000_000.0;
/// Ids of outcomes that wait to be written; beyond it only the latest survive a restart.
pub const OUTCOME_IDS_WAITING_MAX: usize = 400_000;
/// Outcomes of servers that wait until the ledger was asked for their subjects; the others count for what this copy of the
/// server knows.
pub const OUTCOMES_RECALLED_MAX: usize = 5_000;
/// The same of browsers.
pub const OUTCOMES_OF_BROWSERS_RECALLED_MAX: usize = 500;
/// Subjects for which the ledger is asked at once.
pub const SUBJECTS_RECALLED_AT_ONCE: usize = 500;
/// After so long the others wait for the next second, so that what was counted is written.
pub const RECALL_MAX: Duration = Duration::from_millis(500);
/// A copy of the server says so often that it is there…
pub const ANNOUNCED_EVERY_S: u32 = 60;
/// …and others believe so long that it may serve somebody.
pub const ELSEWHERE_MS: i64 = 150_000;
/// Those that the ledger could not be asked for while the database was away wait on.
pub const OUTCOMES_HELD_MAX: usize = 20_000;
/// Exposures of the last minute that an outcome is waited for, about 70 bytes each; more are no trials of
/// `missing_outcome`. Of browsers at most half.
pub const OUTCOMES_AWAITED_MAX: usize = 200_000;
/// After an outcome of somebody whom another copy served a moment ago, this copy counts no missing outcomes for so long.
pub const OUTCOMES_ELSEWHERE_MS: i64 = 3 * 60 * 1000;
/// Cells that still grow, about 5 kB each; beyond it those that are written already are dropped, and when there are none
/// the answer is 429.
pub const CELLS_MAX: usize = 20_000;
/// Subjects whose exposures are remembered for attribution, about 0.9 kB each; beyond it the longest unseen are forgotten.
pub const SUBJECTS_MAX: usize = 200_000;
/// An outcome counts for what its subject was exposed to within this time.
pub const SUBJECTS_WINDOW_MS: i64 = 24 * 60 * 60 * 1000;
/// Flags remembered for one subject, and trials; the oldest make room. So many of what servers told, and so many of what
/// only browsers did.
pub const SUBJECT_FEATURES_MAX: usize = 32;
pub const SUBJECT_TRIALS_MAX: usize = 128;

/// Evaluations per second and token, also as a burst; beyond it the answer is 429 with `Retry-After`.
pub const EVALUATIONS_PER_SECOND: u32 = 10_000;
/// Wrong tokens per minute and address, also as a burst; beyond it 401 becomes 429.
pub const WRONG_TOKENS_PER_MINUTE: u32 = 120;
/// Attempts to accept an invitation per minute and address, also as a burst; beyond it the answer is 429.
pub const JOINS_PER_MINUTE: NonZeroU32 = NonZeroU32::new(20).expect("above zero");
/// Files with the audit log or with exposures per minute and member, also as a burst; beyond it the answer is 429. Each is
/// sent while it is read.
pub const EXPORTS_PER_MINUTE: NonZeroU32 = NonZeroU32::new(6).expect("above zero");
/// So many addresses are remembered for each limit per address; beyond it all further ones share one allowance.
pub const WRONG_TOKEN_ADDRESSES_MAX: usize = 50_000;

/// Events in one request; beyond it the answer is 422.
pub const EVENTS_MAX: usize = 1000;
/// An event counts as one more of what a browser may send for each so many bytes of its JSON.
pub const EVENT_BYTES_WEIGHED: usize = 1024;
/// A longer event id is rejected.
pub const EVENT_ID_BYTES_MAX: usize = 128;
/// An event from further in the future is rejected: a clock may be wrong, but not by much.
pub const EVENT_AHEAD_MS_MAX: i64 = 10 * 60 * 1000;
/// Events per second of one client token, also as a burst; beyond it the answer is 429 with `Retry-After`.
pub const CLIENT_EVENTS_PER_SECOND: u32 = 5_000;
/// Events per minute of one address with client tokens, also as a burst; beyond it the answer is 429.
pub const CLIENT_EVENTS_PER_ADDRESS_PER_MINUTE: u32 = 6_000;
/// Exposures that browsers may add to the ledger of one environment on one UTC day, about 300 bytes each; beyond it they
/// are rejected, alone.
pub const CLIENT_EXPOSURES_PER_DAY: u64 = 5_000_000;
/// An older event of a client token is rejected, alone.
pub const CLIENT_EVENT_AGE_MS_MAX: i64 = 2 * 24 * 60 * 60 * 1000;
/// Events that wait for the writer; beyond it the answer is 429 with `Retry-After`.
pub const EVENTS_WAITING_MAX: usize = 200_000;
pub const EVENTS_RETRY_AFTER_S: u64 = 2;
/// Event ids of servers remembered, so that sending an event again does nothing, and a quarter as many of browsers; beyond
/// it the oldest are forgotten early.
pub const EVENT_IDS_MAX: usize = 4_000_000;
/// When the oldest event waits longer than this to be written, the database takes nothing, and new ones are refused with
/// 503: what was acknowledged has to be written once it does.
pub const INTAKE_BEHIND_MAX: Duration = Duration::from_secs(5);
pub const INTAKE_RETRY_AFTER_S: u64 = 5;
/// What cannot be done because the database is away may work after so long.
pub const DATABASE_RETRY_AFTER_S: u64 = 2;
/// The writer waits so long for a batch…
pub const BATCH_WAIT: Duration = Duration::from_secs(1);
/// …unless it has so many exposures before…
pub const BATCH_EXPOSURES: usize = 5_000;
/// …and then takes what else is waiting, up to so many.
pub const BATCH_EXPOSURES_MAX: usize = 50_000;
/// How often old cells are merged, and a change of the retention is looked for…
pub const UPKEEP_EVERY: Duration = Duration::from_mins(1);
/// …and how many times that is until what is too old is deleted.
pub const SWEEP_EVERY_REFRESHES: u32 = 60;

/// Open event streams of clients on one copy of the server; beyond it the answer is 503 with `Retry-After`.
pub const STREAMS_MAX: usize = 20_000;
pub const STREAM_RETRY_AFTER_S: u64 = 30;
/// Of them, of one subject; beyond it the answer is 429 with `Retry-After`. Shares of one address and one token are in
/// [`crate::Config`].
pub const STREAMS_PER_SUBJECT_MAX: usize = 50;
/// A comment is sent so often, so that proxies keep the connection and clients notice a dead one.
pub const HEARTBEAT: Duration = Duration::from_secs(15);
/// What a client is told to wait before it reconnects, drawn evenly from here…
pub const RECONNECT_MS_MIN: u64 = 1_000;
/// …to here, so that ten thousand clients do not return at once.
pub const RECONNECT_MS_MAX: u64 = 5_000;
/// After so long in the background a client may close its stream. Browsers allow six connections to a server that speaks
/// HTTP/1.1: seven pages that were left open would keep every answer from the one that is looked at.
pub const INACTIVITY_DELAY_S: u64 = 5;
/// Stream tickets are the same within a window and hold until the end of the next one: 12 to 24 hours.
pub const TICKET_WINDOW_MS: i64 = 12 * 60 * 60 * 1000;

/// Items of feedback per minute and token, also as a burst; beyond it the answer is 429 with `Retry-After`. What one
/// environment takes in a day is `store::limits::FEEDBACK_PER_DAY_MAX`.
pub const FEEDBACK_PER_MINUTE: u32 = 600;
/// The same per address, for client tokens.
pub const FEEDBACK_PER_ADDRESS_PER_MINUTE: u32 = 20;
/// The longest comment in escaped characters fits; beyond it the answer is 413.
pub const FEEDBACK_BODY_BYTES_MAX: usize = 64 * 1024;
/// The guard looks at ceilings, comparisons and plans so often.
pub const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Pages, and requests of programs that read what they manage, that are answered at the same time, for each thread…
pub const PAGES_PER_THREAD_MAX: usize = 2;
/// …and changes, in a queue of their own…
pub const CHANGES_AT_ONCE_MAX: usize = 8;
/// …and of each as many that wait for their turn; beyond it the answer is 503 with `Retry-After`.
pub const PAGES_WAITING_MAX: usize = 512;
/// A page that took so long is given up.
pub const PAGE_MAX: Duration = Duration::from_secs(10);

/// How often what metrics show of the database and the process is looked at.
pub const MEASURED_EVERY: Duration = Duration::from_secs(10);

/// How often new entries of the audit log are verified, and its head signed.
pub const ANCHOR_EVERY: Duration = Duration::from_mins(1);
