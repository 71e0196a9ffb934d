-- Where a change is, in one word, for whoever asks often and for many: without plans, proofs or looks at the catalog.

-- What a plan comes to, for the word; without it every look would read the plan, which is long.
ALTER TABLE {schema}.change
    ADD COLUMN contracts boolean GENERATED ALWAYS AS (
        plan->>'pair' IS NOT NULL OR plan->'sections'->'contract'->0 IS NOT NULL) STORED,
    -- Whether there must be a proof, or rows are looked at against a rule.
    ADD COLUMN compares boolean GENERATED ALWAYS AS (
        plan->>'pair' IS NOT NULL OR plan @? '$.sections.verify[*].action.purpose') STORED,
    -- The phase after whose end nothing is left but contract.
    ADD COLUMN last_phase text GENERATED ALWAYS AS (
        CASE WHEN plan->>'pair' IS NOT NULL OR plan->'sections'->'verify'->0 IS NOT NULL THEN 'backfill' ELSE 'verify' END) STORED;

-- What the holder of a lease waits for, while it does: kind (lock, snapshot), since, detail.
ALTER TABLE {schema}.lease ADD COLUMN waits jsonb;
CREATE OR REPLACE VIEW {schema}.holder AS
SELECT l.token, l.change_id, l.exclusive, l.verb, l.host, l.pid, l.who, l.acquired_at, l.until,
    l.until > pg_catalog.clock_timestamp()
        AND l.database_oid = d.oid
        AND (l.backend_pid IS NULL OR EXISTS (
            SELECT FROM pg_catalog.pg_stat_activity a
            WHERE a.pid = l.backend_pid AND a.datid = d.oid AND coalesce(a.backend_start = l.backend_start, true)
        )) AS alive,
    l.waits
FROM {schema}.lease l
JOIN pg_catalog.pg_database d ON d.datname = pg_catalog.current_database();

-- What is wished of each change now. A pause that was given an end is over then, without anybody who resumes it.
CREATE VIEW {schema}.wished AS
SELECT w.change_id, now.paused, CASE WHEN w.change_id IS NOT NULL THEN pg_catalog.jsonb_build_object(
    'paused', now.paused, 'paused_by', w.paused_by, 'batch', w.batch, 'max_rate', w.max_rate, 'workers', w.workers,
    'max_lag_seconds', w.max_lag_seconds, 'paused_at', w.paused_at, 'paused_why', w.paused_why, 'paused_until', w.paused_until
) END AS wish
FROM {schema}.control w
CROSS JOIN LATERAL (SELECT w.paused AND coalesce(w.paused_until > pg_catalog.clock_timestamp(), true) AS paused) now;

-- What whoever asked the gates last was told: most of them are judged by what no view can see. Working state: nothing rests on it.
CREATE TABLE {schema}.judged (
    change_id bigint PRIMARY KEY REFERENCES {schema}.change,
    attempt integer NOT NULL,
    cycle integer NOT NULL,
    at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    -- [{gate, hard, open, blind, reason}], in their order.
    gates jsonb NOT NULL,
    -- What somebody did since, in sentences, so that new code would not find what it needs.
    damage text[] NOT NULL,
    -- When the undo window is over, of a change that hides its old side.
    undo_until timestamptz
) WITH (fillfactor = 50);

-- How a sweep went: a row for each 30 seconds, at whose begin it is dated, by whichever process speaks first. After a day one in five
-- minutes stays. `reading` and `threshold`, in `unit`, are of the signal that was used up most, `throttle`; `throttled_by` says what held
-- the sweep back, if anything did.
CREATE TABLE {schema}.sample (
    change_id bigint NOT NULL REFERENCES {schema}.change,
    at timestamptz NOT NULL,
    purpose text NOT NULL,
    rows bigint NOT NULL,
    blocks_done bigint NOT NULL,
    blocks_total bigint NOT NULL,
    rows_per_second double precision,
    batch integer,
    hot_ratio double precision,
    throttled_by text,
    throttle text,
    reading double precision,
    threshold double precision,
    unit text,
    lag_seconds double precision,
    PRIMARY KEY (change_id, at)
);

-- Who speaks writes its row of `walk`, which it may since ever: no role needs another right for samples.
ALTER TABLE {schema}.walk ADD COLUMN said jsonb;
CREATE FUNCTION {schema}.slot(at timestamptz) RETURNS timestamptz
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT to_timestamp(floor(extract(epoch FROM at) / 30) * 30)
$$;
CREATE FUNCTION {schema}.keep_sample() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    began timestamptz := {schema}.slot(NEW.said_at);
BEGIN
    IF began IS NOT DISTINCT FROM {schema}.slot(OLD.said_at) THEN
        RETURN NULL;
    END IF;
    INSERT INTO {schema}.sample
    SELECT NEW.change_id, began, NEW.purpose, coalesce(s.rows, NEW.rows), coalesce(s.blocks_done, NEW.blocks_done),
        coalesce(s.blocks_total, NEW.blocks), NEW.rows_per_second, NEW.batch, s.hot_ratio, NEW.throttled_by,
        s.throttle, s.reading, s.threshold, s.unit, s.lag_seconds
    FROM jsonb_to_record(coalesce(NEW.said, '{}')) AS s (
        rows bigint, blocks_done bigint, blocks_total bigint, hot_ratio double precision,
        throttle text, reading double precision, threshold double precision, unit text, lag_seconds double precision
    )
    ON CONFLICT DO NOTHING;
    IF extract(epoch FROM began)::bigint % 300 = 0 THEN
        DELETE FROM {schema}.sample s
        WHERE s.change_id = NEW.change_id AND s.at < began - interval '1 day' AND extract(epoch FROM s.at)::bigint % 300 <> 0;
    END IF;
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION {schema}.slot(timestamptz), {schema}.keep_sample() FROM PUBLIC;
CREATE TRIGGER sampled AFTER UPDATE OF said_at ON {schema}.walk FOR EACH ROW WHEN (NEW.said_at IS NOT NULL)
    EXECUTE FUNCTION {schema}.keep_sample();
ALTER TABLE {schema}.walk ENABLE ALWAYS TRIGGER sampled;

CREATE VIEW {schema}.sample_v1 AS
SELECT c.name, s.at, s.purpose, s.rows, s.blocks_done, s.blocks_total, s.rows_per_second, s.batch, s.hot_ratio, s.throttled_by,
    s.throttle, s.reading, s.threshold, s.unit, s.lag_seconds
FROM {schema}.sample s JOIN {schema}.change c ON c.id = s.change_id;

-- One row for each change. The word is decided here, where only the ledger is known, by the same rules as in engine/state_words.py, which
-- knows the catalog and asks the gates: what that found is in `judged`. A test holds the two together. Who is dead is seen at once by his
-- session, and by ten seconds of silence behind a pooler. Rate, eta and what holds the work back are NULL while nobody works.
CREATE VIEW {schema}.summary_v1 AS
SELECT
    c.id, c.name, c.kind,
    pg_catalog.format('%I.%I', c.table_schema, c.table_name) AS table_name,
    told.word,
    CASE
        WHEN p.expand <> 'done' THEN 'expand'
        WHEN p.dual_write <> 'done' THEN 'dual_write'
        WHEN p.backfill <> 'done' THEN 'backfill'
        WHEN p.verify <> 'done' THEN 'verify'
        ELSE 'contract'
    END AS phase,
    place.was_ready AND seen.damage IS NULL AS ready,
    coalesce(sweep.blocks_done, copy.blocks_done) AS blocks_done,
    coalesce(sweep.blocks_total, copy.blocks_total) AS blocks_total,
    coalesce(sweep.rows, copy.rows) AS rows,
    CASE WHEN at_work.workers > 0 THEN sweep.rows_per_second END AS rows_per_second,
    CASE WHEN at_work.workers > 0 THEN sweep.eta_seconds END AS eta_seconds,
    told.blocked,
    place.last_progress_at,
    at_work.workers,
    at_work.workers > 0 AS worker_alive,
    c.state,
    CASE WHEN at_work.workers > 0 THEN sweep.throttled_by END AS throttled_by,
    coalesce(w.paused, false) AS paused,
    -- What whoever asked the gates last was told, and when.
    seen.gates, seen.at AS gates_at,
    p.phases,
    pg_catalog.to_jsonb(copy) - 'change_id' AS copy,
    pg_catalog.to_jsonb(compare) - 'change_id' AS compare,
    c.attempt, c.cycle, c.created_by, c.created_at, c.hidden_at, c.purged_at, seen.undo_until
FROM {schema}.change c
JOIN LATERAL (
    SELECT
        pg_catalog.max(status) FILTER (WHERE phase = 'expand') AS expand,
        pg_catalog.max(status) FILTER (WHERE phase = 'dual_write') AS dual_write,
        pg_catalog.max(status) FILTER (WHERE phase = 'backfill') AS backfill,
        pg_catalog.max(status) FILTER (WHERE phase = 'verify') AS verify,
        pg_catalog.max(status) FILTER (WHERE phase = c.last_phase) AS last,
        pg_catalog.max(finished_at) FILTER (WHERE phase = 'backfill' AND status = 'done') AS ready_at,
        pg_catalog.max(finished_at) FILTER (WHERE status = 'failed') AS failed_at,
        pg_catalog.max(phase || ' failed: ' || coalesce(error, 'None')) FILTER (WHERE status = 'failed') AS failure,
        pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
            'phase', phase, 'status', status, 'started_at', started_at, 'finished_at', finished_at)) AS phases
    FROM {schema}.phase f WHERE f.change_id = c.id AND f.attempt = c.attempt
) p ON true
LEFT JOIN LATERAL (
    SELECT r.* FROM {schema}.round r
    WHERE r.change_id = c.id AND r.attempt = c.attempt AND r.purpose = 'copy' ORDER BY r.round DESC LIMIT 1
) copy ON true
LEFT JOIN LATERAL (
    SELECT r.* FROM {schema}.round r
    WHERE r.change_id = c.id AND r.attempt = c.attempt AND r.purpose = 'compare' ORDER BY r.round DESC LIMIT 1
) compare ON true
-- The one that is under way. A change that is over, or hides its old side, has none.
LEFT JOIN LATERAL (
    SELECT copy.* WHERE p.backfill = 'running' AND copy.chunks_open > 0
    UNION ALL
    SELECT compare.* WHERE p.verify = 'running' AND compare.chunks_open > 0
    LIMIT 1
) sweep ON c.state = 'active'
CROSS JOIN LATERAL (
    SELECT pg_catalog.count(*) FILTER (WHERE h.alive) AS workers,
        least(pg_catalog.max(h.until), pg_catalog.clock_timestamp()) AS heard_until,
        (pg_catalog.array_agg(h.waits ORDER BY h.acquired_at) FILTER (WHERE h.alive AND h.waits IS NOT NULL))[1] AS waits
    FROM {schema}.holder h WHERE h.change_id = c.id
) at_work
LEFT JOIN {schema}.wished w ON w.change_id = c.id
CROSS JOIN LATERAL (
    SELECT w.wish->>'paused_by' AS paused_by, (w.wish->>'paused_at')::timestamptz AS at, 'paused by ' || coalesce(w.wish->>'paused_by', 'somebody')
        || coalesce(' since ' || pg_catalog.to_char((w.wish->>'paused_at')::timestamptz AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') || ' UTC', '')
        || coalesce(' until ' || pg_catalog.to_char((w.wish->>'paused_until')::timestamptz AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') || ' UTC', '')
        || coalesce(': ' || NULLIF(w.wish->>'paused_why', ''), '') AS sentence
) pause
LEFT JOIN LATERAL (
    SELECT j.gates, j.at, NULLIF(j.damage, '{}') AS damage, j.undo_until,
        pg_catalog.count(g.value) FILTER (WHERE NOT (g.value->>'open')::boolean) AS shut,
        coalesce(pg_catalog.bool_or(g.value->>'gate' = 'new-code-seen') FILTER (WHERE NOT (g.value->>'open')::boolean), false) AS unseen,
        pg_catalog.string_agg((g.value->>'gate') || ': ' || (g.value->>'reason'), ' ' ORDER BY g.ordinality)
            FILTER (WHERE NOT (g.value->>'open')::boolean) AS reasons
    FROM {schema}.judged j LEFT JOIN LATERAL pg_catalog.jsonb_array_elements(j.gates) WITH ORDINALITY g ON true
    WHERE (j.change_id, j.attempt, j.cycle) = (c.id, c.attempt, c.cycle)
    GROUP BY j.change_id
) seen ON c.state IN ('active', 'hidden')
CROSS JOIN LATERAL (
    SELECT c.state = 'active' AND p.last = 'done' AS was_ready,
        -- At the end but for contract: what is to be compared was compared.
        c.state = 'active' AND p.last = 'done' AND c.contracts AND NOT (c.compares AND p.verify <> 'done') AS waits_for_contract,
        greatest(
            CASE WHEN c.state = 'active' THEN copy.active_at END, CASE WHEN c.state = 'active' THEN compare.active_at END,
            (
                SELECT coalesce(s.finished_at, s.started_at) FROM {schema}.step s
                WHERE s.change_id = c.id AND s.attempt = c.attempt ORDER BY 1 DESC LIMIT 1
            )
        ) AS last_progress_at,
        c.state = 'hidden' AND EXISTS (
            SELECT FROM {schema}.step s WHERE (s.change_id, s.attempt, s.cycle, s.section, s.step, s.status)
                = (c.id, c.attempt, c.cycle, 'contract', 'canary_begun', 'done')
        ) AND NOT EXISTS (
            SELECT FROM {schema}.step s WHERE (s.change_id, s.attempt, s.cycle, s.section, s.step, s.status)
                = (c.id, c.attempt, c.cycle, 'contract', 'canary_passed', 'done')
        ) AS canary_open
) place
CROSS JOIN LATERAL (
    SELECT CASE
        WHEN c.state IN ('purged', 'finished') THEN c.state
        WHEN c.state = 'rolled_back' THEN 'rolled back'
        WHEN at_work.workers > 0 THEN CASE
            WHEN w.paused AND sweep.purpose IS NOT NULL THEN 'paused'
            WHEN sweep.throttled_by <> '' THEN 'held back'
            WHEN at_work.waits->>'kind' = 'snapshot' THEN 'waiting for snapshots'
            WHEN at_work.waits->>'kind' = 'lock' THEN 'waiting for a lock'
            ELSE 'running'
        END
        WHEN p.failure IS NOT NULL OR seen.damage IS NOT NULL THEN 'failed'
        WHEN c.state = 'hidden' AND NOT place.canary_open THEN 'hidden'
        WHEN place.waits_for_contract THEN CASE
            WHEN seen.shut = 0 THEN 'may be contracted'
            WHEN seen.unseen THEN 'ready to deploy'
            ELSE 'waiting for gates'
        END
        ELSE 'nobody is working on it'
    END AS word
    OFFSET 0
) decided
CROSS JOIN LATERAL (
    SELECT decided.word, CASE WHEN why.kind IS NOT NULL THEN
        pg_catalog.jsonb_build_object('kind', why.kind, 'since', why.since, 'detail', why.detail)
    END AS blocked
    FROM (SELECT
        CASE decided.word
            WHEN 'nobody is working on it' THEN 'dead' WHEN 'paused' THEN 'paused' WHEN 'held back' THEN 'throttled'
            WHEN 'waiting for snapshots' THEN 'snapshot' WHEN 'waiting for a lock' THEN 'lock'
            WHEN 'failed' THEN 'human' WHEN 'may be contracted' THEN 'human' WHEN 'ready to deploy' THEN 'human'
            WHEN 'waiting for gates' THEN 'human'
            WHEN 'hidden' THEN CASE WHEN seen.undo_until <= pg_catalog.clock_timestamp() THEN 'human' END
        END AS kind,
        CASE decided.word
            WHEN 'nobody is working on it' THEN CASE
                WHEN c.state = 'hidden' THEN c.hidden_at ELSE coalesce(at_work.heard_until, place.last_progress_at) END
            WHEN 'paused' THEN pause.at
            WHEN 'waiting for snapshots' THEN (at_work.waits->>'since')::timestamptz
            WHEN 'waiting for a lock' THEN (at_work.waits->>'since')::timestamptz
            WHEN 'failed' THEN p.failed_at
            WHEN 'ready to deploy' THEN p.ready_at
            WHEN 'waiting for gates' THEN p.ready_at
            WHEN 'hidden' THEN seen.undo_until
        END AS since,
        CASE decided.word
            WHEN 'nobody is working on it' THEN CASE
                WHEN c.state = 'hidden' THEN 'The canary has not ended.'
                ELSE 'Nobody is working on it.' || CASE WHEN w.paused THEN ' It is ' || pause.sentence || '.' ELSE '' END
            END
            WHEN 'paused' THEN pause.sentence
            WHEN 'held back' THEN sweep.throttled_by
            WHEN 'waiting for snapshots' THEN at_work.waits->>'detail'
            WHEN 'waiting for a lock' THEN at_work.waits->>'detail'
            WHEN 'failed' THEN coalesce(p.failure, pg_catalog.array_to_string(seen.damage, ' '))
            WHEN 'may be contracted' THEN 'Every gate is open: contract may begin.'
            WHEN 'ready to deploy' THEN 'New code was not seen yet.'
            WHEN 'waiting for gates' THEN coalesce(seen.reasons, 'Nobody has asked the gates yet.')
            WHEN 'hidden' THEN 'The undo window is over: purge may come.'
        END AS detail
    ) why
) told;

-- As in 0016, with the word and what goes with it.
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
    c.state = 'active' AND p.backfill = 'done' AND {schema}.stands(c.id) AND lost.objects = '[]' AS ready,
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

    c.attempt, c.cycle, c.plan,
    -- Where this is a copy, the number is another table's there, or none's, until a verb has looked for the table.
    CASE WHEN {schema}.elsewhere(
        pg_catalog.jsonb_build_object('system', c.system_identifier::text, 'database', c.database_oid::bigint), {schema}.identity()
    ) THEN coalesce(places.relations[1], c.relation) ELSE c.relation END AS relation,
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
                'acquired_at', h.acquired_at, 'waits', h.waits
            )
            ORDER BY h.acquired_at
        ) FROM {schema}.holder h WHERE h.change_id = c.id
    ) AS holders,
    w.wish,
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
    lost.objects AS new_side_lost,
    -- The other tables that it works on, in the order of the plan.
    coalesce(places.relations[2:], '{}') AS others,
    -- The same as in summary_v1.
    summary.word,
    summary.blocked,
    summary.last_progress_at,
    summary.worker_alive,
    -- What whoever asked the gates last was told, of the present attempt and cycle.
    (
        SELECT pg_catalog.to_jsonb(j) - 'change_id' FROM {schema}.judged j
        WHERE (j.change_id, j.attempt, j.cycle) = (c.id, c.attempt, c.cycle)
    ) AS judged
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
CROSS JOIN LATERAL (
    SELECT pg_catalog.array_agg((CASE WHEN {schema}.elsewhere(
        pg_catalog.jsonb_build_object('system', c.system_identifier::text, 'database', c.database_oid::bigint), {schema}.identity()
    ) THEN {schema}.table_of(s) ELSE s.relation END)::bigint ORDER BY s.number) AS relations
    FROM {schema}.site s WHERE (s.change_id, s.attempt) = (c.id, c.attempt)
) places
LEFT JOIN {schema}.wished w ON w.change_id = c.id
-- Once: a subquery in the list is planned by whoever asks the view, whatever he asks for.
LEFT JOIN LATERAL (
    SELECT s.word, s.blocked, s.last_progress_at, s.worker_alive FROM {schema}.summary_v1 s WHERE s.id = c.id
    OFFSET 0
) summary ON true;

-- Roles that were given their rights by an earlier program: who reads the ledger reads what is new of it, and who keeps looks keeps these.
DO $$
DECLARE
    ledger regnamespace := (
        SELECT r.relnamespace FROM pg_catalog.pg_class r
        WHERE r.oid = (SELECT v.tableoid FROM {schema}.schema_version v LIMIT 1)
    );
    holder record;
BEGIN
    FOR holder IN
        SELECT DISTINCT a.grantee::regrole AS role, r.relname
        FROM pg_catalog.pg_class r, pg_catalog.aclexplode(r.relacl) a
        WHERE r.relnamespace = ledger AND a.grantee NOT IN (0, r.relowner) AND (r.relname, a.privilege_type)
            IN (('status_v1', 'SELECT'), ('watch', 'INSERT'))
    LOOP
        EXECUTE pg_catalog.format('GRANT SELECT ON %1$s.summary_v1, %1$s.sample_v1 TO %2$s', ledger, holder.role);
        IF holder.relname = 'watch' THEN
            EXECUTE pg_catalog.format('GRANT SELECT ON %1$s.judged, %1$s.sample, %1$s.wished TO %2$s', ledger, holder.role);
            EXECUTE pg_catalog.format('GRANT INSERT, UPDATE ON %1$s.judged TO %2$s', ledger, holder.role);
        END IF;
    END LOOP;
END
$$;
