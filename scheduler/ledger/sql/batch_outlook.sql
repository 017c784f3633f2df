-- batch_outlook: first touches of a batch that are still to come, numbered as batch_respread numbers them; of many an
-- even sample.
-- $1 batch_id bigint  $2 most bigint (about so many are wanted)
-- Rows: n, lane_id, next_at, waiting (of all)
WITH untouched AS (
    SELECT row_number() OVER (ORDER BY lo.loop_id) AS n, count(*) OVER () AS waiting, lo.lane_id, lo.next_at
    FROM loop AS lo
    JOIN lead AS le USING (lead_id)
    WHERE lo.batch_id = $1
      AND lo.status = 'scheduled'
      AND lo.attempts = 0
      AND le.contacts = '{}'
      AND lo.asked IS NULL
)
SELECT n, lane_id, next_at, waiting
FROM untouched
WHERE n % (1 + (waiting - 1) / $2::bigint) = 0
ORDER BY n;
