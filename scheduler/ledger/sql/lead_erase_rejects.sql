-- lead_erase_rejects: rows of files that did not come in and hold the phone of somebody who is erased, however it is
-- written there.
-- $1 account_id bigint  $2 digits text: the last of the phone's, as many as tell one number from another
DELETE FROM import_reject AS r
USING import AS i
WHERE i.account_id = $1
  AND r.import_id = i.import_id
  AND strpos(regexp_replace(r.cells::text, '[^0-9]', '', 'g'), $2) > 0;
