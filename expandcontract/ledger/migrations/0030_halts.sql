-- The panic button: a pause of every change of the database, of those as well that are started while it lasts. And whether what was asked
-- of those at work was heard.

-- Kept as history: who paused everything, why, until when, and who ended it.
CREATE TABLE {schema}.halt (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    paused_by text NOT NULL,
    paused_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    paused_why text,
    -- NULL: until somebody resumes.
    paused_until timestamptz,
    ended_by text,
    ended_at timestamptz
);
CREATE INDEX halt_open ON {schema}.halt (id) WHERE ended_at IS NULL;

-- When what the holder of a lease heard last was asked for. NULL while it does nothing that could be paused or tuned.
ALTER TABLE {schema}.lease ADD COLUMN heard_at timestamptz;

-- As in 0029, with the pause of all, and who heard what was asked last. Of two pauses the one that lasts longer is told.
CREATE OR REPLACE VIEW {schema}.wished AS
SELECT c.id AS change_id, own.paused OR every.id IS NOT NULL AS paused,
    CASE WHEN w.change_id IS NOT NULL OR asked.at IS NOT NULL THEN pg_catalog.jsonb_build_object(
        'paused', own.paused OR every.id IS NOT NULL,
        'paused_by', CASE WHEN told.every THEN every.paused_by ELSE w.paused_by END,
        'batch', w.batch, 'max_rate', w.max_rate, 'workers', w.workers, 'max_lag_seconds', w.max_lag_seconds,
        'paused_at', CASE WHEN told.every THEN every.paused_at ELSE w.paused_at END,
        'paused_why', CASE WHEN told.every THEN every.paused_why ELSE w.paused_why END,
        'paused_until', CASE WHEN told.every THEN every.paused_until ELSE w.paused_until END,
        'all', told.every,
        'asked_at', greatest(w.changed_at, asked.at),
        'asked_by', CASE WHEN w.changed_at >= asked.at OR asked.at IS NULL THEN w.changed_by ELSE asked.by END,
        'heard', coalesce((
            SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('host', h.host, 'pid', h.pid, 'at', h.heard_at))
            FROM {schema}.lease h WHERE h.change_id = c.id AND h.heard_at IS NOT NULL
        ), '[]')
    ) END AS wish
FROM {schema}.change c
LEFT JOIN {schema}.control w ON w.change_id = c.id
LEFT JOIN LATERAL (
    SELECT h.* FROM {schema}.halt h
    WHERE h.ended_at IS NULL AND coalesce(h.paused_until > pg_catalog.clock_timestamp(), true)
    ORDER BY coalesce(h.paused_until, 'infinity') DESC, h.id LIMIT 1
) every ON c.state = 'active'
LEFT JOIN LATERAL (
    SELECT greatest(h.paused_at, h.ended_at) AS at, CASE WHEN h.ended_at IS NULL THEN h.paused_by ELSE h.ended_by END AS by
    FROM {schema}.halt h WHERE greatest(h.paused_at, h.ended_at) >= c.created_at OR h.id = every.id ORDER BY 1 DESC LIMIT 1
) asked ON c.state = 'active'
CROSS JOIN LATERAL (
    SELECT coalesce(w.paused AND coalesce(w.paused_until > pg_catalog.clock_timestamp(), true), false) AS paused
) own
CROSS JOIN LATERAL (
    SELECT every.id IS NOT NULL AND NOT (
        own.paused AND coalesce(w.paused_until, 'infinity') > coalesce(every.paused_until, 'infinity')
    ) AS every
) told;

-- Who may pause one change may pause all of them.
DO $$
DECLARE
    ledger regnamespace := (
        SELECT r.relnamespace FROM pg_catalog.pg_class r
        WHERE r.oid = (SELECT v.tableoid FROM {schema}.schema_version v LIMIT 1)
    );
    holder record;
BEGIN
    FOR holder IN
        SELECT DISTINCT a.grantee::regrole AS role
        FROM pg_catalog.pg_class r, pg_catalog.aclexplode(r.relacl) a
        WHERE r.relnamespace = ledger AND r.relname = 'control' AND a.privilege_type = 'INSERT' AND a.grantee NOT IN (0, r.relowner)
    LOOP
        EXECUTE pg_catalog.format('GRANT SELECT, INSERT, UPDATE ON %s.halt TO %s', ledger, holder.role);
    END LOOP;
END
$$;
