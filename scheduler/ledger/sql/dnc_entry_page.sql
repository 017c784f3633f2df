-- dnc_entry_page: a page of the phones that the account never calls, with the lists that have them.
-- $1 account_id bigint  $2 suppression_ids bigint[] (null: all)  $3 after bigint (null: from the start)
-- $4 descending boolean  $5 limit integer  $6 created tstzrange
-- $7 dnc_list_id bigint (null: any)  $8 phones text[] (null: any)
SELECT s.suppression_id, s.phone, s.reason, s.source, s.created_at,
       coalesce(s.changed_at, s.created_at) AS updated_at, s.listed,
       array(SELECT m.dnc_list_id FROM dnc_member AS m
             WHERE m.account_id = s.account_id AND m.phone = s.phone ORDER BY m.dnc_list_id) AS lists
FROM suppression AS s
WHERE s.account_id = $1
  AND ($2::bigint[] IS NULL OR s.suppression_id = ANY($2::bigint[]))
  AND ($3::bigint IS NULL OR CASE WHEN $4::boolean THEN s.suppression_id < $3 ELSE s.suppression_id > $3 END)
  AND ($7::bigint IS NULL OR EXISTS (SELECT FROM dnc_member AS m
                                     WHERE m.account_id = s.account_id AND m.phone = s.phone AND m.dnc_list_id = $7))
  AND ($8::text[] IS NULL OR s.phone = ANY($8::text[]))
  AND s.created_at <@ $6::tstzrange
ORDER BY CASE WHEN $4 THEN s.suppression_id END DESC, CASE WHEN NOT $4 THEN s.suppression_id END
LIMIT $5;
