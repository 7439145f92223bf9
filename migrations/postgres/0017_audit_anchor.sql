-- Entries are keyed: `format` says with what (1: not at all, 2: the workspace's secret, 3: a secret from outside the
-- database), and never goes back within a chain. Guardrails, plans and testers (0020) keep versions too, so that what is in force can be
-- compared with what the chain knows. `checkpoint_seq` is the last entry whose checkpoint was sent to webhooks.

ALTER TABLE audit ADD COLUMN format BIGINT NOT NULL DEFAULT 1;
ALTER TABLE workspace ADD COLUMN audit_format BIGINT NOT NULL DEFAULT 1;
ALTER TABLE workspace ADD COLUMN checkpoint_seq BIGINT NOT NULL DEFAULT 0;

ALTER TABLE versions DROP CONSTRAINT versions_object_kind_check;
ALTER TABLE versions ADD CONSTRAINT versions_object_kind_check
    CHECK (object_kind IN ('flag', 'rollout', 'group', 'guardrails', 'guardrail_defaults', 'plan', 'enrolment'));
