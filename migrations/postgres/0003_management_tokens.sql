-- Tokens for managing Fader through REST: they act with the permissions of one role.

ALTER TABLE tokens DROP CONSTRAINT tokens_kind_check;
ALTER TABLE tokens ADD COLUMN role TEXT CHECK (role IN ('admin', 'product', 'qa', 'support', 'viewer'));
ALTER TABLE tokens ADD CONSTRAINT tokens_kind_check CHECK (kind IN ('server', 'client', 'admin'));
ALTER TABLE tokens ADD CONSTRAINT tokens_role_of_admin CHECK ((kind = 'admin') = (role IS NOT NULL));
