-- record_add: the next links of an account's chain, whose head is locked, and how far its events are recorded.
-- $1 account_id bigint  $2 numbers bigint[]  $3 attempt_ids bigint[]  $4 revisions smallint[]  $5 bodies text[]
-- $6 previous_hashes bytea[]  $7 hashes bytea[]  $8 number bigint  $9 hash bytea  $10 news_seq bigint
-- $11 now timestamptz
WITH links AS (
    INSERT INTO attempt_record (account_id, number, attempt_id, revision, recorded_at, body, previous_hash, hash)
    SELECT $1, l.number, l.attempt_id, l.revision, $11, l.body, l.previous_hash, l.hash
    FROM unnest($2::bigint[], $3::bigint[], $4::smallint[], $5::text[], $6::bytea[], $7::bytea[])
        AS l (number, attempt_id, revision, body, previous_hash, hash)
)
UPDATE record_head
SET number = $8, hash = $9, news_seq = $10
WHERE account_id = $1
  AND news_seq < $10;
