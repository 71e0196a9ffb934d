-- How far each walk is, without counting its chunks: a table of 10 TB has 80,000 of them, and `ec status --watch` asks every second.

-- One row for each walk. The sums over its chunks that are done are kept by triggers on chunk; what the few chunks add that were
-- begun is read from these. The last columns are what a process that walks said last of its pace: it measures, others read.
CREATE TABLE {schema}.walk (
    change_id bigint NOT NULL REFERENCES {schema}.change,
    attempt integer NOT NULL,
    purpose text NOT NULL,
    round integer NOT NULL,
    chunks bigint NOT NULL DEFAULT 0,
    blocks bigint NOT NULL DEFAULT 0,
    chunks_done bigint NOT NULL DEFAULT 0,
    blocks_done bigint NOT NULL DEFAULT 0,
    rows bigint NOT NULL DEFAULT 0,
    hot_rows bigint NOT NULL DEFAULT 0,
    mismatches bigint NOT NULL DEFAULT 0,
    unfit bigint NOT NULL DEFAULT 0,
    started_at timestamptz,
    updated_at timestamptz,
    said_at timestamptz,
    rows_per_second double precision,
    eta_seconds double precision,
    batch integer,
    throttled_by text,
    PRIMARY KEY (change_id, attempt, purpose, round)
) WITH (fillfactor = 50);

-- Chunks that were begun and are not done. No column that a checkpoint writes is in it.
CREATE INDEX chunk_begun ON {schema}.chunk (change_id, attempt, purpose, round) WHERE status <> 'done' AND started_at IS NOT NULL;

-- Only who lays, finishes or frees chunks waits for the walk's row, when the chunks are written: a batch moves a checkpoint, and ends here
-- early. ENABLE ALWAYS: a worker may have switched off the triggers of the application for its session.
CREATE FUNCTION {schema}.count_chunks() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    written text := CASE TG_OP
        WHEN 'INSERT' THEN 'SELECT 1 AS sign, * FROM after'
        WHEN 'DELETE' THEN 'SELECT -1 AS sign, * FROM before'
        ELSE 'SELECT 1 AS sign, * FROM after UNION ALL SELECT -1, * FROM before'
    END;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF NOT EXISTS (SELECT FROM after WHERE status = 'done') AND NOT EXISTS (SELECT FROM before WHERE status = 'done') THEN
            RETURN NULL;
        END IF;
    END IF;
    EXECUTE format($sum$
        INSERT INTO {schema}.walk AS w (
            change_id, attempt, purpose, round, chunks, blocks,
            chunks_done, blocks_done, rows, hot_rows, mismatches, unfit, started_at, updated_at
        )
        SELECT change_id, attempt, purpose, round, sum(sign), sum(sign * (end_block - first_block)),
            sum(sign * done), sum(sign * done * (next_block - first_block)), sum(sign * done * c.rows), sum(sign * done * hot_rows),
            sum(sign * done * mismatches), sum(sign * done * unfit), min(started_at), max(updated_at)
        FROM (SELECT *, CASE status WHEN 'done' THEN 1 ELSE 0 END AS done FROM (%s) written) c
        GROUP BY change_id, attempt, purpose, round
        ON CONFLICT (change_id, attempt, purpose, round) DO UPDATE SET
            chunks = w.chunks + excluded.chunks, blocks = w.blocks + excluded.blocks,
            chunks_done = w.chunks_done + excluded.chunks_done, blocks_done = w.blocks_done + excluded.blocks_done,
            rows = w.rows + excluded.rows, hot_rows = w.hot_rows + excluded.hot_rows,
            mismatches = w.mismatches + excluded.mismatches, unfit = w.unfit + excluded.unfit,
            started_at = least(w.started_at, excluded.started_at), updated_at = greatest(w.updated_at, excluded.updated_at)
    $sum$, written);
    RETURN NULL;
END
$$;

CREATE TRIGGER laid AFTER INSERT ON {schema}.chunk REFERENCING NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION {schema}.count_chunks();
CREATE TRIGGER moved AFTER UPDATE ON {schema}.chunk REFERENCING OLD TABLE AS before NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION {schema}.count_chunks();
CREATE TRIGGER removed AFTER DELETE ON {schema}.chunk REFERENCING OLD TABLE AS before
    FOR EACH STATEMENT EXECUTE FUNCTION {schema}.count_chunks();
ALTER TABLE {schema}.chunk ENABLE ALWAYS TRIGGER laid, ENABLE ALWAYS TRIGGER moved, ENABLE ALWAYS TRIGGER removed;

INSERT INTO {schema}.walk (
    change_id, attempt, purpose, round, chunks, blocks, chunks_done, blocks_done, rows, hot_rows, mismatches, unfit, started_at, updated_at
)
SELECT change_id, attempt, purpose, round, pg_catalog.count(*), pg_catalog.sum(end_block - first_block),
    pg_catalog.sum(done), pg_catalog.sum(done * (next_block - first_block)), pg_catalog.sum(done * c.rows), pg_catalog.sum(done * hot_rows),
    pg_catalog.sum(done * mismatches), pg_catalog.sum(done * unfit), pg_catalog.min(started_at), pg_catalog.max(updated_at)
FROM (SELECT *, CASE status WHEN 'done' THEN 1 ELSE 0 END AS done FROM {schema}.chunk) c
GROUP BY change_id, attempt, purpose, round;

-- hot_ratio is the part of the rows whose update needed no index entry. batch, throttled_by and what comes after them are from a process
-- that spoke within the last ten seconds; without one, what it does is not known, and the first two are those of the newest chunk.
CREATE OR REPLACE VIEW {schema}.round AS
SELECT w.change_id, w.attempt, w.purpose, w.round,
    w.blocks_done + begun.blocks AS blocks_done,
    w.blocks AS blocks_total,
    w.chunks - w.chunks_done AS chunks_open,
    w.rows + begun.rows AS rows,
    w.mismatches + begun.mismatches AS mismatches,
    w.unfit + begun.unfit AS unfit,
    (w.hot_rows + begun.hot_rows)::double precision / NULLIF(w.rows + begun.rows, 0)::double precision AS hot_ratio,
    coalesce(
        EXTRACT(epoch FROM greatest(w.updated_at, begun.updated_at) - least(w.started_at, begun.started_at)), 0
    )::double precision AS seconds,
    CASE WHEN said.lately THEN w.batch ELSE begun.batch END AS batch,
    CASE WHEN said.lately THEN w.throttled_by ELSE begun.throttled_by END AS throttled_by,
    w.hot_rows + begun.hot_rows AS hot_rows,
    begun.running,
    CASE WHEN said.lately THEN w.rows_per_second END AS rows_per_second,
    CASE WHEN said.lately THEN w.eta_seconds END AS eta_seconds
FROM {schema}.walk w
CROSS JOIN LATERAL (SELECT coalesce(w.said_at > pg_catalog.clock_timestamp() - INTERVAL '10 seconds', false) AS lately) said
CROSS JOIN LATERAL (
    SELECT
        coalesce(pg_catalog.sum(c.next_block - c.first_block), 0)::bigint AS blocks,
        coalesce(pg_catalog.sum(c.rows), 0)::bigint AS rows,
        coalesce(pg_catalog.sum(c.hot_rows), 0)::bigint AS hot_rows,
        coalesce(pg_catalog.sum(c.mismatches), 0)::bigint AS mismatches,
        coalesce(pg_catalog.sum(c.unfit), 0)::bigint AS unfit,
        pg_catalog.min(c.started_at) AS started_at,
        pg_catalog.max(c.updated_at) AS updated_at,
        pg_catalog.count(*) FILTER (WHERE c.status = 'running' AND c.leased_until >= pg_catalog.clock_timestamp()) AS running,
        (pg_catalog.array_agg(c.batch ORDER BY c.updated_at DESC NULLS LAST) FILTER (WHERE c.status = 'running'))[1] AS batch,
        (pg_catalog.array_agg(c.throttled_by ORDER BY c.updated_at DESC NULLS LAST) FILTER (WHERE c.status = 'running'))[1] AS throttled_by
    FROM {schema}.chunk c
    WHERE (c.change_id, c.attempt, c.purpose, c.round) = (w.change_id, w.attempt, w.purpose, w.round)
        AND c.status <> 'done' AND c.started_at IS NOT NULL
) begun;

-- As it was, and the newest step of the journal.
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
    c.state = 'active' AND p.backfill = 'done' AS ready,
    p.expand, p.dual_write, p.backfill, p.verify, p.contract,
    CASE
        WHEN proof.id IS NULL THEN 'none'
        WHEN proof.spoiled_at IS NOT NULL THEN 'spoiled'
        WHEN proof.mismatches > 0 THEN 'mismatches'
        WHEN c.state <> 'active' THEN 'held'
        WHEN {schema}.differences_now(c.id, proof.bound) <> '{}' THEN 'spoiled'
        ELSE 'holds'
    END AS proof,
    copy.blocks_done, copy.blocks_total, copy.rows AS rows_written, copy.throttled_by,
    coalesce(w.paused, false) AS paused,
    c.created_by, c.created_at, c.hidden_at, c.purged_at,
    -- Values that did not fit, since the proof before contract was begun, and those that it found itself.
    coalesce(proof.unfit, 0) + (
        SELECT pg_catalog.count(*) FROM {schema}.conflict f
        WHERE f.change_id = c.id AND f.kind = 'does not fit' AND f.at > coalesce(proof.bound_at, '-infinity')
    ) AS conflicts,

    c.attempt, c.cycle, c.plan, c.relation, c.columns, c.writes_at_ready,
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
        'differences', CASE WHEN c.state = 'active' THEN {schema}.differences_now(c.id, proof.bound) ELSE '{}' END
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
        'paused', w.paused, 'paused_by', w.paused_by, 'batch', w.batch, 'max_rate', w.max_rate, 'workers', w.workers,
        'max_lag_seconds', w.max_lag_seconds
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
            SELECT e.data FROM {schema}.event e
            WHERE e.change_id = c.id AND e.kind = 'copy laid' AND (e.data->>'attempt')::integer = c.attempt
            ORDER BY e.id DESC LIMIT 1
        ) laid, pg_catalog.jsonb_array_elements(laid.data->'bound'->'leaves') leaf
    ) AS covered,
    CASE WHEN c.state = 'active' THEN {schema}.sync_altered(c.id, c.attempt) ELSE '{}' END AS sync_altered,
    -- The newest row of the journal: the step that is under way, or the one that ended last.
    (
        SELECT pg_catalog.jsonb_build_object(
            'section', s.section, 'step', s.step, 'status', s.status, 'since', coalesce(s.finished_at, s.started_at)
        )
        FROM {schema}.step s WHERE s.change_id = c.id AND s.attempt = c.attempt
        ORDER BY coalesce(s.finished_at, s.started_at) DESC LIMIT 1
    ) AS newest_step
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
LEFT JOIN {schema}.control w ON w.change_id = c.id;
