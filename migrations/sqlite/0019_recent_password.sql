-- What changes who may do what asks for the password again: a session remembers when it was last given, and sessions from
-- before have to give it. A device that signed in before has an allowance of its own that strangers cannot use up; of its
-- secret only the SHA-256 is here. Whoever is told to wait because of others has a claim when they come back.

ALTER TABLE sessions ADD COLUMN proved_ms BIGINT NOT NULL DEFAULT 0;

ALTER TABLE sign_in_attempts ADD COLUMN come_back_ms BIGINT;

CREATE TABLE devices (
    user_id    BIGINT NOT NULL REFERENCES users (id),
    token_hash TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    last_ms    BIGINT NOT NULL,
    PRIMARY KEY (user_id, token_hash)
);
CREATE INDEX devices_token_hash ON devices (token_hash);
CREATE INDEX devices_last_ms ON devices (last_ms);
