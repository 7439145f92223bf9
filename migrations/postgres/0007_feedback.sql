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
