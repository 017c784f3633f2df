-- job_take: lease the oldest job of these kinds that nobody holds; of an account one of a kind at a time.
-- $1 kinds text[]  $2 wall timestamptz  $3 lease interval  $4 now timestamptz
-- Rows: the job, none when there is nothing to do
UPDATE job AS j
SET status = 'running', takes = j.takes + 1, tries = j.tries + 1, leased_until = $2::timestamptz + $3::interval,
    started_at = coalesce(j.started_at, $4), updated_at = $4
FROM (SELECT o.job_id
      FROM job AS o
      WHERE o.status IN ('queued', 'running')
        AND o.kind = ANY($1::text[])
        AND (o.leased_until IS NULL OR o.leased_until <= $2)
        AND NOT EXISTS (SELECT FROM job AS b
                        WHERE b.status = 'running' AND b.job_id <> o.job_id
                          AND b.account_id = o.account_id AND b.kind = o.kind)
      ORDER BY o.job_id
      LIMIT 1
      FOR UPDATE SKIP LOCKED) AS free
WHERE j.job_id = free.job_id
  AND j.status IN ('queued', 'running')
RETURNING j.job_id, j.account_id, j.kind, j.args, j.cursor, j.done, j.total, j.takes, j.tries;
