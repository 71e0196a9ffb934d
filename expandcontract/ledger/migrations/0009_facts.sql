-- What the engine rests on has tables of its own: `event` is history, to be read by people. What earlier programs kept there is taken over.

-- What a round of a sweep was laid over: what a copy is bound to, how the triggers stood that keep what is written during a rollback, and
-- how much there is to be walked. A round that was begun and not laid has no chunks.
CREATE TABLE {schema}.laid (
    change_id bigint NOT NULL REFERENCES {schema}.change,
    attempt integer NOT NULL,
    purpose text NOT NULL,
    round integer NOT NULL,
    at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    who text NOT NULL,
    bound jsonb,
    triggers jsonb,
    standing jsonb,
    chunks bigint,
    blocks bigint,
    leaves jsonb,
    PRIMARY KEY (change_id, attempt, purpose, round)
);

-- How the functions, the triggers and the new side of a change stood when a step had made them. `kept` is what undo rests on.
CREATE TABLE {schema}.picture (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    change_id bigint NOT NULL REFERENCES {schema}.change,
    attempt integer NOT NULL,
    step text NOT NULL,
    at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    who text NOT NULL,
    sync jsonb NOT NULL,
    kept jsonb
);
CREATE INDEX picture_change ON {schema}.picture (change_id);

-- The replication origins under which rows of a change were copied.
CREATE TABLE {schema}.origin (
    change_id bigint NOT NULL REFERENCES {schema}.change,
    name text NOT NULL,
    at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    who text NOT NULL,
    PRIMARY KEY (change_id, name)
);

-- `after` hooks that have to be called, and when they were.
CREATE TABLE {schema}.hook (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    change_id bigint NOT NULL REFERENCES {schema}.change,
    hook text NOT NULL,
    at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    who text NOT NULL,
    told_at timestamptz
);
CREATE INDEX hook_change ON {schema}.hook (change_id);

-- What was measured before a contract with a canary.
CREATE TABLE {schema}.canary (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    change_id bigint NOT NULL REFERENCES {schema}.change,
    cycle integer NOT NULL,
    at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    rate double precision NOT NULL,
    sessions integer NOT NULL
);
CREATE INDEX canary_change ON {schema}.canary (change_id);

-- How far the kept values of a change were given back, from the newest to the oldest; nothing is left when `below` is `bottom` + 1.
CREATE TABLE {schema}.given_back (
    change_id bigint PRIMARY KEY REFERENCES {schema}.change,
    top bigint NOT NULL,
    bottom bigint NOT NULL,
    below bigint NOT NULL,
    written bigint NOT NULL,
    ended boolean NOT NULL
);

INSERT INTO {schema}.laid (change_id, attempt, purpose, round, at, who, bound, blocks)
SELECT DISTINCT ON (e.change_id, attempt, purpose, round)
    e.change_id, (e.data->>'attempt')::integer AS attempt, pg_catalog.split_part(e.kind, ' ', 1) AS purpose,
    (e.data->>'round')::integer AS round, e.at, e.who, e.data->'bound', (e.data->>'blocks')::bigint
FROM {schema}.event e WHERE e.kind IN ('copy laid', 'compare laid') ORDER BY 1, 2, 3, 4, e.id;

INSERT INTO {schema}.picture (change_id, attempt, step, at, who, sync, kept)
SELECT e.change_id, (e.data->>'attempt')::integer, coalesce(e.data->>'step', ''), e.at, e.who, e.data - 'attempt' - 'step' - 'kept', e.data->'kept'
FROM {schema}.event e WHERE e.kind = 'sync made' ORDER BY e.id;

INSERT INTO {schema}.origin (change_id, name, at, who)
SELECT e.change_id, e.data->>'origin', pg_catalog.min(e.at), pg_catalog.min(e.who)
FROM {schema}.event e WHERE e.kind = 'copy marked' GROUP BY 1, 2;

INSERT INTO {schema}.hook (change_id, hook, at, who, told_at)
SELECT e.change_id, e.data->>'hook', e.at, e.who, (
    SELECT pg_catalog.min(t.at) FROM {schema}.event t
    WHERE t.change_id = e.change_id AND t.kind IN ('hook ran', 'hook failed') AND t.data->'hook' = e.data->'hook' AND t.id > e.id)
FROM {schema}.event e WHERE e.kind = 'hook due' ORDER BY e.id;

INSERT INTO {schema}.canary (change_id, cycle, at, rate, sessions)
SELECT e.change_id, (e.data->>'cycle')::integer, e.at, (e.data->>'rate')::double precision, (e.data->>'sessions')::integer
FROM {schema}.event e WHERE e.kind = 'canary begun' ORDER BY e.id;

INSERT INTO {schema}.given_back (change_id, top, bottom, below, written, ended)
SELECT DISTINCT ON (e.change_id)
    e.change_id, (e.data->>'top')::bigint, coalesce((e.data->>'bottom')::bigint, 0), coalesce((e.data->>'below')::bigint, 0),
    coalesce((e.data->>'written')::bigint, (e.data->>'rows')::bigint), e.kind = 'restored'
FROM {schema}.event e WHERE e.kind IN ('restoring', 'restored') ORDER BY e.change_id, e.id DESC;

-- What a round was laid over stays; how much there is to be walked is added once.
CREATE FUNCTION {schema}.guard_laid() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF OLD.chunks IS NOT NULL OR OLD.blocks IS NOT NULL OR pg_catalog.to_jsonb(NEW) - 'chunks' IS DISTINCT FROM pg_catalog.to_jsonb(OLD) - 'chunks' THEN
        PERFORM {schema}.refuse(format('Round %s of change %s is laid, and stays so.', OLD.round, OLD.change_id));
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER guard BEFORE UPDATE ON {schema}.laid FOR EACH ROW EXECUTE FUNCTION {schema}.guard_laid();
ALTER TABLE {schema}.laid ENABLE ALWAYS TRIGGER guard;

DO $do$
DECLARE
    ledger CONSTANT text := $name${schema}$name$;
    one text;
BEGIN
    FOREACH one IN ARRAY ARRAY['laid', 'picture', 'origin', 'hook', 'canary', 'given_back'] LOOP
        EXECUTE pg_catalog.format(
            'CREATE TRIGGER keep_rows BEFORE DELETE ON %1$s.%2$I FOR EACH ROW EXECUTE FUNCTION %1$s.guard_history();
             CREATE TRIGGER keep_table BEFORE TRUNCATE ON %1$s.%2$I EXECUTE FUNCTION %1$s.guard_history();
             ALTER TABLE %1$s.%2$I ENABLE ALWAYS TRIGGER keep_rows, ENABLE ALWAYS TRIGGER keep_table', ledger, one);
    END LOOP;
    FOREACH one IN ARRAY ARRAY['picture', 'origin', 'canary'] LOOP
        EXECUTE pg_catalog.format(
            'CREATE TRIGGER append_only BEFORE UPDATE ON %1$s.%2$I FOR EACH ROW EXECUTE FUNCTION %1$s.guard_history();
             ALTER TABLE %1$s.%2$I ENABLE ALWAYS TRIGGER append_only', ledger, one);
    END LOOP;
END
$do$;

-- A step is known by its name: the plan of an attempt that has begun stays as it is.
ALTER TABLE {schema}.step DROP COLUMN hash;

-- What of the new side is not there any more, of all that it had when it was ready.
CREATE OR REPLACE FUNCTION {schema}.new_side_lost(change_id bigint, attempt integer) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(jsonb_agg(thing), '[]') FROM (
        SELECT p.sync->'new_side' AS had, {schema}.new_side(new_side_lost.change_id) AS has FROM {schema}.picture p
        WHERE p.change_id = new_side_lost.change_id AND p.step = 'ready' AND p.attempt = new_side_lost.attempt
        ORDER BY p.id DESC LIMIT 1
    ) ready, jsonb_array_elements(ready.had) thing
    WHERE NOT ready.has @> jsonb_build_array(thing)
$$;

-- A change has a few functions and leaves: for the thousand that the planner assumes it reads all of pg_proc and pg_class.
ALTER FUNCTION {schema}.functions(jsonb) ROWS 5;
ALTER FUNCTION {schema}.leaves(oid) ROWS 5;

-- What is asked of the catalog is asked once for each change: whether the proof still holds, what of the sync is altered, and what of the
-- new side is lost. Columns that are not asked for cost nothing.
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
        WHEN differ.sentences <> '{}' THEN 'spoiled'
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
    CASE WHEN c.state = 'active' AND p.backfill = 'done' THEN {schema}.new_side_lost(c.id, c.attempt) ELSE '[]' END AS new_side_lost
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
LEFT JOIN {schema}.control w ON w.change_id = c.id;
