-- callback_create: somebody tells when a lead, which is locked, is to be called; its open callback is closed before this.
-- $1 account_id bigint  $2 lead_id bigint  $3 loop_id bigint  $4 at timestamptz  $5 from_at timestamptz  $6 until_at
-- timestamptz  $7 confidence double precision  $8 said text  $9 note text  $10 source text  $11 now timestamptz
-- Rows: callback_id
INSERT INTO callback (account_id, lead_id, loop_id, at, from_at, until_at, confidence, said, note, source, created_at,
                      updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11)
RETURNING callback_id;
