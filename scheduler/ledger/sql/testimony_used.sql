-- testimony_used: the ledger has these again.
-- $1 testimony_ids bigint[]
UPDATE testimony SET used = true WHERE testimony_id = ANY($1::bigint[]) AND NOT used;
