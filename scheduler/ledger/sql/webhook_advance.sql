-- webhook_advance: events up to here have their deliveries; only by who holds the lease.
-- $1 webhook_id bigint  $2 takes bigint  $3 from bigint  $4 seq bigint  $5 replay boolean
UPDATE webhook
SET seq = CASE WHEN $5::boolean THEN seq ELSE $4 END,
    replay_seq = CASE WHEN NOT $5::boolean THEN replay_seq WHEN $4 >= replay_upto_seq THEN NULL ELSE $4 END,
    replay_upto_seq = CASE WHEN $5::boolean AND $4 >= replay_upto_seq THEN NULL ELSE replay_upto_seq END
WHERE webhook_id = $1
  AND takes = $2
  AND status = 'active'
  AND CASE WHEN $5::boolean THEN replay_seq ELSE seq END = $3
RETURNING webhook_id;
