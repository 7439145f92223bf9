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

-- Environments that keep the ledger for another time than usual.
CREATE TABLE ledger_retention (
    environment TEXT NOT NULL PRIMARY KEY REFERENCES environments (key),
    days        BIGINT NOT NULL CHECK (days > 0)
);
