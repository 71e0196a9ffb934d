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
