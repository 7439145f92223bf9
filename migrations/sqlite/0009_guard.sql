-- Guardrails, what the guard knows and decided, which server guards, and where its actions are announced. A state
-- and a judgement are the engine's types as JSON text; verdicts and deliveries are kept.

CREATE TABLE guardrails (
    environment TEXT NOT NULL REFERENCES environments (key),
    flag        TEXT NOT NULL REFERENCES flags (key),
    document    TEXT NOT NULL,
    version     BIGINT NOT NULL,
    changed_ms  BIGINT NOT NULL,
    changed_by  TEXT NOT NULL,
    audit_seq   BIGINT NOT NULL,
    PRIMARY KEY (environment, flag)
);

-- What guards every rollout that has no guardrails of its own; one row, or none for the built-in ones.
CREATE TABLE guardrail_defaults (
    id         INTEGER PRIMARY KEY CHECK (id = 1),
    document   TEXT NOT NULL,
    version    BIGINT NOT NULL,
    changed_ms BIGINT NOT NULL,
    changed_by TEXT NOT NULL,
    audit_seq  BIGINT NOT NULL
);

-- Since when a rollout's evidence counts, and the strongest thing that was done about it.
CREATE TABLE guards (
    environment TEXT NOT NULL REFERENCES environments (key),
    flag        TEXT NOT NULL REFERENCES flags (key),
    began_ms    BIGINT NOT NULL,
    acted       TEXT CHECK (acted IN ('notify', 'pause_plan', 'step_back', 'stop')),
    acted_ms    BIGINT,
    PRIMARY KEY (environment, flag)
);

-- `fingerprint` says what the state was computed for: another definition begins anew.
CREATE TABLE guard_states (
    environment TEXT NOT NULL REFERENCES environments (key),
    flag        TEXT NOT NULL REFERENCES flags (key),
    rule        TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    state       TEXT NOT NULL,
    health      TEXT NOT NULL,
    judgement   TEXT NOT NULL,
    at_ms       BIGINT NOT NULL,
    PRIMARY KEY (environment, flag, rule)
);

CREATE TABLE verdicts (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    environment TEXT NOT NULL REFERENCES environments (key),
    flag        TEXT NOT NULL REFERENCES flags (key),
    rule        TEXT NOT NULL,
    at_ms       BIGINT NOT NULL,
    health      TEXT NOT NULL,
    taken       TEXT,
    sentence    TEXT NOT NULL,
    judgement   TEXT NOT NULL
);
CREATE INDEX verdicts_flag ON verdicts (environment, flag, at_ms);

CREATE TABLE leases (
    name       TEXT NOT NULL PRIMARY KEY,
    holder     TEXT NOT NULL,
    expires_ms BIGINT NOT NULL
);

CREATE TABLE webhooks (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    url        TEXT NOT NULL,
    secret     TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    created_by TEXT NOT NULL
);

-- Written with the change that they announce, and sent until they arrive or time runs out.
CREATE TABLE webhook_deliveries (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    webhook    BIGINT NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    audit_seq  BIGINT NOT NULL,
    body       TEXT NOT NULL,
    attempts   BIGINT NOT NULL,
    due_ms     BIGINT,
    done_ms    BIGINT,
    problem    TEXT
);
CREATE INDEX webhook_deliveries_due_ms ON webhook_deliveries (due_ms);
CREATE INDEX webhook_deliveries_webhook ON webhook_deliveries (webhook, id);
