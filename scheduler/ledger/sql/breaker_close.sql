-- breaker_close: something got through; who closes it tells.
-- $1 kind text  $2 id bigint  $3 now timestamptz
WITH closed AS (
    DELETE FROM breaker
    WHERE kind = $1 AND id = $2
    RETURNING kind, id, account_id
)
INSERT INTO news (account_id, type, at, ids, lead_ids, batch_ids, extra)
SELECT account_id, 'system.recovered', $3, ARRAY[id], '{}', '{}',
       json_build_object('component', 'breaker', 'kind', CASE kind WHEN 't' THEN 'trunk' ELSE 'agent' END,
                         'detail', 'calls get through again')
FROM closed;
