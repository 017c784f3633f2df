-- lead_erase_signals: signs of life of somebody who is erased.
-- $1 account_id bigint  $2 lead_id bigint
DELETE FROM lead_signal WHERE account_id = $1 AND lead_id = $2;
