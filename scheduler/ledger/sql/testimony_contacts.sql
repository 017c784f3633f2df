-- testimony_contacts: instants at which these phones may have rung, for the caps; what was planned without them is
-- planned anew by the arm.
-- $1 account_id bigint  $2 phones text[]  $3 ats timestamptz[]
UPDATE lead AS le
SET contacts = (le.contacts || c.ats)[greatest(1, cardinality(le.contacts) + cardinality(c.ats) - 31):],
    version = le.version + 1
FROM (SELECT phone, array_agg(at ORDER BY at) AS ats
      FROM unnest($2::text[], $3::timestamptz[]) AS c (phone, at)
      GROUP BY phone) AS c
WHERE le.account_id = $1 AND le.phone = c.phone;
