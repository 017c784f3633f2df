-- stream_ticket_use: take a ticket that is still good; nobody else can use it.
-- $1 account_id bigint  $2 ticket_hash bytea  $3 now timestamptz (wall)
-- Rows: key_id
DELETE FROM stream_ticket
WHERE account_id = $1
  AND ticket_hash = $2
  AND expires_at > $3
RETURNING key_id;
