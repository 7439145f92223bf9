-- What was stored with somebody at any instant, so that "what would they have been given then" can be answered. Erased
-- with the subject. An erased subject leaves a hash behind, so that every copy of the server forgets them too.
CREATE TABLE person_traits (
    subject   TEXT NOT NULL,
    audit_seq BIGINT NOT NULL,
    at_ms     BIGINT NOT NULL,
    traits    TEXT NOT NULL,
    PRIMARY KEY (subject, audit_seq)
);
INSERT INTO person_traits (subject, audit_seq, at_ms, traits)
SELECT subject, audit_seq, changed_ms, traits FROM people;

CREATE TABLE erased_people (
    subject_hash TEXT NOT NULL,
    audit_seq    BIGINT NOT NULL,
    PRIMARY KEY (subject_hash, audit_seq)
);
CREATE INDEX erased_people_audit_seq ON erased_people (audit_seq);

-- "The last entry before an instant" reads nothing but this.
CREATE INDEX audit_at_ms_seq ON audit (at_ms, seq);
