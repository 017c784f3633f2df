-- account_create: a tenant; the first one of an installation is its operator.
-- $1 name text  $2 timezone text  $3 windows json  $4 live_after_hours boolean  $5 strict boolean
-- $6 max_concurrent integer  $7 max_dials_per_s double precision  $8 frequency_caps json
-- $9 jitter_max_s integer  $10 simulated boolean  $11 now timestamptz
INSERT INTO account (name, timezone, windows, live_after_hours, strict, max_concurrent, max_dials_per_s,
                     frequency_caps, jitter_max_s, simulated, operator, created_at, updated_at)
VALUES ($1, $2, $3::text::json, $4, $5, $6, $7, $8::text::json, $9, $10,
        NOT EXISTS (SELECT FROM account), $11, $11)
RETURNING account_id;
