-- Keys that programs send with what they change, so that sending it again does not do it again. A key is taken before anything
-- is done; the change notes its audit entry here in its own transaction, and what was answered is kept after it. Swept after
-- a day.

CREATE TABLE once_keys (
    token     BIGINT NOT NULL,
    key       TEXT NOT NULL,
    request   TEXT NOT NULL,
    mark      TEXT NOT NULL,
    at_ms     BIGINT NOT NULL,
    audit_seq BIGINT,
    status    BIGINT,
    kind      TEXT,
    bytes     BIGINT NOT NULL,
    body      TEXT,
    PRIMARY KEY (token, key)
);
CREATE INDEX once_keys_age ON once_keys (at_ms);
-- How many of a token there are, and how much they hold, is asked for each.
CREATE INDEX once_keys_size ON once_keys (token, bytes);
