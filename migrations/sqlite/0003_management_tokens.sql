-- Tokens for managing Fader through REST: they act with the permissions of one role.
-- SQLite cannot change a check: the table is made again.

CREATE TABLE tokens_with_role (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    name        TEXT NOT NULL,
    kind        TEXT NOT NULL CHECK (kind IN ('server', 'client', 'admin')),
    environment TEXT NOT NULL REFERENCES environments (key),
    origins     TEXT NOT NULL,
    token_hash  TEXT NOT NULL UNIQUE,
    hint        TEXT NOT NULL,
    created_ms  BIGINT NOT NULL,
    created_by  TEXT NOT NULL,
    revoked_ms  BIGINT,
    role        TEXT CHECK (role IN ('admin', 'product', 'qa', 'support', 'viewer')),
    CHECK ((kind = 'admin') = (role IS NOT NULL))
);
INSERT INTO tokens_with_role
    (id, name, kind, environment, origins, token_hash, hint, created_ms, created_by, revoked_ms)
SELECT id, name, kind, environment, origins, token_hash, hint, created_ms, created_by, revoked_ms FROM tokens;
DROP TABLE tokens;
ALTER TABLE tokens_with_role RENAME TO tokens;
