-- Release plans: what a flag's rollout is to become, step by step, and how far it is. `version` grows with every
-- edit and every move, so that each happens once. Whoever wrote or started a plan does not approve its steps.

CREATE TABLE plans (
    environment      TEXT NOT NULL REFERENCES environments (key),
    flag             TEXT NOT NULL REFERENCES flags (key),
    document         TEXT NOT NULL,
    state            TEXT NOT NULL,
    version          BIGINT NOT NULL,
    changed_ms       BIGINT NOT NULL,
    changed_by       TEXT NOT NULL,
    proposed_by      BIGINT NOT NULL,
    proposed_by_name TEXT NOT NULL,
    started_by       BIGINT,
    audit_seq        BIGINT NOT NULL,
    PRIMARY KEY (environment, flag)
);
