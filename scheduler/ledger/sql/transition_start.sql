-- transition_start: loops that other cadences begin with what ended just now, their leads locked. One for each lead at
-- most; written after the statement that ended the loops before them, in its transaction.
-- $1 lead_ids bigint[]  $2 account_ids bigint[]  $3 agent_ids bigint[]  $4 batch_ids bigint[]  $5 lane_ids bigint[]
-- $6 policy_versions bigint[]  $7 started_ats timestamptz[]  $8 next_ats timestamptz[]  $9 open_untils timestamptz[]
-- $10 kinds text[]  $11 steps smallint[]  $12 channels text[]  $13 whys text[]  $14 end_reasons text[]
-- $15 cadence_ids bigint[]  $16 cadence_versions integer[]  $17 now timestamptz
-- Rows: loop_id, lead_id
INSERT INTO loop (lead_id, account_id, agent_id, batch_id, lane_id, policy_version, lead_version, started_at, status,
                  next_at, open_until, next_kind, next_step, next_channel, why, end_reason, ended_at, cadence_id,
                  cadence_version, cadence_chosen)
SELECT s.lead_id, s.account_id, s.agent_id, s.batch_id, s.lane_id, s.policy_version, le.version, s.started_at,
       CASE WHEN s.end_reason IS NULL THEN 'scheduled' ELSE 'ended' END, s.next_at, s.open_until, s.kind, s.step,
       s.channel, s.why::json, s.end_reason, CASE WHEN s.end_reason IS NOT NULL THEN $17::timestamptz END,
       s.cadence_id, s.cadence_version, true
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::timestamptz[],
            $8::timestamptz[], $9::timestamptz[], $10::text[], $11::smallint[], $12::text[], $13::text[],
            $14::text[], $15::bigint[], $16::integer[])
    AS s (lead_id, account_id, agent_id, batch_id, lane_id, policy_version, started_at, next_at, open_until, kind,
          step, channel, why, end_reason, cadence_id, cadence_version)
JOIN lead AS le USING (lead_id)
RETURNING loop_id, lead_id;
