-- testimony_add: what a journal has of the forgotten time, without the calls that the ledger has.
-- $1 quarantine_id bigint  $2 journal text  $3 kinds text[]  $4 account_ids bigint[]  $5 whos text[]
-- $6 ats timestamptz[]  $7 attempt_ids bigint[]  $8 loop_ids bigint[]  $9 ns smallint[]  $10 permits uuid[]
INSERT INTO testimony (quarantine_id, journal, kind, account_id, who, at, attempt_id, loop_id, n, permit)
SELECT $1, $2, t.kind, t.account_id, t.who, t.at, t.attempt_id, t.loop_id, t.n, t.permit
FROM unnest($3::text[], $4::bigint[], $5::text[], $6::timestamptz[], $7::bigint[], $8::bigint[], $9::smallint[],
            $10::uuid[])
    AS t (kind, account_id, who, at, attempt_id, loop_id, n, permit)
WHERE NOT EXISTS (SELECT FROM attempt AS a
                  WHERE a.attempt_id = t.attempt_id AND a.loop_id = t.loop_id
                    AND (a.permit = t.permit OR a.state <> 'not_sent' OR a.armed_at >= t.at))
ON CONFLICT DO NOTHING;
