-- installation_ensure: the installation's identity and keys, made at the first start and kept.
-- $1 installation_id uuid  $2 id_key bytea  $3 phone_key bytea  $4 now timestamptz  $5 shards integer
INSERT INTO installation (installation_id, id_key, phone_key, created_at, shards, identity)
VALUES ($1, $2, $3, $4, $5, ledger_identity())
ON CONFLICT (singleton) DO UPDATE SET singleton = true
RETURNING installation_id, id_key, phone_key, simulated_at, shards;
