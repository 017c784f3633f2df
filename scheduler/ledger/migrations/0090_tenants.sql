-- Tenants: an account's rows are its own, by the server's word and not only by the statements'.
-- dialwheel_tenant serves one account at a time (dialwheel.account_id of its session; none: no rows at all);
-- dialwheel_service is what the services and the dialer are, which work for all.

DO $$
DECLARE
    role_name text;
    one record;
BEGIN
    FOREACH role_name IN ARRAY ARRAY['dialwheel_tenant', 'dialwheel_service'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN NOSUPERUSER NOBYPASSRLS', role_name);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                NULL;  -- another ledger of the same server made it meanwhile
            END;
        END IF;
        IF NOT pg_has_role(current_user, role_name, 'MEMBER') THEN
            EXECUTE format('GRANT %I TO %I', role_name, current_user);
        END IF;
    END LOOP;

    EXECUTE format('GRANT USAGE ON SCHEMA %I TO dialwheel_tenant, dialwheel_service', current_schema());
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA %I TO dialwheel_service',
                   current_schema());
    FOR one IN
        SELECT t.tablename AS name
        FROM pg_tables AS t
        JOIN information_schema.columns AS c
            ON c.table_schema = t.schemaname AND c.table_name = t.tablename AND c.column_name = 'account_id'
        WHERE t.schemaname = current_schema()
    LOOP
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO dialwheel_tenant', one.name);
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', one.name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', one.name);
        EXECUTE format('CREATE POLICY service ON %I TO dialwheel_service USING (true)', one.name);
        EXECUTE format(
            'CREATE POLICY tenant ON %I TO dialwheel_tenant USING '
            '(account_id = (SELECT nullif(current_setting(''dialwheel.account_id'', true), '''')::bigint))',
            one.name);
    END LOOP;
END
$$;

-- The audit log is only ever added to.
REVOKE UPDATE, DELETE ON audit FROM dialwheel_tenant, dialwheel_service;

-- What belongs to an account through something else of it.
ALTER TABLE import_reject ENABLE ROW LEVEL SECURITY;
ALTER TABLE import_reject FORCE ROW LEVEL SECURITY;
CREATE POLICY service ON import_reject TO dialwheel_service USING (true);
CREATE POLICY tenant ON import_reject TO dialwheel_tenant
    USING (EXISTS (SELECT FROM import AS i WHERE i.import_id = import_reject.import_id));
ALTER TABLE caller_id_use ENABLE ROW LEVEL SECURITY;
ALTER TABLE caller_id_use FORCE ROW LEVEL SECURITY;
CREATE POLICY service ON caller_id_use TO dialwheel_service USING (true);
CREATE POLICY tenant ON caller_id_use TO dialwheel_tenant
    USING (EXISTS (SELECT FROM caller_id AS c WHERE c.caller_id_id = caller_id_use.caller_id_id));
ALTER TABLE provider_event ENABLE ROW LEVEL SECURITY;
ALTER TABLE provider_event FORCE ROW LEVEL SECURITY;
CREATE POLICY service ON provider_event TO dialwheel_service USING (true);
CREATE POLICY tenant ON provider_event TO dialwheel_tenant
    USING (EXISTS (SELECT FROM attempt AS a WHERE a.attempt_id = provider_event.attempt_id));
ALTER TABLE arm ENABLE ROW LEVEL SECURITY;
ALTER TABLE arm FORCE ROW LEVEL SECURITY;
CREATE POLICY service ON arm TO dialwheel_service USING (true);
CREATE POLICY tenant ON arm TO dialwheel_tenant
    USING (EXISTS (SELECT FROM attempt AS a WHERE a.attempt_id = arm.attempt_id));
GRANT SELECT, INSERT, DELETE ON import_reject TO dialwheel_tenant;
GRANT SELECT ON caller_id_use, provider_event, arm TO dialwheel_tenant;

-- What all share and nobody owns: places by their zones, the shards' epochs, whether all is held. The
-- installation's keys are not theirs.
GRANT SELECT, INSERT ON place TO dialwheel_tenant;
GRANT SELECT ON wheel_epoch, quarantine TO dialwheel_tenant;
GRANT SELECT (singleton, installation_id, shards, renewed_at) ON installation TO dialwheel_tenant;
