-- attempt_result: what a person of ours says of a contact that is over. What the network reported stays, but for a
-- call that was written off as unknown.
-- $1 attempt_id bigint  $2 outcome text  $3 disposition text  $4 callback_at timestamptz  $5 talk_s integer (null: as is)
-- $6 now timestamptz
-- Rows: what it was, and whether it is its loop's latest
WITH was AS (
    SELECT attempt_id, loop_id, n, outcome, disposition, callback_at, talk_s
    FROM attempt
    WHERE attempt_id = $1 AND state = 'done'
    FOR UPDATE
),
now AS (
    SELECT CASE WHEN outcome = 'unknown' THEN coalesce($2, outcome) ELSE outcome END AS outcome,
           coalesce($3, disposition) AS disposition, coalesce($4, callback_at) AS callback_at,
           coalesce($5, talk_s) AS talk_s
    FROM was
)
UPDATE attempt AS a
SET outcome = now.outcome, disposition = now.disposition, callback_at = now.callback_at, talk_s = now.talk_s,
    amended_at = CASE WHEN (now.outcome, now.disposition, now.callback_at, now.talk_s)
                           IS DISTINCT FROM (was.outcome, was.disposition, was.callback_at, was.talk_s)
                      THEN $6 ELSE a.amended_at END
FROM was, now, loop AS lo
WHERE a.attempt_id = was.attempt_id AND lo.loop_id = was.loop_id
RETURNING was.loop_id, was.outcome, was.disposition, was.callback_at, was.talk_s, lo.attempts = was.n AS latest,
          lo.status AS loop_status;
