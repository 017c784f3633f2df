-- ledger_beat: how the ledger stands against what was seen of it, and a beat if it is due and all is well. A beat that
-- somebody saw is there for ever, with all that was committed before it: unless the ledger was put back.
-- $1 now timestamptz  $2 every interval: null for no beat  $3 seen_beat bigint  $4 mark_attempt bigint: armed since then, 0 for none
-- $5 mark_loop bigint
-- Rows: beat, beat_at, beaten: by this call, same: it is the store that it was, knows: it has the marked attempt,
--       quarantine_id, began_at, why of the open quarantine or null, owes: testimony that may matter to a cap is not used yet
WITH standing AS MATERIALIZED (
    SELECT i.beat, coalesce(i.beat_at, i.created_at) AS beat_at, i.identity = ledger_identity() AS same,
           $4::bigint = 0 OR EXISTS (SELECT FROM attempt AS a
                                     WHERE a.attempt_id = $4 AND a.loop_id = $5::bigint) AS knows,
           q.quarantine_id, q.began_at, q.why,
           EXISTS (SELECT FROM testimony AS t WHERE NOT t.used AND t.at > $1::timestamptz - interval '31 days') AS owes
    FROM installation AS i
    LEFT JOIN quarantine AS q ON q.ended_at IS NULL
),
beating AS (
    UPDATE installation AS i
    SET beat = i.beat + 1, beat_at = $1
    FROM standing AS s
    WHERE s.same AND s.knows AND s.quarantine_id IS NULL AND s.beat >= $3::bigint
      AND $2::interval IS NOT NULL
      AND (i.beat_at IS NULL OR i.beat_at <= $1::timestamptz - $2::interval OR i.beat_at > $1)
    RETURNING i.beat, i.beat_at
)
SELECT coalesce(b.beat, s.beat) AS beat, coalesce(b.beat_at, s.beat_at) AS beat_at, b.beat IS NOT NULL AS beaten,
       s.same, s.knows, s.quarantine_id, s.began_at, s.why, s.owes
FROM standing AS s
LEFT JOIN beating AS b ON true;
