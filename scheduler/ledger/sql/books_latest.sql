-- books_latest: the latest instant that the ledger knows of: a simulated clock does not go behind it.
SELECT greatest((SELECT max(armed_at) FROM attempt), (SELECT max(ended_at) FROM attempt),
                (SELECT simulated_at FROM installation)) AS at;
