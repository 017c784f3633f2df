-- quarantine_end: permits are given again, by the store that this is now.
-- $1 quarantine_id bigint  $2 now timestamptz  $3 by text  $4 accepted_loss boolean  $5 ahead bigint: beats that others
-- may have seen beyond what the quarantine knows of
-- Rows: quarantine_id, if this call ended it
WITH ended AS (
    UPDATE quarantine
    SET ended_at = $2, ended_by = $3, accepted_loss = $4
    WHERE quarantine_id = $1 AND ended_at IS NULL
    RETURNING quarantine_id, seen_beat
),
told AS (
    INSERT INTO news (account_id, type, at, ids, lead_ids, batch_ids, extra)
    SELECT ac.account_id, 'system.recovered', $2, ARRAY[e.quarantine_id], '{}', '{}',
           json_build_object('component', 'ledger', 'detail', 'permits are given again')
    FROM ended AS e
    CROSS JOIN account AS ac
),
known AS (
    UPDATE installation AS i
    SET identity = ledger_identity(), beat = greatest(i.beat, e.seen_beat) + $5, beat_at = $2
    FROM ended AS e
)
SELECT quarantine_id FROM ended;
