-- enrol_loops: start the loops of leads that have none.
-- $1 account_id bigint  $2 agent_id bigint  $3 batch_id bigint (0: none)  $4 policy_version bigint
-- $5 now timestamptz  $6 lead_ids bigint[]  $7 lead_versions integer[]  $8 lane_ids bigint[]
-- $9 next_ats_ms bigint[]  $10 open_untils_ms bigint[]  $11 kinds text[]  $12 steps smallint[]
-- $13 channels text[]  $14 whys text[]  $15 end_reasons text[]
-- $16 held boolean[]  $17 cadence_id bigint (null: none)  $18 cadence_version integer  $19 cadence_chosen boolean:
-- for these leads, not by their agent's settings
-- Rows: lead_id, loop_id
INSERT INTO loop (account_id, agent_id, batch_id, policy_version, started_at, lead_id, lead_version, lane_id,
                  status, next_at, open_until, next_kind, next_step, next_channel, why, end_reason, held, ended_at,
                  cadence_id, cadence_version, cadence_chosen)
SELECT $1, $2, $3, $4, $5, g.lead_id, g.lead_version, g.lane_id,
       CASE WHEN g.end_reason IS NULL THEN 'scheduled' ELSE 'ended' END,
       timestamptz 'epoch' + g.next_at_ms * interval '1 millisecond',
       timestamptz 'epoch' + g.open_until_ms * interval '1 millisecond',
       g.kind, g.step, g.channel, g.why::json, g.end_reason, g.held,
       CASE WHEN g.end_reason IS NOT NULL THEN $5::timestamptz END, $17, $18, $19
FROM unnest($6::bigint[], $7::integer[], $8::bigint[], $9::bigint[], $10::bigint[], $11::text[],
            $12::smallint[], $13::text[], $14::text[], $15::text[], $16::boolean[])
    AS g (lead_id, lead_version, lane_id, next_at_ms, open_until_ms, kind, step, channel, why, end_reason,
          held)
RETURNING lead_id, loop_id;
