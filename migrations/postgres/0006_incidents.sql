-- What the guard did, to be read later: verdicts name the audit entry of the act that they led to, and the seconds around an
-- act are kept as they were, because cells of ten seconds become minutes within hours. A row without them waits until the
-- seconds after the act are complete.

ALTER TABLE verdicts ADD COLUMN audit_seq BIGINT;

CREATE TABLE incidents (
    audit_seq   BIGINT NOT NULL PRIMARY KEY,
    environment TEXT NOT NULL,
    flag        TEXT NOT NULL,
    at_ms       BIGINT NOT NULL,
    around      TEXT
);
CREATE INDEX incidents_open ON incidents (at_ms) WHERE around IS NULL;
CREATE INDEX incidents_age ON incidents (at_ms);
CREATE INDEX incidents_flag ON incidents (environment, flag, audit_seq);
