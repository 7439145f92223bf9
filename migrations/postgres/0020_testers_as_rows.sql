-- A tester is a row with a history of its own, so that enrolling one writes one: before, each enrolment wrote the whole
-- group once more. Groups saved before keep their testers in their document until one of them changes.

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
