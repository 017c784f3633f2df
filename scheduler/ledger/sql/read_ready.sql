-- read_ready: Postgres answers.
SELECT 1 AS one;
