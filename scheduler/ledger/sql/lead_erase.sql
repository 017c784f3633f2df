-- lead_erase: forget the person; ids, counts, states and instants stay.
-- $1 account_id bigint  $2 lead_id bigint (locked, in no call)  $3 now timestamptz
UPDATE lead
SET phone = NULL, erased_at = $3, external_id = NULL, name = '', email = '', timezone = NULL, region = NULL,
    appointment_at = NULL, consent = NULL, tags = '{}', variables = '{}', contacts = '{}', quiet_until = NULL,
    status = CASE WHEN status IN ('new', 'active') THEN 'closed' ELSE status END,
    version = version + 1, updated_at = $3
WHERE account_id = $1
  AND lead_id = $2
  AND erased_at IS NULL;
