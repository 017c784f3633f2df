-- news_ended: tell of those of the loops that this very transaction has ended, and what their leads are now.
-- $1 loop_ids bigint[]  $2 now timestamptz
WITH ended AS MATERIALIZED (
    SELECT lo.account_id, lo.loop_id, lo.lead_id, lo.batch_id, le.status
    FROM loop AS lo
    JOIN lead AS le USING (lead_id)
    WHERE lo.loop_id = ANY($1::bigint[])
      AND lo.status = 'ended'
      AND lo.xmin = pg_current_xact_id()::xid
)
INSERT INTO news (account_id, type, at, ids, lead_ids, batch_ids, extra)
SELECT account_id, type, $2, ids, lead_ids, batch_ids, extra
FROM (
    SELECT 1 AS place, account_id, 'loop.ended' AS type, array_agg(loop_id ORDER BY loop_id) AS ids,
           array_agg(lead_id ORDER BY loop_id) AS lead_ids, array_agg(batch_id ORDER BY loop_id) AS batch_ids,
           NULL::json AS extra
    FROM ended
    GROUP BY account_id
    UNION ALL
    SELECT 2, account_id, 'lead.status_changed', array_agg(lead_id ORDER BY loop_id), '{}',
           array_agg(batch_id ORDER BY loop_id), json_build_object('now', json_build_object('status', status))
    FROM ended
    GROUP BY account_id, status
    UNION ALL
    SELECT 3, account_id, 'lead.opted_out', array_agg(lead_id ORDER BY loop_id), '{}',
           array_agg(batch_id ORDER BY loop_id), NULL
    FROM ended
    WHERE status = 'opted_out'
    GROUP BY account_id
) AS told
ORDER BY place;
