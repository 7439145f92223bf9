-- A tester is a row with a history of its own, so that enrolling one writes one: before, each enrolment wrote the whole
-- group once more. Groups saved before keep their testers in their document until one of them changes. SQLite cannot
-- widen a check, so the table of versions is made again with the same rows.

CREATE TABLE enrolments (
    group_key  TEXT NOT NULL REFERENCES groups (key),
    subject    TEXT NOT NULL,
    document   TEXT NOT NULL,
    version    BIGINT NOT NULL,
    place      BIGINT NOT NULL,
    changed_ms BIGINT NOT NULL,
    audit_seq  BIGINT NOT NULL,
    PRIMARY KEY (group_key, subject)
);
CREATE INDEX enrolments_audit_seq ON enrolments (audit_seq);
CREATE INDEX enrolments_subject ON enrolments (subject);

CREATE TABLE versions_with_enrolments (
    object_kind TEXT NOT NULL CHECK (object_kind IN ('flag', 'rollout', 'group', 'enrolment')),
    object_key  TEXT NOT NULL,
    environment TEXT NOT NULL,
    version     BIGINT NOT NULL,
    document    TEXT NOT NULL,
    at_ms       BIGINT NOT NULL,
    audit_seq   BIGINT NOT NULL,
    PRIMARY KEY (object_kind, object_key, environment, version)
);
INSERT INTO versions_with_enrolments (object_kind, object_key, environment, version, document, at_ms, audit_seq)
SELECT object_kind, object_key, environment, version, document, at_ms, audit_seq
FROM versions;
DROP TRIGGER versions_no_update;
DROP TRIGGER versions_no_delete;
DROP TRIGGER versions_no_replace;
DROP TABLE versions;
ALTER TABLE versions_with_enrolments RENAME TO versions;
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
