-- snapshot_begin: all that this transaction reads is of one instant; its first statement.
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY;
