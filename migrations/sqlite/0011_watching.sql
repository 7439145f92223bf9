-- Exposures that no outcome follows become a metric of their own. The desk draws errors of all flags at once: what it
-- needs of a cell stands beside its document. Verdicts are deleted by age.

INSERT INTO metrics (key, document, audit_seq) VALUES
    ('missing_outcome', '{"key":"missing_outcome","name":"Missing outcomes","description":"Exposures that no outcome followed within a minute: a crash may silence its own report. Fader counts them by itself.","kind":"missing_outcome","unit":"%","lower_is_better":true}', 0)
ON CONFLICT (key) DO NOTHING;

ALTER TABLE cells ADD COLUMN outcomes BIGINT NOT NULL DEFAULT 0;
ALTER TABLE cells ADD COLUMN events BIGINT NOT NULL DEFAULT 0;
CREATE INDEX cells_recent_errors ON cells (environment, from_ms)
    WHERE metric = 'error_rate' AND arm = 'treatment' AND step_ms = 10000;

CREATE INDEX verdicts_age ON verdicts (at_ms);
