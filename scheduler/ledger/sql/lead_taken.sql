-- lead_taken: whether another lead of the account has this phone or this external id, and whether the phone may not
-- be called; null asks nothing.
-- $1 account_id bigint  $2 lead_id bigint: the lead that is changed  $3 phone text  $4 external_id text  $5 mark text:
-- the phone's keyed hash
-- Rows: phone_taken, external_id_taken, suppressed
SELECT EXISTS (SELECT FROM lead WHERE account_id = $1 AND phone = $3 AND lead_id <> $2) AS phone_taken,
       EXISTS (SELECT FROM lead WHERE account_id = $1 AND external_id = $4 AND lead_id <> $2) AS external_id_taken,
       EXISTS (SELECT FROM suppression WHERE account_id = $1 AND phone = $3)
           OR EXISTS (SELECT FROM suppression_mark WHERE account_id = $1 AND mark = $5) AS suppressed;
