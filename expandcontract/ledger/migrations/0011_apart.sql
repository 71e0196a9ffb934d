-- The session in which the holder of a lease runs what cannot be in a transaction. Whoever takes over ends it before the lease is
-- taken, unless its statement is under way: a process that was stopped before it sent one sends it to nobody.

ALTER TABLE {schema}.lease ADD COLUMN apart_pid integer, ADD COLUMN apart_start timestamptz;
