-- attempt_result: what a person of ours says of a contact that is over. What the network reported stays, but for a
-- call that was written off as unknown.
-- $1 attempt_id bigint  $2 outcome text  $3 disposition text  $4 callback_at timestamptz  $5 talk_s integer (null: as is)
-- Rows: what it was, and whether it is its loop's latest
WITH was AS (
    SELECT attempt_id, loop_id, n, outcome, disposition, callback_at, talk_s
    FROM attempt
    WHERE attempt_id = $1 AND state = 'done'
    FOR UPDATE
)
UPDATE attempt AS a
SET outcome = CASE WHEN was.outcome = 'unknown' THEN coalesce($2, was.outcome) ELSE was.outcome END,
    disposition = coalesce($3, was.disposition),
    callback_at = coalesce($4, was.callback_at),
    talk_s = coalesce($5, was.talk_s)
FROM was, loop AS lo
WHERE a.attempt_id = was.attempt_id AND lo.loop_id = was.loop_id
RETURNING was.loop_id, was.outcome, was.disposition, was.callback_at, was.talk_s, lo.attempts = was.n AS latest,
          lo.status AS loop_status;
