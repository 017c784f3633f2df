-- lead_loop_move: another agent, another batch for a loop that is in no call; its plan is made anew after this.
-- $1 loop_id bigint  $2 agent_id bigint  $3 batch_id bigint (0: none)
UPDATE loop
SET agent_id = $2, batch_id = $3, held = false
WHERE loop_id = $1
  AND status NOT IN ('dialing', 'ended');
