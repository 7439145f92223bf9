-- Tokens say whose they are, where they count, until when they work and when they were last used. A management token
-- without an environment counts in the whole workspace; server tokens store people only where that was granted.
-- Existing tokens keep their environment, belong to the member who made them, store nobody, and expire in a year.

ALTER TABLE tokens ALTER COLUMN environment DROP NOT NULL;
ALTER TABLE tokens ADD COLUMN writes_traits BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE tokens ALTER COLUMN writes_traits DROP DEFAULT;
ALTER TABLE tokens ADD COLUMN owner BIGINT REFERENCES users (id);
ALTER TABLE tokens ADD COLUMN expires_ms BIGINT;
ALTER TABLE tokens ADD COLUMN last_used_ms BIGINT;
UPDATE tokens
SET
    owner = (
        SELECT audit.actor_id
        FROM audit JOIN users ON users.id = audit.actor_id
        WHERE audit.object_kind = 'token'
            AND audit.object_key = CAST(tokens.id AS TEXT)
            AND audit.action = 'token_created'
            AND audit.actor_kind = 'member'
    ),
    expires_ms = 1000 * (CAST(EXTRACT(EPOCH FROM now()) AS BIGINT) + 31536000);
ALTER TABLE tokens ADD CONSTRAINT tokens_workspace_is_management
    CHECK (environment IS NOT NULL OR kind = 'admin');
ALTER TABLE tokens ADD CONSTRAINT tokens_traits_of_server CHECK (kind = 'server' OR NOT writes_traits);
ALTER TABLE tokens ADD CONSTRAINT tokens_management_expires CHECK (kind <> 'admin' OR expires_ms IS NOT NULL);

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
