-- Callbacks of a lead, and of a state. They come one by one, so what these cost an insert is not felt.
CREATE INDEX callback_of_lead ON callback (lead_id, callback_id);
CREATE INDEX callback_of_status ON callback (account_id, status, callback_id);
