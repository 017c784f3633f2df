-- callback_change: another time or another note for a callback that is still to be made, its lead locked.
-- $1 callback_id bigint  $2 at timestamptz  $3 from_at timestamptz  $4 until_at timestamptz  $5 confidence double precision
-- $6 said text  $7 note text  $8 now timestamptz
UPDATE callback
SET at = $2, from_at = $3, until_at = $4, confidence = $5, said = $6, note = $7, updated_at = $8,
    status = CASE WHEN $2::timestamptz > $8::timestamptz THEN 'scheduled' ELSE status END
WHERE callback_id = $1
  AND status IN ('scheduled', 'due');
