-- What was not seen counts from when looking began.

ALTER TABLE {schema}.control
    ADD COLUMN paused_at timestamptz,
    ADD COLUMN paused_why text,
    ADD COLUMN paused_until timestamptz;

-- A server that is set to count no statement is one more reason not to see.
ALTER TABLE {schema}.watch DROP CONSTRAINT watch_source_check,
    ADD CONSTRAINT watch_source_check CHECK (source IN ('read', 'absent', 'unloaded', 'outdated', 'hidden', 'uncounted'));

-- As it was, and `noting_since`: since when the sync trigger notes who writes the old side, without a gap. A repair put it back, and after
-- contract it was another one. A write through the new side counts from when the function of ready was put in place, under which every
-- session is noted anew; after an undo from its end.
CREATE OR REPLACE VIEW {schema}.watch_v1 AS
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
        SELECT pg_catalog.min(n.at) FROM {schema}.old_use n
        WHERE n.change_id = c.id AND n.side = 'new' AND n.at >= greatest(coalesce(steps.ready, phases.ready), steps.undone)
    ) AS new_code_at,
    CASE WHEN phases.noting IS NOT NULL THEN greatest(phases.noting, steps.repaired, steps.undone) END AS noting_since
FROM {schema}.change c
CROSS JOIN LATERAL (
    SELECT pg_catalog.max(p.finished_at) FILTER (WHERE p.phase = 'dual_write') AS noting,
        pg_catalog.max(p.finished_at) FILTER (WHERE p.phase = 'backfill') AS ready
    FROM {schema}.phase p WHERE p.change_id = c.id AND p.attempt = c.attempt AND p.status = 'done'
) phases
CROSS JOIN LATERAL (
    SELECT pg_catalog.max(s.started_at) FILTER (WHERE s.section = 'backfill' AND phases.ready IS NOT NULL) AS ready,
        pg_catalog.max(s.finished_at) FILTER (WHERE s.section = 'repair') AS repaired,
        pg_catalog.max(s.finished_at) FILTER (WHERE s.section = 'undo') AS undone
    FROM {schema}.step s
    WHERE s.change_id = c.id AND s.attempt = c.attempt AND s.status = 'done'
        AND (s.section IN ('repair', 'undo') OR (s.section, s.step) = ('backfill', 'ready'))
) steps
LEFT JOIN {schema}.watch w ON w.change_id = c.id AND w.attempt = c.attempt;

-- The instances that were heard within a day; one that missed three heartbeats is silent.
CREATE OR REPLACE VIEW {schema}.fleet_v1 AS
SELECT application, name, version, role, pg_catalog.host(address) AS address, last_seen, first_seen,
    last_seen <= pg_catalog.clock_timestamp() - pg_catalog.make_interval(secs => 3 * least(every_seconds, 86400)) AS silent
FROM {schema}.instance
WHERE last_seen > pg_catalog.clock_timestamp() - pg_catalog.make_interval(secs => greatest(86400, 3 * least(every_seconds, 86400)));

-- Whether both columns of a change are there, and the sync trigger on each leaf, firing always. For readers of the view, who have no
-- right on the functions of the ledger.
CREATE FUNCTION {schema}.stands(relation oid, plan jsonb) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (SELECT FROM pg_class WHERE oid = relation)
        AND (plan->'pair' = 'null' OR (
            SELECT count(*) = 2 FROM pg_attribute a
            WHERE a.attrelid = relation AND NOT a.attisdropped
                AND a.attname IN (plan->'pair'->'old'->>'column', plan->'pair'->'new'->>'column')
        ))
        AND NOT EXISTS (
            SELECT FROM {schema}.leaves(relation) leaf
            WHERE plan->>'trigger' <> '' AND NOT EXISTS (
                SELECT FROM pg_trigger t WHERE t.tgrelid = leaf AND t.tgname = plan->>'trigger' AND t.tgenabled = 'A'
            )
        )
$$;
REVOKE ALL ON FUNCTION {schema}.stands(oid, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION {schema}.stands(oid, jsonb) TO PUBLIC;

-- `ready` is looked at: what made the change ready may have been dropped since. What is asked of the catalog is asked once for each
-- change: whether the proof still holds, what of the sync is altered, what of the new side is lost. Columns that are not asked for cost nothing.
CREATE OR REPLACE VIEW {schema}.status_v1 AS
SELECT
    c.id, c.name, c.kind,
    pg_catalog.format('%I.%I', c.table_schema, c.table_name) AS table_name,
    CASE
        WHEN p.expand <> 'done' THEN 'expand'
        WHEN p.dual_write <> 'done' THEN 'dual_write'
        WHEN p.backfill <> 'done' THEN 'backfill'
        WHEN p.verify <> 'done' THEN 'verify'
        ELSE 'contract'
    END AS phase,
    c.state,
    c.state = 'active' AND p.backfill = 'done' AND {schema}.stands(c.relation, c.plan) AND lost.objects = '[]' AS ready,
    p.expand, p.dual_write, p.backfill, p.verify, p.contract,
    CASE
        WHEN proof.id IS NULL THEN 'none'
        WHEN proof.spoiled_at IS NOT NULL THEN 'spoiled'
        WHEN proof.mismatches > 0 THEN 'mismatches'
        WHEN c.state <> 'active' THEN 'held'
        WHEN differ.sentences <> '{}' THEN 'spoiled'
        ELSE 'holds'
    END AS proof,
    copy.blocks_done, copy.blocks_total, copy.rows AS rows_written, copy.throttled_by,
    coalesce(wished.paused, false) AS paused,
    c.created_by, c.created_at, c.hidden_at, c.purged_at,
    -- Values that did not fit, since the proof before contract was begun, and those that it found itself.
    coalesce(proof.unfit, 0) + (
        SELECT pg_catalog.count(*) FROM {schema}.conflict f
        WHERE f.change_id = c.id AND f.kind = 'does not fit' AND f.at > coalesce(proof.bound_at, '-infinity')
    ) AS conflicts,

    c.attempt, c.cycle, c.plan,
    -- Where this is a copy, the number is another table's there, or none's, until a verb has looked for the table.
    CASE WHEN {schema}.elsewhere(
        pg_catalog.jsonb_build_object('system', c.system_identifier::text, 'database', c.database_oid::bigint), {schema}.identity()
    ) THEN {schema}.table_of(c) ELSE c.relation END AS relation,
    c.columns, c.writes_at_ready,
    pg_catalog.clock_timestamp() AS now,
    -- A copy stays one until it has a proof of its own.
    {schema}.elsewhere(
        coalesce(proof.bound, pg_catalog.jsonb_build_object('system', c.system_identifier::text, 'database', c.database_oid::bigint)),
        {schema}.identity()
    ) AS is_copy,
    p.phases,
    pg_catalog.to_jsonb(copy) AS copy,
    (
        SELECT pg_catalog.to_jsonb(r) FROM {schema}.round r
        WHERE r.change_id = c.id AND r.attempt = c.attempt AND r.purpose = 'compare' ORDER BY r.round DESC LIMIT 1
    ) AS compare,
    CASE WHEN proof.id IS NOT NULL THEN pg_catalog.jsonb_build_object(
        'id', proof.id, 'finished_at', proof.finished_at, 'rows_compared', proof.rows_compared, 'mismatches', proof.mismatches,
        'spoiled_at', proof.spoiled_at, 'spoiled_why', proof.spoiled_why,
        'differences', differ.sentences
    ) END AS newest_proof,
    (
        SELECT pg_catalog.jsonb_agg(u ORDER BY u.last_seen DESC) FROM (
            SELECT application_name, role, pg_catalog.host(address) AS address,
                pg_catalog.min(at) AS first_seen, pg_catalog.max(at) AS last_seen, pg_catalog.count(*) AS times
            FROM {schema}.old_use WHERE change_id = c.id AND side = 'old' GROUP BY 1, 2, 3
        ) u
    ) AS old_writers,
    (
        SELECT pg_catalog.count(*) FROM {schema}.old_use n
        WHERE n.change_id = c.id AND n.side = 'new' AND p.backfill = 'done' AND n.at >= p.ready_at
    ) AS new_side_writes,
    (
        SELECT pg_catalog.jsonb_agg(pg_catalog.to_jsonb(v) - 'id' - 'change_id' ORDER BY v.id) FROM {schema}.waiver v WHERE v.change_id = c.id
    ) AS waivers,
    (
        SELECT pg_catalog.jsonb_agg(
            pg_catalog.jsonb_build_object(
                'verb', h.verb, 'host', h.host, 'pid', h.pid, 'who', h.who, 'until', h.until, 'alive', h.alive,
                'acquired_at', h.acquired_at
            )
            ORDER BY h.acquired_at
        ) FROM {schema}.holder h WHERE h.change_id = c.id
    ) AS holders,
    CASE WHEN w.change_id IS NOT NULL THEN pg_catalog.jsonb_build_object(
        'paused', wished.paused, 'paused_by', w.paused_by, 'batch', w.batch, 'max_rate', w.max_rate, 'workers', w.workers,
        'max_lag_seconds', w.max_lag_seconds, 'paused_at', w.paused_at, 'paused_why', w.paused_why, 'paused_until', w.paused_until
    ) END AS wish,
    ARRAY(
        SELECT s.section || '.' || s.step FROM {schema}.step s
        WHERE s.change_id = c.id AND s.attempt = c.attempt AND s.status = 'done'
            AND s.cycle = CASE WHEN s.section IN ('contract', 'undo', 'purge') THEN c.cycle ELSE 0 END
        ORDER BY 1
    ) AS steps_done,
    -- The leaves over which the last round of copying was laid.
    ARRAY(
        SELECT (leaf->>'oid')::bigint FROM (
            SELECT l.bound FROM {schema}.laid l
            WHERE l.change_id = c.id AND l.purpose = 'copy' AND l.attempt = c.attempt
            ORDER BY l.round DESC LIMIT 1
        ) laid, pg_catalog.jsonb_array_elements(laid.bound->'leaves') leaf
    ) AS covered,
    CASE WHEN c.state IN ('active', 'hidden') THEN {schema}.sync_altered(c.id, c.attempt) ELSE '{}' END AS sync_altered,
    -- The newest row of the journal: the step that is under way, or the one that ended last.
    (
        SELECT pg_catalog.jsonb_build_object(
            'section', s.section, 'step', s.step, 'status', s.status, 'since', coalesce(s.finished_at, s.started_at)
        )
        FROM {schema}.step s WHERE s.change_id = c.id AND s.attempt = c.attempt
        ORDER BY coalesce(s.finished_at, s.started_at) DESC LIMIT 1
    ) AS newest_step,
    lost.objects AS new_side_lost
FROM {schema}.change c
JOIN LATERAL (
    SELECT
        pg_catalog.max(status) FILTER (WHERE phase = 'expand') AS expand,
        pg_catalog.max(status) FILTER (WHERE phase = 'dual_write') AS dual_write,
        pg_catalog.max(status) FILTER (WHERE phase = 'backfill') AS backfill,
        pg_catalog.max(status) FILTER (WHERE phase = 'verify') AS verify,
        pg_catalog.max(status) FILTER (WHERE phase = 'contract') AS contract,
        pg_catalog.max(finished_at) FILTER (WHERE phase = 'backfill') AS ready_at,
        pg_catalog.jsonb_agg(pg_catalog.to_jsonb(f) - 'change_id' - 'attempt') AS phases
    FROM {schema}.phase f WHERE f.change_id = c.id AND f.attempt = c.attempt
) p ON true
LEFT JOIN LATERAL (
    SELECT r.* FROM {schema}.round r
    WHERE r.change_id = c.id AND r.attempt = c.attempt AND r.purpose = 'copy' ORDER BY r.round DESC LIMIT 1
) copy ON true
LEFT JOIN LATERAL (
    SELECT f.* FROM {schema}.proof f
    WHERE f.change_id = c.id AND f.attempt = c.attempt AND f.finished_at IS NOT NULL ORDER BY f.id DESC LIMIT 1
) proof ON true
-- OFFSET 0 keeps it one call, whoever asks for what rests on it.
LEFT JOIN LATERAL (
    SELECT CASE WHEN proof.id IS NOT NULL AND c.state = 'active' THEN {schema}.differences_now(c.id, proof.bound) ELSE '{}' END AS sentences
    OFFSET 0
) differ ON true
LEFT JOIN LATERAL (
    SELECT CASE WHEN c.state = 'active' AND p.backfill = 'done' THEN {schema}.new_side_lost(c.id, c.attempt) ELSE '[]' END AS objects
    OFFSET 0
) lost ON true
LEFT JOIN {schema}.control w ON w.change_id = c.id
-- A pause that was given an end is over then, without anybody who resumes it.
CROSS JOIN LATERAL (SELECT w.paused AND coalesce(w.paused_until > pg_catalog.clock_timestamp(), true) AS paused) wished;
