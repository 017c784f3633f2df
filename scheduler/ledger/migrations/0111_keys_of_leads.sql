-- Leads, loops, attempts and what is told of them refer to what is of the same account, and of the same lead or loop,
-- like every other table (0100). A foreign key would do a look-up of its own for each row: 9 to 15 % more of Postgres'
-- time in an import. These triggers look all rows of a statement up at once, in scalar subqueries (EXISTS may become a
-- hash of the whole table), and a row again only when what it refers to is changed; the account of a row never
-- is. Nothing is ever deleted that they refer to. Rows of before are not looked at.
DO $$
DECLARE
    keyed record;
    refused text := 'RAISE EXCEPTION ''a row of % refers to what is not of its account'', TG_TABLE_NAME '
                    'USING ERRCODE = ''foreign_key_violation'', TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME;';
BEGIN
    FOR keyed IN
        SELECT * FROM (VALUES
            ('lane', '{account_id,agent_id,batch_id}'::text[],
             'm.batch_id <> 0 AND (SELECT b.account_id FROM batch AS b WHERE b.batch_id = m.batch_id)
                  IS DISTINCT FROM m.account_id'),
            ('lead', '{account_id,agent_id,batch_id}',
             '(m.agent_id IS NOT NULL AND (SELECT ag.account_id FROM agent AS ag WHERE ag.agent_id = m.agent_id)
                  IS DISTINCT FROM m.account_id)
              OR (m.batch_id IS NOT NULL AND (SELECT b.account_id FROM batch AS b WHERE b.batch_id = m.batch_id)
                  IS DISTINCT FROM m.account_id)'),
            ('loop', '{account_id,lead_id,agent_id,batch_id,lane_id,cadence_id,cadence_version}',
             '(SELECT le.account_id FROM lead AS le WHERE le.lead_id = m.lead_id) IS DISTINCT FROM m.account_id
              OR (SELECT (la.account_id, la.agent_id, la.batch_id) = (m.account_id, m.agent_id, m.batch_id)
                  FROM lane AS la WHERE la.lane_id = m.lane_id) IS NOT TRUE
              OR (m.cadence_id IS NOT NULL AND
                  (SELECT true FROM cadence_version AS cv
                   WHERE (cv.account_id, cv.cadence_id, cv.version)
                       = (m.account_id, m.cadence_id, m.cadence_version)) IS NOT TRUE)'),
            ('attempt', '{account_id,loop_id,lead_id,agent_id,batch_id,lane_id,cadence_id,cadence_version}',
             '(SELECT (lo.account_id, lo.lead_id, lo.agent_id, lo.batch_id, lo.lane_id)
                      = (m.account_id, m.lead_id, m.agent_id, m.batch_id, m.lane_id)
                      AND (lo.cadence_id, lo.cadence_version)
                          IS NOT DISTINCT FROM (m.cadence_id, m.cadence_version)
               FROM loop AS lo WHERE lo.loop_id = m.loop_id) IS NOT TRUE'),
            ('attempt_record', '{account_id,attempt_id}',
             '(SELECT a.account_id FROM attempt AS a WHERE a.attempt_id = m.attempt_id)
                  IS DISTINCT FROM m.account_id'),
            ('callback', '{account_id,lead_id,loop_id,attempt_id}',
             '(SELECT (lo.account_id, lo.lead_id) = (m.account_id, m.lead_id)
               FROM loop AS lo WHERE lo.loop_id = m.loop_id) IS NOT TRUE
              OR (m.attempt_id IS NOT NULL AND
                  (SELECT (a.account_id, a.lead_id) = (m.account_id, m.lead_id)
                   FROM attempt AS a WHERE a.attempt_id = m.attempt_id) IS NOT TRUE)'),
            ('lead_signal', '{account_id,lead_id}',
             '(SELECT le.account_id FROM lead AS le WHERE le.lead_id = m.lead_id) IS DISTINCT FROM m.account_id')
        ) AS one (table_name, refers_by, strays)
    LOOP
        EXECUTE format('CREATE FUNCTION %I() RETURNS trigger LANGUAGE plpgsql AS %L', keyed.table_name || '_made',
                       format('BEGIN IF EXISTS (SELECT FROM made AS m WHERE %s) THEN %s END IF; RETURN NULL; END',
                              keyed.strays, refused));
        EXECUTE format('CREATE TRIGGER %I AFTER INSERT ON %I REFERENCING NEW TABLE AS made '
                       'FOR EACH STATEMENT EXECUTE FUNCTION %I()',
                       keyed.table_name || '_of_account', keyed.table_name, keyed.table_name || '_made');
        EXECUTE format('CREATE FUNCTION %I() RETURNS trigger LANGUAGE plpgsql AS %L', keyed.table_name || '_moved',
                       format('BEGIN IF OLD.account_id <> NEW.account_id '
                              'OR EXISTS (SELECT FROM (SELECT NEW.*) AS m WHERE %s) THEN %s END IF; RETURN NULL; END',
                              keyed.strays, refused));
        EXECUTE format('CREATE TRIGGER %I AFTER UPDATE ON %I FOR EACH ROW WHEN (%s) EXECUTE FUNCTION %I()',
                       keyed.table_name || '_stays_of_account', keyed.table_name,
                       (SELECT string_agg(format('OLD.%1$I IS DISTINCT FROM NEW.%1$I', by_column), ' OR ')
                        FROM unnest(keyed.refers_by) AS by_column),
                       keyed.table_name || '_moved');
    END LOOP;
END
$$;
