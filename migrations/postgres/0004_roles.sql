-- Who may do what, where an admin changed it: what differs from the defaults of the product, as one document. Without a
-- row the defaults are in force. The version is the audit entry that wrote it; the log keeps both sides.

CREATE TABLE role_table (
    key        TEXT PRIMARY KEY CHECK (key = 'roles'),
    document   TEXT NOT NULL,
    version    BIGINT NOT NULL,
    changed_ms BIGINT NOT NULL,
    changed_by TEXT NOT NULL,
    audit_seq  BIGINT NOT NULL
);
