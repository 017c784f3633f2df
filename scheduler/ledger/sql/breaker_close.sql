-- breaker_close: something got through.
-- $1 kind text  $2 id bigint
DELETE FROM breaker WHERE kind = $1 AND id = $2;
