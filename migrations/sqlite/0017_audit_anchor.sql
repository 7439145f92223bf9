-- Entries are keyed: `format` says with what (1: not at all, 2: the workspace's secret, 3: a secret from outside the
-- database), and never goes back within a chain. Guardrails, plans and testers (0020) keep versions too, so that what is in force can be
-- compared with what the chain knows. `checkpoint_seq` is the last entry whose checkpoint was sent to webhooks.
-- SQLite cannot change a check: the table of versions is made again.

ALTER TABLE audit ADD COLUMN format BIGINT NOT NULL DEFAULT 1;
ALTER TABLE workspace ADD COLUMN audit_format BIGINT NOT NULL DEFAULT 1;
ALTER TABLE workspace ADD COLUMN checkpoint_seq BIGINT NOT NULL DEFAULT 0;

CREATE TABLE versions_of_more (
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
INSERT INTO versions_of_more (object_kind, object_key, environment, version, document, at_ms, audit_seq)
SELECT object_kind, object_key, environment, version, document, at_ms, audit_seq FROM versions;
DROP TABLE versions;
ALTER TABLE versions_of_more RENAME TO versions;
CREATE INDEX versions_audit_seq ON versions (audit_seq);

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
