-- What a step was called done for is compared with its chunks, and steps are done in their order: what a process remembers may have been
-- lost with a server that failed over. What is written while a change is being rolled back is kept as well.

-- Whether all that was laid for the last round of a sweep is done. Chunks are working state, which anybody may delete; and a round that
-- was begun and not laid has none.
CREATE FUNCTION {schema}.swept(change_id bigint, attempt integer, purpose text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(
        (
            SELECT count(k.id) >= laid.chunks AND coalesce(bool_and(k.status = 'done'), true)
            FROM (
                SELECT l.round, l.chunks FROM {schema}.laid l
                WHERE l.change_id = swept.change_id AND l.attempt = swept.attempt AND l.purpose = swept.purpose
                ORDER BY l.round DESC LIMIT 1
            ) laid
            LEFT JOIN {schema}.chunk k
                ON (k.change_id, k.attempt, k.purpose, k.round) = (swept.change_id, swept.attempt, swept.purpose, laid.round)
            GROUP BY laid.chunks
        ),
        false
    )
$$;

-- The first step that the plan has before another one and the journal does not have as done, or NULL. `repair` has no order, and a
-- rollback may leave out what it would keep.
CREATE FUNCTION {schema}.step_before_missing(owner {schema}.change, cycle integer, section text, step text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH planned AS (
        SELECT each.step->>'id' AS id, each.place
        FROM jsonb_array_elements(owner.plan->'sections'->section) WITH ORDINALITY each(step, place)
    )
    SELECT p.id FROM planned p
    WHERE section NOT IN ('repair', 'rollback') AND p.place < (SELECT o.place FROM planned o WHERE o.id = step_before_missing.step)
        AND NOT EXISTS (
            SELECT FROM {schema}.step s
            WHERE s.change_id = owner.id AND s.attempt = owner.attempt AND s.cycle = step_before_missing.cycle
                AND s.section = step_before_missing.section AND s.step = p.id AND s.status = 'done'
        )
    ORDER BY p.place LIMIT 1
$$;

-- The purpose of a step that sweeps, or NULL.
CREATE FUNCTION {schema}.sweeps_for(plan jsonb, section text, step text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT each->'action'->>'purpose' FROM jsonb_array_elements(plan->'sections'->section) each WHERE each->>'id' = step
$$;

-- A step is done after those before it, and when what it sweeps is swept. What was prepared for a contract or an undo that did not come
-- about is taken back, and its step is then to be done once more.
CREATE OR REPLACE FUNCTION {schema}.guard_step() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    owner {schema}.change;
    missing text;
    purpose text;
BEGIN
    SELECT * INTO owner FROM {schema}.change WHERE id = NEW.change_id;
    IF NEW.attempt <> owner.attempt OR NEW.cycle > owner.cycle THEN
        PERFORM {schema}.refuse(format('Step %s of change %s is of another attempt.', NEW.step, owner.name));
    END IF;
    IF NEW.status <> 'failed' THEN
        missing := {schema}.step_before_missing(owner, NEW.cycle, NEW.section, NEW.step);
        IF missing IS NOT NULL THEN
            PERFORM {schema}.refuse(format('Step %s of change %s comes after step %s, which is not done.', NEW.step, owner.name, missing));
        END IF;
    END IF;
    IF NEW.status = 'done' THEN
        purpose := {schema}.sweeps_for(owner.plan, NEW.section, NEW.step);
        IF purpose IN ('copy', 'keep') AND NOT {schema}.swept(owner.id, owner.attempt, purpose) THEN
            PERFORM {schema}.refuse(format('Step %s of change %s is not done: not every chunk of it is.', NEW.step, owner.name));
        END IF;
    END IF;
    IF TG_OP = 'INSERT' THEN
        RETURN NEW;
    END IF;
    IF (NEW.change_id, NEW.attempt, NEW.cycle, NEW.section, NEW.step) IS DISTINCT FROM (OLD.change_id, OLD.attempt, OLD.cycle, OLD.section, OLD.step)
        OR NEW.attempts < OLD.attempts
    THEN
        PERFORM {schema}.refuse(format('The journal of step %s of change %s stays.', OLD.step, owner.name));
    END IF;
    IF OLD.status = 'done' THEN
        IF NOT (NEW.section IN ('dual_write', 'backfill', 'verify', 'repair', 'rollback')
                OR NEW.section = 'contract' AND owner.state = 'active' OR NEW.section = 'undo' AND owner.state = 'hidden')
            OR NEW.status = 'failed' OR NEW.attempts = OLD.attempts
        THEN
            PERFORM {schema}.refuse(format('Step %s of change %s is done, and stays so.', OLD.step, owner.name));
        END IF;
        -- A repair, another proof, or values that are kept anew: the row tells of the last run, history of those before.
        INSERT INTO {schema}.event (change_id, kind, who, data) VALUES (OLD.change_id, 'step-repeated', session_user, to_jsonb(OLD));
    END IF;
    RETURN NEW;
END
$$;

-- Which of two kept values of a row is the later one is not told by their numbers: a sweep reads what was committed when its statement
-- began, while a write that it does not see yet has kept its own value already. So a write keeps its transaction, and a sweep what it saw.
ALTER TABLE {schema}.conflict ADD COLUMN written_by text, ADD COLUMN seen_in text;
-- A hash, as a key may be longer than what a tree takes.
CREATE INDEX conflict_kept ON {schema}.conflict USING hash (key) WHERE kind = 'kept';

-- Whether `other` was kept later than `one`, of the same row.
CREATE FUNCTION {schema}.kept_later(other {schema}.conflict, one {schema}.conflict) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE
        WHEN other.id > one.id
            THEN other.seen_in IS NULL OR one.written_by IS NULL OR pg_visible_in_snapshot(one.written_by::xid8, other.seen_in::pg_snapshot)
        ELSE one.seen_in IS NOT NULL AND other.written_by IS NOT NULL
            AND NOT pg_visible_in_snapshot(other.written_by::xid8, one.seen_in::pg_snapshot)
    END
$$;

-- A value as the text that gives back the very value, whatever the session shows it as. Not a cast: that of char takes blanks away, and
-- one that somebody made for a type of theirs would run with the rights of the ledger's owner where a trigger of ours calls this.
CREATE FUNCTION {sync}.as_text(value anyelement) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
SET DateStyle = 'ISO, MDY' SET IntervalStyle = 'postgres' SET TimeZone = 'UTC' SET bytea_output = 'hex' SET extra_float_digits = '1'
SET lc_monetary = 'C' AS $$
    SELECT CASE WHEN value IS DISTINCT FROM NULL THEN format('%s', value) END
$$;

-- The same of a column that names a row: blanks at the end of a char are nothing there.
CREATE FUNCTION {sync}.as_key(value anyelement) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN pg_typeof(value) = 'bpchar'::regtype THEN rtrim({sync}.as_text(value), ' ') ELSE {sync}.as_text(value) END
$$;

REVOKE ALL ON FUNCTION {sync}.as_text(anyelement), {sync}.as_key(anyelement) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION {sync}.as_text(anyelement), {sync}.as_key(anyelement) TO PUBLIC;

-- The table of a change: that which has its trigger. A dump does not keep OIDs: until a verb looks for the table in the database that it
-- was restored to, what the application's sessions note would be of another table, or of none.
CREATE FUNCTION {schema}.table_of(owner {schema}.change) RETURNS oid
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = owner.relation AND t.tgname = owner.plan->>'trigger')
        THEN owner.relation
        ELSE coalesce((
            SELECT t.tgrelid FROM pg_trigger t
            WHERE t.tgrelid = to_regclass(format('%I.%I', owner.table_schema, owner.table_name))::oid AND t.tgname = owner.plan->>'trigger'
        ), owner.relation)
    END
$$;
-- For readers of status_v1, who have no right on the functions of the ledger.
REVOKE ALL ON FUNCTION {schema}.table_of({schema}.change) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION {schema}.table_of({schema}.change) TO PUBLIC;

-- Keeps what a write leaves on the new side of a change that is being rolled back: the sweep may have been there already. Its arguments
-- are the change, `seen` where only what new code wrote counts, the old and the new column, and the columns that name a row.
CREATE FUNCTION {sync}.keep_new() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    change bigint;
    key jsonb;
    old_value text;
    new_value text;
    named text;
BEGIN
    -- Whoever may put a trigger on a table writes nothing here for the sake of another one.
    SELECT c.id INTO change FROM {schema}.change c
    WHERE c.name = TG_ARGV[0] AND TG_RELID IN (SELECT {schema}.leaves({schema}.table_of(c)))
        AND (TG_ARGV[1] <> 'seen' OR EXISTS (SELECT FROM {schema}.old_use u WHERE u.change_id = c.id AND u.side = 'new'));
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    BEGIN
        SELECT string_agg(format('%1$L, %2$s.as_key($1.%1$I)', name, $name${sync}$name$), ', ') INTO named
        FROM unnest(TG_ARGV) WITH ORDINALITY arguments(name, place) WHERE place > 4;
        EXECUTE format('SELECT %4$s.as_text($1.%1$I), %4$s.as_text($1.%2$I), %3$s', TG_ARGV[2], TG_ARGV[3],
            CASE WHEN named IS NULL THEN 'NULL' ELSE format('pg_catalog.jsonb_build_object(%s)', named) END,
            $name${sync}$name$)
        INTO old_value, new_value, key USING NEW;
    EXCEPTION WHEN undefined_column THEN
        -- Somebody renamed a column since: the row as it is.
        new_value := format('%s', NEW);
    END;
    INSERT INTO {schema}.conflict (change_id, kind, key, old_value, new_value, application_name, role, sentence, written_by)
    VALUES (change, 'kept', key, old_value, new_value, current_setting('application_name'), session_user,
        'the new side got this value while the change was being rolled back', pg_current_xact_id()::text);
    RETURN NULL;
EXCEPTION WHEN undefined_table OR undefined_function OR invalid_schema_name THEN
    -- The ledger was dropped: nobody can roll back by it, and the application's write is not to fail.
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION {sync}.keep_new() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION {sync}.keep_new() TO PUBLIC;

-- The triggers that keep what is written meanwhile, as they stand on each leaf of a table.
CREATE FUNCTION {schema}.keeping(relation oid, triggers jsonb) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(jsonb_object_agg(leaf::bigint::text, (
        SELECT coalesce(jsonb_agg(jsonb_build_array(t.tgname, t.tgenabled, t.oid::bigint, t.xmin::text) ORDER BY t.tgname), '[]')
        FROM pg_trigger t WHERE t.tgrelid = leaf AND triggers ? t.tgname::text
    )), '{}')
    FROM {schema}.leaves(relation) leaf
$$;

-- How far a rollback is with keeping: the last round (0 without any), whether the triggers stood all the time since it was laid, and
-- whether all its rows were looked at.
CREATE FUNCTION {schema}.kept(change_id bigint, OUT round integer, OUT stood boolean, OUT swept boolean)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(laid.round, 0),
        laid.round IS NOT NULL AND NOT EXISTS (
            SELECT FROM jsonb_each({schema}.keeping(c.relation, laid.triggers)) leaf
            WHERE leaf.value IS DISTINCT FROM laid.standing->leaf.key
                OR jsonb_array_length(leaf.value) <> jsonb_array_length(laid.triggers)
                OR EXISTS (SELECT FROM jsonb_array_elements(leaf.value) standing WHERE standing->>1 <> 'A')
        ),
        {schema}.swept(c.id, c.attempt, 'keep')
    FROM {schema}.change c
    LEFT JOIN LATERAL (
        SELECT l.round, l.triggers, l.standing FROM {schema}.laid l
        WHERE l.change_id = c.id AND l.attempt = c.attempt AND l.purpose = 'keep'
        ORDER BY l.round DESC LIMIT 1
    ) laid ON true
    WHERE c.id = change_id
$$;

-- What differs, as sentences. Empty: what held then holds now. A partition that was dropped or detached since takes its rows with it, and
-- nothing of it has to hold; one that comes back has other triggers.
CREATE OR REPLACE FUNCTION {schema}.bound_differences(before jsonb, after jsonb) RETURNS text[]
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(array_agg(sentence ORDER BY place), '{}') FROM (
        SELECT 1, 'this database is a copy of the one in which the proof was made'
        WHERE {schema}.elsewhere(before, after)
        UNION ALL
        SELECT 2, CASE
            WHEN leaf.was IS NULL THEN format('%s was attached', leaf.is_now->>'name')
            ELSE format('%s was rewritten (VACUUM FULL, CLUSTER, TRUNCATE or ALTER TABLE)', leaf.is_now->>'name')
        END
        FROM {schema}.side_by_side(before->'leaves', after->'leaves', 'oid') leaf
        WHERE leaf.is_now IS NOT NULL AND leaf.was->'filenode' IS DISTINCT FROM leaf.is_now->'filenode'
        UNION ALL
        SELECT 2, 'the table is gone' WHERE after->'leaves' = '[]' AND before->'leaves' <> '[]'
        UNION ALL
        SELECT 3, CASE
            WHEN t.is_now IS NULL THEN format('trigger %s of %s was dropped', t.was->>'name', leaf.is_now->>'name')
            WHEN t.was IS NULL THEN format('trigger %s of %s is new', t.is_now->>'name', leaf.is_now->>'name')
            WHEN t.was->'enabled' = t.is_now->'enabled'
                THEN format('trigger %s of %s was altered', t.is_now->>'name', leaf.is_now->>'name')
            WHEN t.is_now->>'enabled' = 'D' THEN format('trigger %s of %s is disabled', t.is_now->>'name', leaf.is_now->>'name')
            ELSE format('trigger %s of %s fires under other conditions', t.is_now->>'name', leaf.is_now->>'name')
        END
        FROM {schema}.side_by_side(before->'leaves', after->'leaves', 'oid') leaf,
            {schema}.side_by_side(leaf.was->'triggers', leaf.is_now->'triggers', 'oid') t
        WHERE leaf.was IS NOT NULL AND leaf.is_now IS NOT NULL AND t.was IS DISTINCT FROM t.is_now
        UNION ALL
        SELECT 4, format('column %I of %s %s', coalesce(a.is_now, a.was)->>'name', leaf.is_now->>'name', CASE
            WHEN a.is_now IS NULL THEN 'is gone'
            WHEN a.was IS NULL THEN 'is new'
            ELSE 'was altered'
        END)
        FROM {schema}.side_by_side(before->'leaves', after->'leaves', 'oid') leaf,
            {schema}.side_by_side(leaf.was->'columns', leaf.is_now->'columns', 'name') a
        WHERE leaf.was IS NOT NULL AND leaf.is_now IS NOT NULL AND a.was IS DISTINCT FROM a.is_now
        UNION ALL
        SELECT 5, format('function %s %s', coalesce(f.is_now, f.was)->>'name', CASE
            WHEN f.is_now IS NULL THEN 'is gone'
            WHEN f.was IS NULL THEN 'is new'
            ELSE 'was replaced'
        END)
        FROM {schema}.side_by_side(before->'functions', after->'functions', 'oid') f
        WHERE f.was IS NULL OR f.is_now IS NULL OR f.was->'hash' <> f.is_now->'hash'
    ) differences(place, sentence)
$$;


-- Whether the chunks of a comparison cover all that was laid for it, of what is part of the table still.
CREATE OR REPLACE FUNCTION {schema}.compared(change_id bigint, attempt integer, round integer) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH laid AS (
        SELECT l.blocks, l.leaves FROM {schema}.laid l
        WHERE (l.change_id, l.attempt, l.purpose, l.round) = (compared.change_id, compared.attempt, 'compare', compared.round)
            AND l.blocks IS NOT NULL
    ), part AS (
        SELECT leaf.key::oid AS relation, leaf.value::bigint AS blocks
        FROM laid, jsonb_each_text(laid.leaves) leaf, {schema}.change c
        WHERE c.id = compared.change_id AND leaf.key::oid IN (SELECT {schema}.leaves(c.relation))
        UNION ALL
        -- Laid by an earlier program, which kept the sum alone.
        SELECT NULL, laid.blocks FROM laid WHERE laid.leaves IS NULL
    )
    SELECT EXISTS (SELECT FROM laid) AND NOT EXISTS (
        SELECT FROM part WHERE NOT (
            SELECT coalesce(sum(k.next_block - k.first_block), 0)::bigint >= part.blocks AND coalesce(bool_and(k.status = 'done'), true)
            FROM {schema}.chunk k
            WHERE (k.change_id, k.attempt, k.purpose, k.round) = (compared.change_id, compared.attempt, 'compare', compared.round)
                AND (part.relation IS NULL OR k.relation = part.relation)
        )
    )
$$;

-- The time in which nobody was at work: who begins again after it does not count it.
ALTER TABLE {schema}.walk ADD COLUMN idle interval NOT NULL DEFAULT '0';

-- As in 0007, but that a worker of whom nothing was heard for as long as its lease is dead: it waits for nothing.
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
        EXTRACT(epoch FROM greatest(w.updated_at, begun.updated_at) - least(w.started_at, begun.started_at) - w.idle), 0
    )::double precision AS seconds,
    CASE WHEN said.lately THEN w.batch ELSE begun.batch END AS batch,
    CASE WHEN said.lately THEN w.throttled_by ELSE begun.throttled_by END AS throttled_by,
    w.hot_rows + begun.hot_rows AS hot_rows,
    begun.running,
    CASE WHEN said.lately THEN w.rows_per_second END AS rows_per_second,
    CASE WHEN said.lately THEN w.eta_seconds END AS eta_seconds,
    greatest(w.updated_at, begun.updated_at, w.said_at) AS active_at
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
        (pg_catalog.array_agg(c.batch ORDER BY c.updated_at DESC NULLS LAST) FILTER (WHERE held.alive))[1] AS batch,
        (pg_catalog.array_agg(c.throttled_by ORDER BY c.updated_at DESC NULLS LAST) FILTER (WHERE held.alive))[1] AS throttled_by
    FROM {schema}.chunk c
    CROSS JOIN LATERAL (
        SELECT c.status = 'running' AND coalesce(c.leased_until >= pg_catalog.clock_timestamp(), true) AS alive
    ) held
    WHERE (c.change_id, c.attempt, c.purpose, c.round) = (w.change_id, w.attempt, w.purpose, w.round)
        AND c.status <> 'done' AND c.started_at IS NOT NULL
) begun;
