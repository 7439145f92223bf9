-- The whole schema. Documents are the engine's types as JSON text; times are epoch milliseconds; every live row carries
-- the sequence of the audit entry that changed it last, so that a reader can load only what is newer than what it has.
-- Installations begin with this file, so it is never edited: a change of the schema is a new file, in both dialects.

-- `secret` is what the copies of the server sign with. `history` names what the audit log tells: random, and another one
-- once a backup that was put back was noticed. `checkpoint_seq` is the last entry whose checkpoint was sent to webhooks.
CREATE TABLE workspace (
    id              BIGINT PRIMARY KEY CHECK (id = 1),
    audit_seq       BIGINT NOT NULL,
    audit_hash      TEXT NOT NULL,
    setup_code_hash TEXT,
    demo_seeded_ms  BIGINT,
    secret          TEXT,
    history         TEXT NOT NULL DEFAULT '',
    audit_format    BIGINT NOT NULL DEFAULT 1,
    checkpoint_seq  BIGINT NOT NULL DEFAULT 0
);
INSERT INTO workspace (id, audit_seq, audit_hash, history)
VALUES (1, 0, '', md5(random()::text || clock_timestamp()::text || txid_current()::text));

CREATE TABLE environments (
    key        TEXT NOT NULL PRIMARY KEY,
    name       TEXT NOT NULL,
    protected  BOOLEAN NOT NULL,
    position   BIGINT NOT NULL,
    revision   BIGINT NOT NULL,
    changed_ms BIGINT NOT NULL
);
INSERT INTO environments (key, name, protected, position, revision, changed_ms) VALUES
    ('production', 'Production', TRUE, 0, 1, 0),
    ('staging', 'Staging', FALSE, 1, 1, 0);

-- Members, and how they come in.

CREATE TABLE users (
    id            BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email         TEXT NOT NULL,
    name          TEXT NOT NULL,
    role          TEXT NOT NULL CHECK (role IN ('admin', 'product', 'qa', 'support', 'viewer')),
    password_hash TEXT,
    disabled      BOOLEAN NOT NULL,
    created_ms    BIGINT NOT NULL,
    last_seen_ms  BIGINT
);
-- An index on an expression, as in SQLite, where only such an index is named in the message.
CREATE UNIQUE INDEX users_email_unique ON users (lower(email));

-- `proved_ms` is when the password was last given: what changes who may do what asks for it again.
CREATE TABLE sessions (
    id           BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id      BIGINT NOT NULL REFERENCES users (id),
    token_hash   TEXT NOT NULL UNIQUE,
    created_ms   BIGINT NOT NULL,
    last_seen_ms BIGINT NOT NULL,
    expires_ms   BIGINT NOT NULL,
    address      TEXT NOT NULL,
    user_agent   TEXT NOT NULL,
    proved_ms    BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX sessions_user_id ON sessions (user_id);
CREATE INDEX sessions_expires_ms ON sessions (expires_ms);

CREATE TABLE invitations (
    token_hash TEXT NOT NULL PRIMARY KEY,
    user_id    BIGINT NOT NULL REFERENCES users (id),
    purpose    TEXT NOT NULL CHECK (purpose IN ('join', 'reset')),
    created_ms BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL
);
CREATE INDEX invitations_user_id ON invitations (user_id);

-- Who tries to sign in how often. `succeeded_ms` marks an address an account has been used from: the delay that
-- strangers bring upon an account does not hold there. Whoever is told to wait because of others has a claim when they
-- come back.
CREATE TABLE sign_in_attempts (
    scope            TEXT NOT NULL CHECK (scope IN ('account', 'address', 'both')),
    subject_hash     TEXT NOT NULL,
    failures         BIGINT NOT NULL,
    last_ms          BIGINT NOT NULL,
    blocked_until_ms BIGINT NOT NULL,
    succeeded_ms     BIGINT,
    come_back_ms     BIGINT,
    PRIMARY KEY (scope, subject_hash)
);
CREATE INDEX sign_in_attempts_last_ms ON sign_in_attempts (last_ms);

-- A device that signed in before has an allowance of its own that strangers cannot use up.
CREATE TABLE devices (
    user_id    BIGINT NOT NULL REFERENCES users (id),
    token_hash TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    last_ms    BIGINT NOT NULL,
    PRIMARY KEY (user_id, token_hash)
);
CREATE INDEX devices_token_hash ON devices (token_hash);
CREATE INDEX devices_last_ms ON devices (last_ms);

-- Tokens say whose they are, where they count, until when they work and when they were last used. A management token
-- acts with the permissions of a role, without an environment in the whole workspace; server tokens store people only
-- where that was granted.
CREATE TABLE tokens (
    id            BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name          TEXT NOT NULL,
    kind          TEXT NOT NULL CHECK (kind IN ('server', 'client', 'admin')),
    environment   TEXT REFERENCES environments (key),
    origins       TEXT NOT NULL,
    token_hash    TEXT NOT NULL UNIQUE,
    hint          TEXT NOT NULL,
    created_ms    BIGINT NOT NULL,
    created_by    TEXT NOT NULL,
    revoked_ms    BIGINT,
    role          TEXT CHECK (role IN ('admin', 'product', 'qa', 'support', 'viewer')),
    writes_traits BOOLEAN NOT NULL,
    owner         BIGINT REFERENCES users (id),
    expires_ms    BIGINT,
    last_used_ms  BIGINT,
    CONSTRAINT tokens_role_of_admin CHECK ((kind = 'admin') = (role IS NOT NULL)),
    CONSTRAINT tokens_workspace_is_management CHECK (environment IS NOT NULL OR kind = 'admin'),
    CONSTRAINT tokens_traits_of_server CHECK (kind = 'server' OR NOT writes_traits),
    CONSTRAINT tokens_management_expires CHECK (kind <> 'admin' OR expires_ms IS NOT NULL)
);

-- Secrets that were replaced and still work for a while.
CREATE TABLE replaced_secrets (
    token_hash TEXT NOT NULL PRIMARY KEY,
    token      BIGINT NOT NULL REFERENCES tokens (id),
    ends_ms    BIGINT NOT NULL
);
CREATE INDEX replaced_secrets_token ON replaced_secrets (token);

-- Flags, what decides who gets them, and pilot groups.

CREATE TABLE flags (
    key        TEXT NOT NULL PRIMARY KEY,
    document   TEXT NOT NULL,
    version    BIGINT NOT NULL,
    changed_ms BIGINT NOT NULL,
    changed_by TEXT NOT NULL,
    audit_seq  BIGINT NOT NULL
);
CREATE INDEX flags_audit_seq ON flags (audit_seq);

CREATE TABLE rollouts (
    environment TEXT NOT NULL REFERENCES environments (key),
    flag        TEXT NOT NULL REFERENCES flags (key),
    document    TEXT NOT NULL,
    version     BIGINT NOT NULL,
    changed_ms  BIGINT NOT NULL,
    changed_by  TEXT NOT NULL,
    audit_seq   BIGINT NOT NULL,
    PRIMARY KEY (environment, flag)
);
CREATE INDEX rollouts_audit_seq ON rollouts (audit_seq);

-- A deleted group keeps its row, so that its versions go on counting when it comes back.
CREATE TABLE groups (
    key        TEXT NOT NULL PRIMARY KEY,
    document   TEXT NOT NULL,
    deleted    BOOLEAN NOT NULL,
    version    BIGINT NOT NULL,
    changed_ms BIGINT NOT NULL,
    changed_by TEXT NOT NULL,
    audit_seq  BIGINT NOT NULL
);
CREATE INDEX groups_audit_seq ON groups (audit_seq);

-- A tester is a row with a history of its own, so that enrolling one writes one.
CREATE TABLE enrolments (
    group_key  TEXT NOT NULL REFERENCES groups (key),
    subject    TEXT NOT NULL,
    document   TEXT NOT NULL,
    version    BIGINT NOT NULL,
    place      BIGINT NOT NULL,
    changed_ms BIGINT NOT NULL,
    audit_seq  BIGINT NOT NULL,
    PRIMARY KEY (group_key, subject)
);
CREATE INDEX enrolments_audit_seq ON enrolments (audit_seq);
CREATE INDEX enrolments_subject ON enrolments (subject);

-- Links by which testers enrol themselves: so many, until so long. The link itself is kept as a hash only.
CREATE TABLE tester_invitations (
    id         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    token_hash TEXT NOT NULL UNIQUE,
    hint       TEXT NOT NULL,
    group_key  TEXT NOT NULL REFERENCES groups (key),
    purpose    TEXT NOT NULL,
    capacity   BIGINT NOT NULL CHECK (capacity > 0),
    accepted   BIGINT NOT NULL CHECK (accepted >= 0 AND accepted <= capacity),
    closes_ms  BIGINT NOT NULL,
    until_ms   BIGINT,
    created_ms BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    revoked_ms BIGINT
);
CREATE INDEX tester_invitations_group ON tester_invitations (group_key, id);

-- Release plans: what a rollout is to become, step by step, and how far it is. `version` grows with every edit and every
-- move, so that each happens once. Plans remember people, not their tokens: whoever wrote one or set it going does not
-- approve its steps.
CREATE TABLE plans (
    environment      TEXT NOT NULL REFERENCES environments (key),
    flag             TEXT NOT NULL REFERENCES flags (key),
    document         TEXT NOT NULL,
    state            TEXT NOT NULL,
    version          BIGINT NOT NULL,
    changed_ms       BIGINT NOT NULL,
    changed_by       TEXT NOT NULL,
    proposed_by      BIGINT NOT NULL,
    proposed_by_name TEXT NOT NULL,
    started_by       BIGINT,
    audit_seq        BIGINT NOT NULL,
    moved_by         TEXT NOT NULL DEFAULT '[]',
    PRIMARY KEY (environment, flag)
);

-- Known people.

CREATE TABLE attributes (
    name      TEXT NOT NULL PRIMARY KEY,
    document  TEXT NOT NULL,
    audit_seq BIGINT NOT NULL
);

CREATE TABLE people (
    subject    TEXT NOT NULL PRIMARY KEY,
    traits     TEXT NOT NULL,
    changed_ms BIGINT NOT NULL,
    audit_seq  BIGINT NOT NULL
);
CREATE INDEX people_audit_seq ON people (audit_seq);

-- What was stored with somebody at any instant, so that "what would they have been given then" can be answered. Erased
-- with the subject, which leaves a hash behind, so that every copy of the server forgets them too.
CREATE TABLE person_traits (
    subject   TEXT NOT NULL,
    audit_seq BIGINT NOT NULL,
    at_ms     BIGINT NOT NULL,
    traits    TEXT NOT NULL,
    PRIMARY KEY (subject, audit_seq)
);

CREATE TABLE erased_people (
    subject_hash TEXT NOT NULL,
    audit_seq    BIGINT NOT NULL,
    PRIMARY KEY (subject_hash, audit_seq)
);
CREATE INDEX erased_people_audit_seq ON erased_people (audit_seq);

CREATE TABLE personas (
    id         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name       TEXT NOT NULL,
    subject    TEXT,
    attributes TEXT NOT NULL
);
CREATE UNIQUE INDEX personas_name_unique ON personas (lower(name));

-- Who was served what: one line per subject, flag, variant, revision, rule and arm within one UTC day, so that a
-- question about a time span reads a bounded range and retention deletes whole days. Rule and arm are '' where there is
-- none. Keys compare by their bytes, as on SQLite.
CREATE TABLE exposures (
    environment TEXT COLLATE "C" NOT NULL,
    subject     TEXT COLLATE "C" NOT NULL,
    flag        TEXT COLLATE "C" NOT NULL,
    day_ms      BIGINT NOT NULL,
    variant     TEXT COLLATE "C" NOT NULL,
    revision    BIGINT NOT NULL,
    rule        TEXT COLLATE "C" NOT NULL,
    arm         TEXT COLLATE "C" NOT NULL,
    first_ms    BIGINT NOT NULL,
    last_ms     BIGINT NOT NULL,
    times       BIGINT NOT NULL,
    PRIMARY KEY (environment, subject, flag, day_ms, variant, revision, rule, arm)
);
CREATE INDEX exposures_flag ON exposures (environment, flag, first_ms, subject, variant, revision, rule, arm);

-- How often a variant was served, per minute (kept for hours) and per hour (kept as long as the lines).
CREATE TABLE exposure_counts (
    environment TEXT COLLATE "C" NOT NULL,
    flag        TEXT COLLATE "C" NOT NULL,
    step_ms     BIGINT NOT NULL,
    at_ms       BIGINT NOT NULL,
    variant     TEXT COLLATE "C" NOT NULL,
    times       BIGINT NOT NULL,
    PRIMARY KEY (environment, flag, step_ms, at_ms, variant)
);
CREATE INDEX exposure_counts_at ON exposure_counts (environment, step_ms, at_ms);

-- Subjects of whom nothing is known but that they were served something.
CREATE TABLE learned_subjects (
    subject  TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    first_ms BIGINT NOT NULL,
    last_ms  BIGINT NOT NULL
);

-- Hashes of event ids written lately, eight bytes each: what makes sending twice harmless across a restart.
CREATE TABLE event_ids (
    id         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    written_ms BIGINT NOT NULL,
    hashes     BYTEA NOT NULL
);
CREATE INDEX event_ids_written_ms ON event_ids (written_ms);

-- Events of browsers without a receipt, which anybody can make up: counted by flag and hour, and no evidence of anything.
CREATE TABLE unverified_events (
    environment TEXT COLLATE "C" NOT NULL,
    flag        TEXT COLLATE "C" NOT NULL,
    hour_ms     BIGINT NOT NULL,
    times       BIGINT NOT NULL,
    PRIMARY KEY (environment, flag, hour_ms)
);

-- Environments that keep the ledger for another time than usual.
CREATE TABLE ledger_retention (
    environment TEXT NOT NULL PRIMARY KEY REFERENCES environments (key),
    days        BIGINT NOT NULL CHECK (days > 0)
);

-- What is measured, and the outcomes themselves: never one by one, but added up in cells of a few seconds. A running
-- server owns the rows with its name in `writer` and rewrites them whole, so that writing again never counts twice and
-- servers never wait for each other; readers add the rows up. As cells age they are merged into minutes and hours.

CREATE TABLE metrics (
    key       TEXT NOT NULL PRIMARY KEY,
    document  TEXT NOT NULL,
    audit_seq BIGINT NOT NULL
);
INSERT INTO metrics (key, document, audit_seq) VALUES
    ('error_rate', '{"key":"error_rate","name":"Error rate","description":"Requests that failed.","kind":"error_rate","unit":"%","lower_is_better":true}', 0),
    ('latency', '{"key":"latency","name":"Latency","description":"How long requests took that did not fail.","kind":"latency","unit":"ms","lower_is_better":true}', 0),
    ('conversion', '{"key":"conversion","name":"Conversion","description":"People who did what the feature is for within half an hour of seeing it.","kind":"conversion","unit":"%","lower_is_better":false}', 0),
    ('crashes', '{"key":"crashes","name":"Crashes","description":"Sessions that ended in a crash.","kind":"crashes","unit":"%","lower_is_better":true}', 0),
    ('complaints', '{"key":"complaints","name":"Complaints","description":"Complaints from feedback, for each exposed person.","kind":"complaints","unit":"","lower_is_better":true}', 0),
    ('missing_outcome', '{"key":"missing_outcome","name":"Missing outcomes","description":"Exposures that no outcome followed within a minute: a crash may silence its own report. Fader counts them by itself.","kind":"missing_outcome","unit":"%","lower_is_better":true}', 0);

-- A cell holds what everybody told, servers and browsers with a receipt; where browsers told something, `servers` is the
-- same cell as if they had not (NULL: there is no difference). `outcomes` and `events` stand beside the document for the
-- desk, which draws errors of all flags at once.
CREATE TABLE cells (
    environment TEXT NOT NULL,
    flag        TEXT NOT NULL,
    metric      TEXT NOT NULL,
    from_ms     BIGINT NOT NULL,
    step_ms     BIGINT NOT NULL,
    rule        TEXT NOT NULL,
    arm         TEXT NOT NULL,
    allocation  BIGINT NOT NULL,
    writer      TEXT NOT NULL,
    document    TEXT NOT NULL,
    outcomes    BIGINT NOT NULL DEFAULT 0,
    events      BIGINT NOT NULL DEFAULT 0,
    servers     TEXT,
    PRIMARY KEY (environment, flag, metric, from_ms, step_ms, rule, arm, allocation, writer)
);
CREATE INDEX cells_age ON cells (step_ms, from_ms);
CREATE INDEX cells_recent_errors ON cells (environment, from_ms)
    WHERE metric = 'error_rate' AND arm = 'treatment' AND step_ms = 10000;

-- Hours exist before `hours_until_ms`, minutes from `minutes_from_ms` on; whoever moves `next_ms` on does the work.
CREATE TABLE cells_upkeep (
    id              INTEGER PRIMARY KEY CHECK (id = 1),
    next_ms         BIGINT NOT NULL,
    hours_until_ms  BIGINT NOT NULL,
    minutes_from_ms BIGINT NOT NULL
);
INSERT INTO cells_upkeep (id, next_ms, hours_until_ms, minutes_from_ms) VALUES (1, 0, 0, 0);

-- Subjects at their first exposure to a rule, while its percentages stayed the same; `servers_…` as in `cells`.
CREATE TABLE first_exposures (
    environment       TEXT NOT NULL,
    flag              TEXT NOT NULL,
    rule              TEXT NOT NULL,
    allocation        BIGINT NOT NULL,
    writer            TEXT NOT NULL,
    treatment         BIGINT NOT NULL,
    control           BIGINT NOT NULL,
    treatment_share   BIGINT,
    control_share     BIGINT,
    first_ms          BIGINT NOT NULL,
    treatment_last_ms BIGINT NOT NULL,
    control_last_ms   BIGINT NOT NULL,
    servers_treatment BIGINT,
    servers_control   BIGINT,
    PRIMARY KEY (environment, flag, rule, allocation, writer)
);
CREATE INDEX first_exposures_age ON first_exposures (first_ms);

-- What browsers told without a receipt, to be drawn beside the evidence: by metric, in slots of ten minutes.
CREATE TABLE unverified_outcomes (
    environment TEXT COLLATE "C" NOT NULL,
    flag        TEXT COLLATE "C" NOT NULL,
    metric      TEXT COLLATE "C" NOT NULL,
    slot_ms     BIGINT NOT NULL,
    outcomes    BIGINT NOT NULL,
    events      BIGINT NOT NULL,
    PRIMARY KEY (environment, flag, metric, slot_ms)
);
CREATE INDEX unverified_outcomes_age ON unverified_outcomes (slot_ms);

-- Guardrails, what the guard knows and decided, which server guards, and where its actions are announced.

CREATE TABLE guardrails (
    environment TEXT NOT NULL REFERENCES environments (key),
    flag        TEXT NOT NULL REFERENCES flags (key),
    document    TEXT NOT NULL,
    version     BIGINT NOT NULL,
    changed_ms  BIGINT NOT NULL,
    changed_by  TEXT NOT NULL,
    audit_seq   BIGINT NOT NULL,
    PRIMARY KEY (environment, flag)
);

-- What guards every rollout that has no guardrails of its own; one row, or none for the built-in ones.
CREATE TABLE guardrail_defaults (
    id         BIGINT PRIMARY KEY CHECK (id = 1),
    document   TEXT NOT NULL,
    version    BIGINT NOT NULL,
    changed_ms BIGINT NOT NULL,
    changed_by TEXT NOT NULL,
    audit_seq  BIGINT NOT NULL
);

-- Since when a rollout's evidence counts, and the strongest thing that was done about it.
CREATE TABLE guards (
    environment TEXT NOT NULL REFERENCES environments (key),
    flag        TEXT NOT NULL REFERENCES flags (key),
    began_ms    BIGINT NOT NULL,
    acted       TEXT CHECK (acted IN ('notify', 'pause_plan', 'step_back', 'stop')),
    acted_ms    BIGINT,
    PRIMARY KEY (environment, flag)
);

-- `fingerprint` says what the state was computed for: another definition begins anew.
CREATE TABLE guard_states (
    environment TEXT NOT NULL REFERENCES environments (key),
    flag        TEXT NOT NULL REFERENCES flags (key),
    rule        TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    state       TEXT NOT NULL,
    health      TEXT NOT NULL,
    judgement   TEXT NOT NULL,
    at_ms       BIGINT NOT NULL,
    PRIMARY KEY (environment, flag, rule)
);

CREATE TABLE verdicts (
    id          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    environment TEXT NOT NULL REFERENCES environments (key),
    flag        TEXT NOT NULL REFERENCES flags (key),
    rule        TEXT NOT NULL,
    at_ms       BIGINT NOT NULL,
    health      TEXT NOT NULL,
    taken       TEXT,
    sentence    TEXT NOT NULL,
    judgement   TEXT NOT NULL
);
CREATE INDEX verdicts_flag ON verdicts (environment, flag, at_ms);
CREATE INDEX verdicts_age ON verdicts (at_ms);

CREATE TABLE leases (
    name       TEXT NOT NULL PRIMARY KEY,
    holder     TEXT NOT NULL,
    expires_ms BIGINT NOT NULL
);

CREATE TABLE webhooks (
    id         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    url        TEXT NOT NULL,
    secret     TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    created_by TEXT NOT NULL
);

-- Written with the change that they announce, and sent until they arrive or time runs out.
CREATE TABLE webhook_deliveries (
    id         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    webhook    BIGINT NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    audit_seq  BIGINT NOT NULL,
    body       TEXT NOT NULL,
    attempts   BIGINT NOT NULL,
    due_ms     BIGINT,
    done_ms    BIGINT,
    problem    TEXT
);
CREATE INDEX webhook_deliveries_due_ms ON webhook_deliveries (due_ms);
CREATE INDEX webhook_deliveries_webhook ON webhook_deliveries (webhook, id);

-- What users tell, and complaints that support logged for them, with the variants they had at that moment.
-- Triage is audited; what was told is not: it can be erased.

CREATE TABLE feedback (
    id          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    environment TEXT NOT NULL REFERENCES environments (key),
    event_id    TEXT NOT NULL,
    source      TEXT NOT NULL CHECK (source IN ('user', 'support')),
    subject     TEXT NOT NULL,
    at_ms       BIGINT NOT NULL,
    received_ms BIGINT NOT NULL,
    rating      BIGINT CHECK (rating BETWEEN 1 AND 5),
    completed   TEXT CHECK (completed IN ('yes', 'no', 'partly')),
    duration_ms BIGINT,
    -- ' broken slow ': words with a space on both sides, so that one is found by LIKE.
    kinds       TEXT NOT NULL,
    complaint   BOOLEAN NOT NULL,
    comment     TEXT NOT NULL,
    page        TEXT NOT NULL,
    flag        TEXT,
    -- The same as in feedback_variants, as the JSON that pages show.
    saw         TEXT NOT NULL,
    logged_by   TEXT NOT NULL,
    state       TEXT NOT NULL CHECK (state IN ('new', 'looking', 'resolved', 'wont_fix')),
    assignee    BIGINT REFERENCES users (id),
    note        TEXT NOT NULL,
    version     BIGINT NOT NULL,
    changed_ms  BIGINT NOT NULL,
    changed_by  TEXT NOT NULL
);
CREATE UNIQUE INDEX feedback_event_unique ON feedback (environment, event_id);
CREATE INDEX feedback_inbox ON feedback (environment, id);
CREATE INDEX feedback_subject ON feedback (subject, environment, id);

CREATE TABLE feedback_variants (
    feedback    BIGINT NOT NULL REFERENCES feedback (id) ON DELETE CASCADE,
    environment TEXT NOT NULL,
    flag        TEXT NOT NULL,
    variant     TEXT NOT NULL,
    arm         TEXT NOT NULL,
    pilot_group TEXT NOT NULL,
    at_ms       BIGINT NOT NULL,
    PRIMARY KEY (feedback, flag)
);
CREATE INDEX feedback_variants_flag ON feedback_variants (environment, flag, at_ms);

-- How many arrived on each UTC day: the daily cap holds also for what was erased since.
CREATE TABLE feedback_days (
    environment TEXT NOT NULL REFERENCES environments (key),
    day         BIGINT NOT NULL,
    arrived     BIGINT NOT NULL,
    PRIMARY KEY (environment, day)
);

-- Environments that keep what users told for another time than usual, counted from when it arrived.
CREATE TABLE feedback_retention (
    environment TEXT NOT NULL PRIMARY KEY REFERENCES environments (key),
    days        BIGINT NOT NULL CHECK (days > 0)
);

-- What objects were, and who changed them. Both can only be added to. Entries are keyed: `format` says with what (1: not
-- at all, 2: the workspace's secret, 3: a secret from outside the database), and never goes back within a chain.

CREATE TABLE versions (
    object_kind TEXT NOT NULL
        CHECK (object_kind IN ('flag', 'rollout', 'group', 'guardrails', 'guardrail_defaults', 'plan', 'enrolment')),
    object_key  TEXT NOT NULL,
    environment TEXT NOT NULL,
    version     BIGINT NOT NULL,
    document    TEXT NOT NULL,
    at_ms       BIGINT NOT NULL,
    audit_seq   BIGINT NOT NULL,
    PRIMARY KEY (object_kind, object_key, environment, version)
);
CREATE INDEX versions_audit_seq ON versions (audit_seq);

CREATE TABLE audit (
    seq             BIGINT NOT NULL PRIMARY KEY,
    at_ms           BIGINT NOT NULL,
    actor_kind      TEXT NOT NULL,
    actor_id        BIGINT NOT NULL,
    actor           TEXT NOT NULL,
    actor_email     TEXT NOT NULL,
    action          TEXT NOT NULL,
    object_kind     TEXT NOT NULL,
    object_key      TEXT NOT NULL,
    object_name     TEXT NOT NULL,
    environment     TEXT,
    sentence        TEXT NOT NULL,
    changes         TEXT NOT NULL,
    reason          TEXT NOT NULL,
    request_id      TEXT NOT NULL,
    address         TEXT NOT NULL,
    version         BIGINT,
    document_before TEXT,
    document_after  TEXT,
    versions_hash   TEXT NOT NULL,
    previous_hash   TEXT NOT NULL,
    hash            TEXT NOT NULL,
    format          BIGINT NOT NULL DEFAULT 1
);
CREATE INDEX audit_object ON audit (object_kind, object_key, seq);
CREATE INDEX audit_actor ON audit (actor_id, seq);
CREATE INDEX audit_at_ms ON audit (at_ms);
-- "The last entry before an instant" reads nothing but this.
CREATE INDEX audit_at_ms_seq ON audit (at_ms, seq);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are never changed or deleted', TG_TABLE_NAME;
END;
$$;

CREATE TRIGGER audit_no_change
    BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER versions_no_change
    BEFORE UPDATE OR DELETE OR TRUNCATE ON versions
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
