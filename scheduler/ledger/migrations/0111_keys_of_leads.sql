-- Leads, loops, attempts and what is told of them refer to what is of the same account, and of the same lead or loop,
-- like every other table (0100). A foreign key looks up each row by itself: 9 to 15 % more of Postgres' time in an
-- import. These triggers look all new rows of a statement up at once, in scalar subqueries (EXISTS may become a hash of
-- the whole table). Who serves a tenant may not update what makes a row this account's, lead's or loop's. Its agent,
-- batch and lane may change, and are not looked at then (a trigger on updates took 12 % of Postgres' time for each
-- attempt): a loop that strays so is never called, for its attempt is looked at anew. Rows of before are not looked at.
DO $$
DECLARE
    keyed record;
    updated text;
BEGIN
    FOR keyed IN
        SELECT * FROM (VALUES
            ('lane', '{account_id,agent_id,class,batch_id,place_id}'::text[], NULL),
            ('lead', '{account_id}',
             '(m.agent_id IS NOT NULL AND (SELECT ag.account_id FROM agent AS ag WHERE ag.agent_id = m.agent_id)
                  IS DISTINCT FROM m.account_id)
              OR (m.batch_id IS NOT NULL AND (SELECT b.account_id FROM batch AS b WHERE b.batch_id = m.batch_id)
                  IS DISTINCT FROM m.account_id)'),
            ('loop', '{account_id,lead_id}',
             '(SELECT le.account_id FROM lead AS le WHERE le.lead_id = m.lead_id) IS DISTINCT FROM m.account_id
              OR (SELECT (la.account_id, la.agent_id, la.batch_id) = (m.account_id, m.agent_id, m.batch_id)
                  FROM lane AS la WHERE la.lane_id = m.lane_id) IS NOT TRUE
              OR (m.batch_id <> 0 AND (SELECT b.account_id FROM batch AS b WHERE b.batch_id = m.batch_id)
                  IS DISTINCT FROM m.account_id)
              OR (m.cadence_id IS NOT NULL AND
                  (SELECT true FROM cadence_version AS cv
                   WHERE (cv.account_id, cv.cadence_id, cv.version)
                       = (m.account_id, m.cadence_id, m.cadence_version)) IS NOT TRUE)'),
            ('attempt', '{account_id,loop_id,lead_id}',
             '(SELECT (lo.account_id, lo.lead_id, lo.agent_id, lo.batch_id, lo.lane_id)
                      = (m.account_id, m.lead_id, m.agent_id, m.batch_id, m.lane_id)
               FROM loop AS lo WHERE lo.loop_id = m.loop_id) IS NOT TRUE
              OR (SELECT (la.account_id, la.agent_id, la.batch_id) = (m.account_id, m.agent_id, m.batch_id)
                  FROM lane AS la WHERE la.lane_id = m.lane_id) IS NOT TRUE
              OR (m.cadence_id IS NOT NULL AND
                  (SELECT ca.account_id FROM cadence AS ca WHERE ca.cadence_id = m.cadence_id)
                      IS DISTINCT FROM m.account_id)'),
            ('attempt_record', NULL,
             '(SELECT a.account_id FROM attempt AS a WHERE a.attempt_id = m.attempt_id)
                  IS DISTINCT FROM m.account_id'),
            ('callback', '{account_id,lead_id,loop_id}',
             '(SELECT (lo.account_id, lo.lead_id) = (m.account_id, m.lead_id)
               FROM loop AS lo WHERE lo.loop_id = m.loop_id) IS NOT TRUE
              OR (m.attempt_id IS NOT NULL AND
                  (SELECT (a.account_id, a.lead_id) = (m.account_id, m.lead_id)
                   FROM attempt AS a WHERE a.attempt_id = m.attempt_id) IS NOT TRUE)'),
            ('lead_signal', '{account_id,lead_id}',
             '(SELECT le.account_id FROM lead AS le WHERE le.lead_id = m.lead_id) IS DISTINCT FROM m.account_id')
        ) AS one (name, settled, strays)
    LOOP
        IF keyed.strays IS NOT NULL THEN
            EXECUTE format('CREATE FUNCTION %I() RETURNS trigger LANGUAGE plpgsql AS %L', keyed.name || '_of_account',
                           format('BEGIN IF EXISTS (SELECT FROM made AS m WHERE %s) THEN '
                                  'RAISE EXCEPTION ''a row of %% refers to what is not of its account'', TG_TABLE_NAME '
                                  'USING ERRCODE = ''foreign_key_violation'', TABLE = TG_TABLE_NAME, '
                                  'CONSTRAINT = TG_NAME; END IF; RETURN NULL; END', keyed.strays));
            EXECUTE format('CREATE TRIGGER %1$I AFTER INSERT ON %2$I REFERENCING NEW TABLE AS made '
                           'FOR EACH STATEMENT EXECUTE FUNCTION %1$I()', keyed.name || '_of_account', keyed.name);
        END IF;
        CONTINUE WHEN keyed.settled IS NULL;           -- only ever added to
        SELECT string_agg(quote_ident(column_name), ', ') INTO updated
        FROM information_schema.columns
        WHERE table_schema = current_schema() AND table_name = keyed.name AND column_name <> ALL (keyed.settled);
        EXECUTE format('REVOKE UPDATE ON %I FROM dialwheel_service, dialwheel_tenant', keyed.name);
        EXECUTE format('GRANT UPDATE (%s) ON %I TO dialwheel_service, dialwheel_tenant', updated, keyed.name);
    END LOOP;
END
$$;
