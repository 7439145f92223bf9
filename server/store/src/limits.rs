//! How long and how many: every limit of the store that is not the engine's.

pub const REASON_CHARS_MAX: usize = 500;
pub const MEMBER_NAME_CHARS_MAX: usize = 100;
pub const EMAIL_CHARS_MAX: usize = 254;
pub const PASSWORD_CHARS_MIN: usize = 10;
pub const PASSWORD_CHARS_MAX: usize = 200;
/// Passwords that wait to be checked, of strangers and of the others each; more are sent away for the moment.
pub const PASSWORDS_WAITING_MAX: usize = 16;
/// Rows that are kept of who tried to sign in and did not; beyond it the oldest are forgiven.
pub const SIGN_IN_ATTEMPTS_KEPT_MAX: i64 = 100_000;
/// Familiar devices of one member; a further one takes the place of the one that was used least lately.
pub const DEVICES_PER_MEMBER_MAX: i64 = 20;
/// Audit entries about sign-ins of one member, about refused ones and about sign-outs within ten minutes, each, of one
/// copy of the server; refused ones to accounts that do not exist count together.
pub const SIGN_INS_AUDITED_MAX: usize = 10;
/// Audit entries about searches for people by one reader within ten minutes, of one copy of the server.
pub const SEARCHES_AUDITED_MAX: usize = 20;
pub const TOKEN_NAME_CHARS_MAX: usize = 100;
pub const TOKEN_ORIGINS_MAX: usize = 20;
/// How long a token works unless somebody chooses.
pub const TOKEN_DAYS_DEFAULT: u32 = 365;
pub const TOKEN_DAYS_MAX: u32 = 730;
/// Pages say so many days before that a token expires.
pub const TOKEN_WARNING_DAYS: i64 = 30;
/// How long the old secret of a rotated token works on unless somebody chooses.
pub const TOKEN_OVERLAP_HOURS_DEFAULT: u32 = 24;
pub const TOKEN_OVERLAP_HOURS_MAX: u32 = 30 * 24;
pub const ORIGIN_CHARS_MAX: usize = 300;
pub const PERSONA_NAME_CHARS_MAX: usize = 100;
pub const PERSONAS_MAX: usize = 500;
/// Traits of one known person or persona.
pub const TRAITS_MAX: usize = 100;
/// Traits of one known person or persona, as JSON text.
pub const TRAITS_BYTES_MAX: usize = 16 * 1024;
pub const PEOPLE_BATCH_MAX: usize = 10_000;
/// Longest question to the search of people; the rest is not looked for.
pub const SEARCH_CHARS_MAX: usize = 100;
/// Environments of the past that are kept compiled.
pub const AS_OF_KEPT_MAX: usize = 16;
pub const ATTRIBUTES_MAX: usize = 500;
pub const ATTRIBUTE_DESCRIPTION_CHARS_MAX: usize = 500;
pub const METRICS_MAX: usize = 100;
pub const METRIC_NAME_CHARS_MAX: usize = 100;
pub const METRIC_DESCRIPTION_CHARS_MAX: usize = 500;
pub const METRIC_UNIT_CHARS_MAX: usize = 12;
pub const AUDIT_PAGE_DEFAULT: usize = 50;
pub const AUDIT_PAGE_MAX: usize = 500;
pub const AUDIT_TEXT_CHARS_MAX: usize = 100;
/// Entries of the audit log that one search for a text reads before it asks whether to look further back.
pub const AUDIT_SEARCH_ENTRIES_MAX: usize = 20_000;
/// Of the secret outside the database that entries are keyed with.
pub const AUDIT_SECRET_CHARS_MIN: usize = 32;
/// Longest sentence of an audit entry; longer ones end in an ellipsis, the whole stands in the changes.
pub const SENTENCE_CHARS_MAX: usize = 300;
/// Longest phrase or side of one change in an audit entry.
pub const CHANGE_CHARS_MAX: usize = 2000;
/// Changes listed in one audit entry; the versions keep everything.
pub const CHANGES_MAX: usize = 100;
/// What a request says about itself (request id, address, browser) is cut to this.
pub const ORIGIN_TEXT_CHARS_MAX: usize = 300;
pub const ATTRIBUTE_VALUES_MAX: usize = 50;
/// The sender's own id of one item of feedback.
pub const FEEDBACK_ID_CHARS_MAX: usize = 100;
pub const FEEDBACK_COMMENT_CHARS_MAX: usize = 4000;
pub const FEEDBACK_PAGE_CHARS_MAX: usize = 500;
/// One day: whoever needs longer went away in between.
pub const FEEDBACK_DURATION_S_MAX: u64 = 24 * 60 * 60;
/// How far back the moment of an item may lie.
pub const FEEDBACK_AGE_DAYS_MAX: i64 = 180;
/// Items from users per environment and UTC day; beyond it they are refused until the next day. The longest items in
/// four-byte characters are 18 kB, so a day of spam is at most 180 MB.
pub const FEEDBACK_PER_DAY_MAX: usize = 10_000;
/// Of them, so many may come from browsers: a token in every visitor's hands does not use up what servers may tell.
pub const FEEDBACK_OF_BROWSERS_PER_DAY_MAX: usize = 5_000;
pub const FEEDBACK_PAGE_MAX: usize = 200;
/// Items shown of one subject.
pub const FEEDBACK_OF_SUBJECT_MAX: usize = 100;
/// Flags whose variants are attached to one item.
pub const FEEDBACK_SAW_MAX: usize = 200;
/// Variants and arms in one summary.
pub const FEEDBACK_SUMMARIES_MAX: usize = 60;
/// Rows of the ledger in one statement.
pub const LEDGER_CHUNK_ROWS: usize = 5000;
/// How long an event id is remembered.
pub const EVENT_IDS_KEPT_MS: i64 = 10 * 60 * 1000;
/// How long after an erasure exposures from before it are left out of the ledger; callers may send late.
pub const ERASURES_HEEDED_MS: i64 = 60 * 60 * 1000;
/// The newest erasures that are heeded so.
pub const ERASURES_HEEDED_MAX: usize = 1000;
/// Lines told of one subject.
pub const EXPOSURES_OF_SUBJECT_MAX: usize = 2000;
pub const EXPOSURE_PAGE_DEFAULT: usize = 50;
pub const EXPOSURE_PAGE_MAX: usize = 500;
/// Lines that one page looks at for those that match: a rare variant comes in short pages instead of slow ones.
pub const EXPOSURE_CANDIDATES_MAX: usize = 2000;
/// Steps of one chart.
pub const EXPOSURE_STEPS_MAX: i64 = 1000;
/// Subjects asked about at once.
pub const SEEN_SUBJECTS_MAX: usize = 10_000;
pub const LEARNED_SUBJECTS_PAGE_MAX: usize = 100;
pub const RETENTION_DAYS_DEFAULT: u32 = 180;
pub const FEEDBACK_RETENTION_DAYS_DEFAULT: u32 = 730;
pub const RETENTION_DAYS_MAX: u32 = 3650;
/// How long counts per minute are kept; those per hour stay as long as the lines.
pub const MINUTE_COUNTS_KEPT_MS: i64 = 3 * 60 * 60 * 1000;
/// Lines that the sweep deletes in one transaction.
pub const SWEEP_CHUNK_ROWS: usize = 2000;
/// Flags that are told one by one of what changed for somebody between two moments.
pub const CHANGED_FLAGS_MAX: usize = 50;
/// Times that one of them became another, the last ones.
pub const TURNS_TOLD_MAX: usize = 5;
/// Flags that are replayed for it: those, and what they need.
pub const REPLAYED_FLAGS_MAX: usize = 200;
/// Changes that are replayed one by one; what was changed before them is taken as one.
pub const REPLAYED_STEPS_MAX: usize = 500;
/// Versions of one subject's enrolments, and of the groups, that are read to tell when they were in.
pub const STAYS_READ_MAX: i64 = 2000;
/// Why somebody is enrolled, in characters.
pub const PURPOSE_CHARS_MAX: usize = 200;
/// A line that cannot be read is shown up to this.
pub const MALFORMED_TEXT_CHARS_MAX: usize = 80;
/// Testers that one invitation can take.
pub const INVITATION_CAPACITY_MAX: u64 = 10_000;
pub const INVITATIONS_LISTED_MAX: i64 = 200;
pub const WEBHOOKS_MAX: usize = 20;
pub const WEBHOOK_URL_CHARS_MAX: usize = 500;
/// Test messages in a minute, to all webhooks together.
pub const WEBHOOK_TESTS_PER_MINUTE: usize = 10;
pub const VERDICTS_PAGE_MAX: usize = 500;
pub const APPROVALS_MAX: i64 = 500;
/// Rollouts that the guard took something from, and plans under way, among which the desk looks for what needs somebody.
pub const WAITING_MAX: i64 = 20_000;
/// Items of feedback among which those are counted that nobody has looked at.
pub const UNTRIAGED_AMONG_MAX: u64 = 10_000;
/// How long a server that does not renew it keeps the guard's lease; with a look every 2 s another server guards
/// within 10 s.
pub const GUARD_LEASE_MS: i64 = 7_000;
/// How far the clock of a copy may be off the database's before it leaves the guard to others.
pub const CLOCK_SKEW_MS_MAX: i64 = 5_000;

/// How long the answer to a request with an `Idempotency-Key` is kept.
pub const ONCE_KEPT_MS: i64 = 24 * 3_600_000;
/// Whoever took a key and has neither done nor answered anything for so long is gone: the next request takes it over.
pub const ONCE_STALE_MS: i64 = 60_000;
/// Keys of one token that are kept; beyond it the answer is 429.
pub const ONCE_KEYS_MAX: i64 = 10_000;
/// All answers that are kept for one token; beyond it the answer is 429.
pub const ONCE_BYTES_MAX: i64 = 64 * 1024 * 1024;
