-- A role for the server that owns no table: it reads and writes rows, and can neither change the schema nor touch what
-- is in the audit log. Run this as the owner of the database, after `fader migrate`, and again after each upgrade.
-- Then give the role a password: \password fader_server

DO $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'fader_server') THEN
        CREATE ROLE fader_server LOGIN;
    END IF;
END
$$;

-- Since PostgreSQL 15 this is how it is anyway.
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO fader_server;

GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO fader_server;
REVOKE UPDATE, DELETE ON audit, versions FROM fader_server;
REVOKE INSERT, UPDATE, DELETE ON _sqlx_migrations FROM fader_server;
