-- Everything of the first release. Documents are the engine's types as JSON text; times are epoch milliseconds;
-- every live row carries the sequence of the audit entry that changed it last, so that a reader can load only
-- what is newer than what it has. Audit entries and versions can only be added.

CREATE TABLE workspace (
    id              INTEGER PRIMARY KEY CHECK (id = 1),
    audit_seq       BIGINT NOT NULL,
    audit_hash      TEXT NOT NULL,
    setup_code_hash TEXT,
    demo_seeded_ms  BIGINT
);
INSERT INTO workspace (id, audit_seq, audit_hash) VALUES (1, 0, '');

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

CREATE TABLE versions (
    object_kind TEXT NOT NULL CHECK (object_kind IN ('flag', 'rollout', 'group')),
    object_key  TEXT NOT NULL,
    environment TEXT NOT NULL,
    version     BIGINT NOT NULL,
    document    TEXT NOT NULL,
    at_ms       BIGINT NOT NULL,
    audit_seq   BIGINT NOT NULL,
    PRIMARY KEY (object_kind, object_key, environment, version)
);
CREATE INDEX versions_audit_seq ON versions (audit_seq);

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

CREATE TABLE personas (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    name       TEXT NOT NULL,
    subject    TEXT,
    attributes TEXT NOT NULL
);
-- An index on an expression, because only such an index is named in SQLite's message.
CREATE UNIQUE INDEX personas_name_unique ON personas (lower(name));

CREATE TABLE users (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    email         TEXT NOT NULL,
    name          TEXT NOT NULL,
    role          TEXT NOT NULL CHECK (role IN ('admin', 'product', 'qa', 'support', 'viewer')),
    password_hash TEXT,
    disabled      BOOLEAN NOT NULL,
    created_ms    BIGINT NOT NULL,
    last_seen_ms  BIGINT
);
CREATE UNIQUE INDEX users_email_unique ON users (lower(email));

CREATE TABLE sessions (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id      BIGINT NOT NULL REFERENCES users (id),
    token_hash   TEXT NOT NULL UNIQUE,
    created_ms   BIGINT NOT NULL,
    last_seen_ms BIGINT NOT NULL,
    expires_ms   BIGINT NOT NULL,
    address      TEXT NOT NULL,
    user_agent   TEXT NOT NULL
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
-- strangers bring upon an account does not hold there.
CREATE TABLE sign_in_attempts (
    scope            TEXT NOT NULL CHECK (scope IN ('account', 'address', 'both')),
    subject_hash     TEXT NOT NULL,
    failures         BIGINT NOT NULL,
    last_ms          BIGINT NOT NULL,
    blocked_until_ms BIGINT NOT NULL,
    succeeded_ms     BIGINT,
    PRIMARY KEY (scope, subject_hash)
);
CREATE INDEX sign_in_attempts_last_ms ON sign_in_attempts (last_ms);

CREATE TABLE tokens (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    name        TEXT NOT NULL,
    kind        TEXT NOT NULL CHECK (kind IN ('server', 'client')),
    environment TEXT NOT NULL REFERENCES environments (key),
    origins     TEXT NOT NULL,
    token_hash  TEXT NOT NULL UNIQUE,
    hint        TEXT NOT NULL,
    created_ms  BIGINT NOT NULL,
    created_by  TEXT NOT NULL,
    revoked_ms  BIGINT
);

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
    hash            TEXT NOT NULL
);
CREATE INDEX audit_object ON audit (object_kind, object_key, seq);
CREATE INDEX audit_actor ON audit (actor_id, seq);
CREATE INDEX audit_at_ms ON audit (at_ms);

CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'audit entries are never changed');
END;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit
BEGIN
    SELECT RAISE(ABORT, 'audit entries are never deleted');
END;
-- INSERT OR REPLACE deletes without firing delete triggers.
CREATE TRIGGER audit_no_replace BEFORE INSERT ON audit
WHEN EXISTS (SELECT 1 FROM audit WHERE seq = NEW.seq)
BEGIN
    SELECT RAISE(ABORT, 'audit entries are never changed');
END;

CREATE TRIGGER versions_no_update BEFORE UPDATE ON versions
BEGIN
    SELECT RAISE(ABORT, 'versions are never changed');
END;
CREATE TRIGGER versions_no_delete BEFORE DELETE ON versions
BEGIN
    SELECT RAISE(ABORT, 'versions are never deleted');
END;
CREATE TRIGGER versions_no_replace BEFORE INSERT ON versions
WHEN EXISTS (
    SELECT 1
    FROM versions
    WHERE object_kind = NEW.object_kind
        AND object_key = NEW.object_key
        AND environment = NEW.environment
        AND version = NEW.version
)
BEGIN
    SELECT RAISE(ABORT, 'versions are never changed');
END;
