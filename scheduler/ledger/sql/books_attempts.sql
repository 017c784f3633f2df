-- books_attempts: how many attempts ended with which outcome.
-- $1 account_id bigint
SELECT outcome, count(*) AS attempts
FROM attempt
WHERE account_id = $1 AND state = 'done'
GROUP BY outcome;
