-- Tokens say whose they are, where they count, until when they work and when they were last used. A management token
-- without an environment counts in the whole workspace; server tokens store people only where that was granted.
-- Existing tokens keep their environment, belong to the member who made them, store nobody, and expire in a year.
-- SQLite cannot change a check: the table is made again.

CREATE TABLE tokens_of_owners (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
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
    CHECK ((kind = 'admin') = (role IS NOT NULL)),
    CHECK (environment IS NOT NULL OR kind = 'admin'),
    CHECK (kind = 'server' OR NOT writes_traits),
    CHECK (kind <> 'admin' OR expires_ms IS NOT NULL)
);
INSERT INTO tokens_of_owners
    (id, name, kind, environment, origins, token_hash, hint, created_ms, created_by, revoked_ms, role, writes_traits,
     owner, expires_ms)
SELECT
    id, name, kind, environment, origins, token_hash, hint, created_ms, created_by, revoked_ms, role, FALSE,
    (
        SELECT audit.actor_id
        FROM audit JOIN users ON users.id = audit.actor_id
        WHERE audit.object_kind = 'token'
            AND audit.object_key = CAST(tokens.id AS TEXT)
            AND audit.action = 'token_created'
            AND audit.actor_kind = 'member'
    ),
    1000 * (CAST(strftime('%s', 'now') AS INTEGER) + 31536000)
FROM tokens;
DROP TABLE tokens;
ALTER TABLE tokens_of_owners RENAME TO tokens;

-- Secrets that were replaced and still work for a while.
CREATE TABLE replaced_secrets (
    token_hash TEXT NOT NULL PRIMARY KEY,
    token      BIGINT NOT NULL REFERENCES tokens (id),
    ends_ms    BIGINT NOT NULL
);
CREATE INDEX replaced_secrets_token ON replaced_secrets (token);

-- Plans remember people, not their tokens, and everybody who set them going.
ALTER TABLE plans ADD COLUMN moved_by TEXT NOT NULL DEFAULT '[]';
UPDATE plans
SET proposed_by = COALESCE((SELECT tokens.owner FROM tokens WHERE tokens.id = -plans.proposed_by), 0)
WHERE proposed_by < 0;
UPDATE plans
SET started_by = COALESCE((SELECT tokens.owner FROM tokens WHERE tokens.id = -plans.started_by), 0)
WHERE started_by < 0;
UPDATE plans SET moved_by = '[' || started_by || ']' WHERE started_by IS NOT NULL;
