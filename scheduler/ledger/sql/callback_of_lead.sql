-- callback_of_lead: the callback that a lead of the account waits for, if it waits for one.
-- $1 account_id bigint  $2 lead_id bigint
SELECT cb.callback_id
FROM callback AS cb
JOIN loop AS lo USING (loop_id)
WHERE cb.account_id = $1
  AND cb.lead_id = $2
  AND cb.status IN ('scheduled', 'due')
  AND lo.status <> 'ended';
