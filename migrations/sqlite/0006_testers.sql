-- Links by which testers enrol themselves: so many, until so long. The link itself is kept as a hash only.

CREATE TABLE tester_invitations (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
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
