-- Who is still old, and who is new by its own word. Working state: it may be written freely, and nothing is proven by it.

-- The last look at pg_stat_statements, one row for each change. Without a gap since `since`, when somebody looked first or the
-- statistics were reset. `evictions` is the server's counter at the last look, `evicted` what it rose by since `since`.
CREATE TABLE {schema}.watch (
    change_id bigint PRIMARY KEY REFERENCES {schema}.change,
    attempt integer NOT NULL,
    source text NOT NULL CHECK (source IN ('read', 'absent', 'unloaded', 'outdated', 'hidden')),
    at timestamptz NOT NULL,
    since timestamptz NOT NULL,
    was_reset boolean NOT NULL,
    reset_at timestamptz,
    evictions bigint NOT NULL,
    evicted bigint NOT NULL,
    -- Where the WAL was when somebody first saw the change ready: what a standby must have replayed.
    ready_wal bigint
) WITH (fillfactor = 50);

-- The statements that may use the old side, with their calls at the last look. `uses` is NULL until they are called again;
-- `judged_under` names the tables and views that were there when it was judged, and is NULL when that shall be done again.
CREATE TABLE {schema}.statement (
    change_id bigint NOT NULL REFERENCES {schema}.change,
    role_oid oid NOT NULL,
    query_id bigint NOT NULL,
    toplevel boolean NOT NULL,
    role text NOT NULL,
    query text NOT NULL,
    calls bigint NOT NULL,
    uses boolean,
    by_name boolean NOT NULL,
    through text,
    judged_under text,
    -- Calls that used the old side, since the first look.
    times bigint NOT NULL,
    first_seen timestamptz,
    seen_after timestamptz,
    last_seen timestamptz,
    PRIMARY KEY (change_id, role_oid, query_id, toplevel)
) WITH (fillfactor = 70);

-- Instances of the application that send heartbeats. Each writes its own row; a role cannot write that of another.
CREATE TABLE {schema}.instance (
    application text NOT NULL,
    name text NOT NULL,
    role text NOT NULL,
    version text NOT NULL,
    address inet,
    every_seconds double precision NOT NULL CHECK (every_seconds > 0),
    first_seen timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    last_seen timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    PRIMARY KEY (application, name, role)
) WITH (fillfactor = 50);

-- Called by every role. After three intervals without another one the instance counts no more; a day later a new instance
-- removes its row.
CREATE FUNCTION {sync}.heartbeat(application text, version text, instance text, every_seconds double precision) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE {schema}.instance i
    SET version = heartbeat.version, address = inet_client_addr(), every_seconds = heartbeat.every_seconds, last_seen = clock_timestamp()
    WHERE (i.application, i.name, i.role) = (heartbeat.application, heartbeat.instance, session_user::text);
    IF FOUND THEN
        RETURN;
    END IF;
    DELETE FROM {schema}.instance WHERE ctid IN (
        SELECT i.ctid FROM {schema}.instance i WHERE i.last_seen < clock_timestamp() - interval '1 day' FOR UPDATE SKIP LOCKED
    );
    INSERT INTO {schema}.instance (application, name, role, version, address, every_seconds)
    VALUES (heartbeat.application, heartbeat.instance, session_user, heartbeat.version, inet_client_addr(), heartbeat.every_seconds)
    ON CONFLICT DO NOTHING;
END
$$;
REVOKE ALL ON FUNCTION {sync}.heartbeat(text, text, text, double precision) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION {sync}.heartbeat(text, text, text, double precision) TO PUBLIC;

-- What `ec gates` and `ec wait` show of it, one row for each change. For everybody who may enter the schema: a waiter has the right
-- on status_v1 alone.
CREATE VIEW {schema}.watch_v1 AS
SELECT c.id AS change_id,
    w.source, w.at, w.since, w.was_reset, w.evicted, w.ready_wal,
    (
        SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
            'role', s.role, 'query_id', s.query_id, 'query', s.query, 'times', s.times, 'first_seen', s.first_seen,
            'seen_after', s.seen_after, 'last_seen', s.last_seen, 'by_name', s.by_name, 'through', s.through
        ) ORDER BY s.last_seen DESC, s.times DESC)
        FROM {schema}.statement s WHERE s.change_id = c.id AND s.times > 0
    ) AS readers,
    (
        SELECT pg_catalog.min(n.at) FROM {schema}.old_use n, {schema}.phase p
        WHERE n.change_id = c.id AND n.side = 'new' AND n.at >= p.finished_at
            AND (p.change_id, p.attempt, p.phase, p.status) = (c.id, c.attempt, 'backfill', 'done')
    ) AS new_code_at
FROM {schema}.change c
LEFT JOIN {schema}.watch w ON w.change_id = c.id AND w.attempt = c.attempt;
GRANT SELECT ON {schema}.watch_v1 TO PUBLIC;

-- The instances that count now.
CREATE VIEW {schema}.fleet_v1 AS
SELECT application, name, version, role, pg_catalog.host(address) AS address, last_seen
FROM {schema}.instance
WHERE last_seen + pg_catalog.make_interval(secs => 3 * every_seconds) > pg_catalog.clock_timestamp();
GRANT SELECT ON {schema}.fleet_v1 TO PUBLIC;
