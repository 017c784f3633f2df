-- stream_ticket_keep: a new ticket; those of the account that nobody used in time go.
-- $1 account_id bigint  $2 ticket_hash bytea  $3 key_id text  $4 expires_at timestamptz  $5 now timestamptz (wall)
WITH gone AS (
    DELETE FROM stream_ticket
    WHERE account_id = $1
      AND expires_at <= $5
)
INSERT INTO stream_ticket (account_id, ticket_hash, key_id, expires_at)
VALUES ($1, $2, $3, $4);
