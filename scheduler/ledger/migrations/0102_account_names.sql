-- Two accounts may have one name: that a name was refused told a tenant of another. Of operators there is one, whoever
-- starts at the same moment.
ALTER TABLE account DROP CONSTRAINT account_name_key;
CREATE UNIQUE INDEX account_operator ON account (operator) WHERE operator;
