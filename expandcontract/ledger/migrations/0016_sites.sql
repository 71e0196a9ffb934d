-- A change may work on several tables. `site` has one row for each of them, `upkeep` what stands on them and keeps something true; both are
-- written by the database itself from the plan, when that comes into the ledger. Nothing else reads a plan but for the ids of its steps.

-- Number 0 is the table that names the change, and the same as in `change`.
CREATE TABLE {schema}.site (
    change_id bigint NOT NULL REFERENCES {schema}.change,
    attempt integer NOT NULL,
    number integer NOT NULL,
    relation oid NOT NULL,
    table_schema text NOT NULL,
    table_name text NOT NULL,
    -- All names that the plan gives the table, as SQL.
    called text[] NOT NULL,
    -- No other open change may claim or use these, or where `whole` is true, the table.
    columns text[] NOT NULL,
    whole boolean NOT NULL,
    -- No other open change may claim these; any number may use them.
    uses text[] NOT NULL,
    -- Whether it is not missed where somebody drops it.
    may_go boolean NOT NULL,
    -- How many pairs of columns are held together here: with any there must be a proof.
    pairs integer NOT NULL,
    -- The columns that name a row; NULL where the plan, made by an earlier program, does not know.
    key text[],
    PRIMARY KEY (change_id, attempt, number)
);
CREATE INDEX site_relation ON {schema}.site (relation);

CREATE TABLE {schema}.upkeep (
    change_id bigint NOT NULL,
    attempt integer NOT NULL,
    site integer NOT NULL,
    number integer NOT NULL,
    -- The two sides of a pair under their names before contract; empty where something is only noted.
    old_columns text[] NOT NULL,
    new_columns text[] NOT NULL,
    -- Its triggers: after those of the user, and before them; empty where there is none.
    trigger text NOT NULL,
    first_trigger text NOT NULL,
    -- Its functions before contract, and after it: lists of schema and name.
    functions jsonb NOT NULL,
    hidden_functions jsonb NOT NULL,
    PRIMARY KEY (change_id, attempt, site, number),
    FOREIGN KEY (change_id, attempt, site) REFERENCES {schema}.site
);

-- The tables of a plan, each with what the plan says of it. The first one stands in the plan itself.
CREATE FUNCTION {schema}.planned_sites(plan jsonb) RETURNS TABLE (number integer, said jsonb)
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT 0, plan || jsonb_build_object('key', plan->'catalog'->'primary_key')
    UNION ALL
    SELECT place::integer, other FROM jsonb_array_elements(coalesce(plan->'others', '[]')) WITH ORDINALITY others(other, place)
$$;

-- What a list of texts in a plan holds.
CREATE FUNCTION {schema}.texts(list jsonb) RETURNS text[]
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT ARRAY(SELECT jsonb_array_elements_text(CASE jsonb_typeof(list) WHEN 'array' THEN list ELSE '[]' END))
$$;

-- The columns of one side of a pair.
CREATE FUNCTION {schema}.columns_of(pair jsonb, side text) RETURNS text[]
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(array_agg(each.one->>'column' ORDER BY each.place), '{}') FROM (
        SELECT 0, pair->side
        UNION ALL
        SELECT more.place, more.one
        FROM jsonb_array_elements(coalesce(pair->CASE side WHEN 'new' THEN 'more' ELSE 'old_more' END, '[]'))
            WITH ORDINALITY more(one, place)
    ) each(place, one)
    WHERE each.one ? 'column'
$$;

CREATE FUNCTION {schema}.put_in_place(owner {schema}.change) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM {schema}.upkeep u WHERE (u.change_id, u.attempt) = (owner.id, owner.attempt);
    DELETE FROM {schema}.site s WHERE (s.change_id, s.attempt) = (owner.id, owner.attempt);
    INSERT INTO {schema}.site
    SELECT owner.id, owner.attempt, planned.number,
        CASE planned.number WHEN 0 THEN owner.relation
            ELSE to_regclass(format('%I.%I', planned.said->'table'->>'schema', planned.said->'table'->>'name'))::oid END,
        coalesce(planned.said->'table'->>'schema', owner.table_schema), coalesce(planned.said->'table'->>'name', owner.table_name),
        ARRAY(
            SELECT format('%I.%I', name.said->>'schema', name.said->>'name')
            FROM (VALUES (1, planned.said->'table'), (2, planned.said->'aside'), (3, planned.said->'final_table')) name(place, said)
            WHERE jsonb_typeof(name.said) = 'object' ORDER BY name.place
        ),
        CASE planned.number WHEN 0 THEN owner.columns
            ELSE {schema}.texts(planned.said->'claims') || {schema}.columns_of(planned.said->'pair', 'old')
                || {schema}.columns_of(planned.said->'pair', 'new') END,
        CASE planned.number WHEN 0 THEN owner.whole ELSE planned.said->'claims' = 'null' END,
        {schema}.texts(planned.said->'uses'), coalesce((planned.said->>'may_go')::boolean, false),
        -- Of what a plan does not say nobody knows that there is no pair.
        CASE WHEN planned.said->'pair' = 'null' THEN 0 ELSE 1 END,
        CASE jsonb_typeof(planned.said->'key') WHEN 'array' THEN {schema}.texts(planned.said->'key') END
    FROM {schema}.planned_sites(owner.plan) planned ORDER BY planned.number;
    INSERT INTO {schema}.upkeep
    SELECT owner.id, owner.attempt, planned.number, 0,
        {schema}.columns_of(planned.said->'pair', 'old'), {schema}.columns_of(planned.said->'pair', 'new'),
        coalesce(planned.said->>'trigger', ''), coalesce(planned.said->>'first_trigger', ''),
        coalesce(planned.said->'functions', '[]'), coalesce(planned.said->'hidden_functions', '[]')
    FROM {schema}.planned_sites(owner.plan) planned
    WHERE jsonb_typeof(planned.said->'pair') = 'object' OR planned.said->>'trigger' <> '';
END
$$;

DO $do$
BEGIN
    PERFORM {schema}.put_in_place(c) FROM {schema}.change c;
END
$do$;

CREATE FUNCTION {schema}.place_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' OR (NEW.attempt, NEW.plan, NEW.columns, NEW.whole) IS DISTINCT FROM (OLD.attempt, OLD.plan, OLD.columns, OLD.whole) THEN
        PERFORM {schema}.put_in_place(NEW);
    ELSIF NEW.relation <> OLD.relation THEN
        UPDATE {schema}.site s SET relation = NEW.relation WHERE (s.change_id, s.attempt, s.number) = (NEW.id, NEW.attempt, 0);
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER placed AFTER INSERT OR UPDATE ON {schema}.change FOR EACH ROW EXECUTE FUNCTION {schema}.place_change();
ALTER TABLE {schema}.change ENABLE ALWAYS TRIGGER placed;

-- The table of a site of a change that was dropped here and restored from a dump, trigger and all; NULL where there is none. Another table
-- that merely took the name has no such trigger.
CREATE FUNCTION {schema}.found_again(change_id bigint, number integer) RETURNS oid
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT t.tgrelid
    FROM {schema}.change c
    JOIN {schema}.site s ON (s.change_id, s.attempt, s.number) = (c.id, c.attempt, found_again.number)
    JOIN {schema}.upkeep u ON (u.change_id, u.attempt, u.site) = (s.change_id, s.attempt, s.number)
    JOIN pg_trigger t ON t.tgrelid = to_regclass(format('%I.%I', s.table_schema, s.table_name))::oid AND t.tgname = u.trigger
    WHERE c.id = found_again.change_id AND NOT EXISTS (SELECT FROM pg_class r WHERE r.oid = s.relation)
    LIMIT 1
$$;
CREATE OR REPLACE FUNCTION {schema}.found_again(change_id bigint) RETURNS oid
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT {schema}.found_again(change_id, 0)
$$;

-- The table of a site: that which has its trigger. A dump does not keep OIDs: until a verb looks for the table in the database that it was
-- restored to, what the application's sessions note would be of another table, or of none. Where nothing stands on it, the name tells. For
-- readers of status_v1, who have no right on the tables of the ledger.
CREATE FUNCTION {schema}.table_of(one {schema}.site) RETURNS oid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH ours AS (
        SELECT u.trigger FROM {schema}.upkeep u
        WHERE (u.change_id, u.attempt, u.site) = (one.change_id, one.attempt, one.number) AND u.trigger <> ''
    ), named AS (
        SELECT to_regclass(name)::oid AS relation FROM unnest(one.called) WITH ORDINALITY known(name, place)
        WHERE to_regclass(name) IS NOT NULL ORDER BY place
    )
    SELECT coalesce(
        (SELECT t.tgrelid FROM ours JOIN pg_trigger t ON t.tgrelid = one.relation AND t.tgname = ours.trigger LIMIT 1),
        (SELECT t.tgrelid FROM ours JOIN pg_trigger t ON t.tgname = ours.trigger AND t.tgrelid IN (TABLE named) LIMIT 1),
        (SELECT named.relation FROM named WHERE NOT EXISTS (TABLE ours) LIMIT 1),
        one.relation)
$$;
REVOKE ALL ON FUNCTION {schema}.table_of({schema}.site) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION {schema}.table_of({schema}.site) TO PUBLIC;

-- The tables of a change that are kept up: the first one, and those that have a trigger of ours.
CREATE FUNCTION {schema}.kept_up(change_id bigint) RETURNS TABLE (relation oid, key text[])
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp ROWS 1 AS $$
    SELECT {schema}.table_of(s), s.key
    FROM {schema}.change c JOIN {schema}.site s ON (s.change_id, s.attempt) = (c.id, c.attempt)
    WHERE c.id = kept_up.change_id AND (s.number = 0 OR EXISTS (
        SELECT FROM {schema}.upkeep u WHERE (u.change_id, u.attempt, u.site) = (s.change_id, s.attempt, s.number)))
$$;

-- Two starts at the same moment would not see each other's rows. Not an advisory lock, which any role may take, and keep; and one for all
-- tables, so that nobody has to take several in an order.
CREATE FUNCTION {schema}.refuse_taken(one {schema}.site) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    other record;
    place CONSTANT text := format('%I.%I', one.table_schema, one.table_name);
BEGIN
    LOCK TABLE {schema}.state_rule IN SHARE ROW EXCLUSIVE MODE;
    SELECT c.name,
        (SELECT string_agg(name, ', ') FROM unnest(s.columns) name WHERE name = ANY (one.columns || one.uses)) AS owned,
        (SELECT string_agg(name, ', ') FROM unnest(s.uses) name WHERE name = ANY (one.columns)) AS used,
        s.columns = '{}' AND NOT s.whole AS only_uses
    INTO other
    FROM {schema}.site s JOIN {schema}.change c ON (c.id, c.attempt) = (s.change_id, s.attempt)
    WHERE s.relation = one.relation AND c.id <> one.change_id AND c.state IN ('active', 'hidden')
        AND (s.whole OR one.whole OR s.columns && (one.columns || one.uses) OR s.uses && one.columns)
    ORDER BY c.id LIMIT 1;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    PERFORM {schema}.refuse(CASE
        WHEN other.owned IS NOT NULL AND one.number = 0
        THEN format('Column %s belongs to change %s, which is not finished.', other.owned, other.name)
        WHEN other.owned IS NOT NULL
        THEN format('Column %s of %s belongs to change %s, which is not finished.', other.owned, place, other.name)
        WHEN other.used IS NOT NULL
        THEN format('Column %s of %s is needed by change %s, which is not finished.', other.used, place, other.name)
        WHEN other.only_uses
        THEN format('Table %s is needed by change %s, which is not finished.', place, other.name)
        ELSE format('Table %s belongs to change %s, which is not finished.', place, other.name)
    END, 'EC305');
END
$$;

-- What a change claims when its state or its plan brings it back among those that are open: its first table as it is written now, and the
-- others as they stand. The plan's own come anew, and are asked for when they do.
CREATE OR REPLACE FUNCTION {schema}.refuse_taken_columns(new {schema}.change) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    first {schema}.site;
BEGIN
    SELECT new.id, new.attempt, 0, new.relation, new.table_schema, new.table_name, '{}', new.columns, new.whole,
        {schema}.texts(new.plan->'uses'), false, 0, NULL INTO first;
    PERFORM {schema}.refuse_taken(first);
    PERFORM {schema}.refuse_taken(s) FROM {schema}.site s
    WHERE (s.change_id, s.attempt) = (new.id, new.attempt) AND s.number > 0;
END
$$;

-- The tables of a change are those of its plan, and stay so once it was started; only its number may change, where it was restored.
CREATE FUNCTION {schema}.guard_site() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    one {schema}.site := coalesce(NEW, OLD);
    owner {schema}.change;
    -- From a dump, here or in another database, it has another OID under one of its names.
    restored boolean;
BEGIN
    SELECT * INTO owner FROM {schema}.change WHERE id = one.change_id;
    IF TG_OP = 'UPDATE' THEN
        restored := NEW.relation = OLD.relation OR (CASE NEW.number
            WHEN 0 THEN NEW.relation = owner.relation
            ELSE EXISTS (SELECT FROM unnest(OLD.called) name WHERE to_regclass(name)::oid = NEW.relation)
                AND ({schema}.elsewhere(
                    jsonb_build_object('system', owner.system_identifier::text, 'database', owner.database_oid::bigint), {schema}.identity()
                ) OR coalesce({schema}.found_again(owner.id, OLD.number) = NEW.relation, false))
            END);
        IF to_jsonb(NEW) - 'relation' IS DISTINCT FROM to_jsonb(OLD) - 'relation' OR NOT restored THEN
            PERFORM {schema}.refuse(format('The tables of change %s stay as they were planned.', owner.name));
        END IF;
        RETURN NEW;
    END IF;
    IF one.attempt <> owner.attempt OR EXISTS (
        SELECT FROM {schema}.phase p WHERE (p.change_id, p.attempt) = (owner.id, owner.attempt) AND p.status <> 'pending'
    ) THEN
        PERFORM {schema}.refuse(format('Change %s was started: its tables stay as they were planned.', owner.name));
    END IF;
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    IF EXISTS (SELECT FROM {schema}.site s WHERE (s.change_id, s.attempt, s.relation) = (NEW.change_id, NEW.attempt, NEW.relation)) THEN
        PERFORM {schema}.refuse(format('Change %s has table %I.%I already.', owner.name, NEW.table_schema, NEW.table_name));
    END IF;
    IF NEW.number > 0 THEN
        PERFORM {schema}.refuse_taken(NEW);
    ELSIF (NEW.relation, NEW.columns, NEW.whole) IS DISTINCT FROM (owner.relation, owner.columns, owner.whole) THEN
        PERFORM {schema}.refuse(format('The first table of change %s is that of the change.', owner.name));
    END IF;
    RETURN NEW;
END
$$;

CREATE FUNCTION {schema}.guard_upkeep() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    one {schema}.upkeep := coalesce(NEW, OLD);
    owner {schema}.change;
BEGIN
    SELECT * INTO owner FROM {schema}.change WHERE id = one.change_id;
    IF TG_OP = 'UPDATE' OR one.attempt <> owner.attempt OR EXISTS (
        SELECT FROM {schema}.phase p WHERE (p.change_id, p.attempt) = (owner.id, owner.attempt) AND p.status <> 'pending'
    ) THEN
        PERFORM {schema}.refuse(format('What keeps change %s up stays as it was planned.', owner.name));
    END IF;
    RETURN one;
END
$$;

-- A change does not begin before the ledger knows its tables, each pair with what keeps it.
CREATE FUNCTION {schema}.guard_places() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM {schema}.site s WHERE (s.change_id, s.attempt, s.number) = (NEW.change_id, NEW.attempt, 0)) OR EXISTS (
        SELECT FROM {schema}.site s
        WHERE (s.change_id, s.attempt) = (NEW.change_id, NEW.attempt) AND s.pairs > (
            SELECT count(*) FROM {schema}.upkeep u
            WHERE (u.change_id, u.attempt, u.site) = (s.change_id, s.attempt, s.number) AND u.old_columns <> '{}' AND u.new_columns <> '{}'
        )
    ) THEN
        PERFORM {schema}.refuse(format('Change %s has a pair of columns that nothing keeps.', NEW.change_id));
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER placed BEFORE UPDATE ON {schema}.phase FOR EACH ROW
    WHEN (NEW.phase = 'expand' AND OLD.status = 'pending' AND NEW.status = 'running') EXECUTE FUNCTION {schema}.guard_places();
ALTER TABLE {schema}.phase ENABLE ALWAYS TRIGGER placed;

DO $do$
DECLARE
    ledger CONSTANT text := $name${schema}$name$;
    one text;
BEGIN
    FOREACH one IN ARRAY ARRAY['site', 'upkeep'] LOOP
        EXECUTE pg_catalog.format(
            'CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE ON %1$s.%2$I FOR EACH ROW EXECUTE FUNCTION %1$s.guard_%2$s();
             CREATE TRIGGER keep_table BEFORE TRUNCATE ON %1$s.%2$I EXECUTE FUNCTION %1$s.guard_history();
             ALTER TABLE %1$s.%2$I ENABLE ALWAYS TRIGGER guard, ENABLE ALWAYS TRIGGER keep_table', ledger, one);
    END LOOP;
END
$do$;

-- As in 0015, with the need for a proof from the pairs of all tables. Fail closed: of a change without a table nobody knows.
CREATE OR REPLACE FUNCTION {schema}.proof_missing(change_id bigint) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    newest {schema}.proof;
    differences text[];
    state_now jsonb;
BEGIN
    IF (
        SELECT coalesce(sum(s.pairs), 1) = 0
        FROM {schema}.change c JOIN {schema}.site s ON (s.change_id, s.attempt) = (c.id, c.attempt) WHERE c.id = proof_missing.change_id
    ) THEN
        RETURN NULL;
    END IF;
    state_now := {schema}.bound_state(change_id);
    SELECT p.* INTO newest FROM {schema}.proof p JOIN {schema}.change c ON c.id = p.change_id
    WHERE c.id = proof_missing.change_id AND p.attempt = c.attempt AND p.cycle = c.cycle AND p.finished_at IS NOT NULL
    ORDER BY p.id DESC LIMIT 1;
    differences := {schema}.bound_differences(newest.bound, state_now);
    RETURN CASE
        WHEN newest.id IS NULL THEN 'there is no proof that both sides are in sync'
        WHEN newest.spoiled_at IS NOT NULL THEN 'the proof is spoiled: ' || coalesce(newest.spoiled_why, 'no reason was given')
        WHEN newest.mismatches > 0 THEN 'verification found mismatches: ' || newest.mismatches
        WHEN jsonb_array_length(state_now->'leaves') = 0 THEN 'the table is gone'
        WHEN differences <> '{}' THEN 'the proof does not hold any more: ' || array_to_string(differences, '; ')
    END;
END
$$;

-- As in 0002, over the first table and all others on which columns are held together.
CREATE OR REPLACE FUNCTION {schema}.bound_state(change_id bigint) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan AS $$
    SELECT {schema}.identity() || jsonb_build_object(
        'leaves', coalesce((
            SELECT jsonb_agg(jsonb_build_object(
                'oid', leaf::bigint,
                'name', leaf::regclass::text,
                'filenode', pg_relation_filenode(leaf)::bigint,
                'triggers', coalesce((
                    SELECT jsonb_agg(jsonb_build_object(
                        'oid', t.oid::bigint, 'name', t.tgname, 'xmin', t.xmin::text, 'enabled', t.tgenabled
                    ) ORDER BY t.tgname COLLATE "C")
                    FROM pg_trigger t
                    -- TRIGGER_TYPE_ROW = 1, TRIGGER_TYPE_BEFORE = 2. Not by tgisinternal: until 14 it is set on a partition's.
                    WHERE t.tgrelid = leaf AND t.tgtype & 3 = 3
                ), '[]'),
                'columns', coalesce((
                    SELECT jsonb_agg(jsonb_build_object('name', a.attname, 'xmin', a.xmin::text) ORDER BY a.attname COLLATE "C")
                    FROM pg_attribute a
                    WHERE a.attrelid = leaf AND a.attname = ANY (s.columns) AND a.attnum > 0 AND NOT a.attisdropped
                ), '[]')
            ) ORDER BY leaf)
            FROM {schema}.site s CROSS JOIN {schema}.leaves(s.relation) leaf
            WHERE (s.change_id, s.attempt) = (c.id, c.attempt) AND (s.number = 0 OR s.pairs > 0)
        ), '[]'),
        'functions', coalesce((
            SELECT jsonb_agg(jsonb_build_object(
                'oid', p.oid::bigint,
                'name', p.oid::regprocedure::text,
                'hash', md5(ROW(
                    p.prosrc, p.prosqlbody, p.proconfig, p.provolatile, p.proisstrict, p.prosecdef, p.proleakproof,
                    p.proowner, p.prolang, p.prorettype, p.proargtypes, p.proargdefaults
                )::text)
            ) ORDER BY p.oid)
            FROM {schema}.functions(coalesce((
                SELECT jsonb_agg(named) FROM {schema}.upkeep u CROSS JOIN jsonb_array_elements(u.functions) named
                WHERE (u.change_id, u.attempt) = (c.id, c.attempt)
            ), '[]')) f
            JOIN pg_proc p ON p.oid = f
        ), '[]')
    )
    FROM {schema}.change c WHERE c.id = change_id
$$;

-- The columns of the pairs of a change on their tables. What stands of the first of the new ones has no name of its own in what is kept.
CREATE FUNCTION {schema}.sides(change_id bigint)
RETURNS TABLE (relation oid, column_name text, is_new boolean, called text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT s.relation, side.name, side.is_new,
        CASE WHEN s.number = 0 THEN '' ELSE format('%I.%I', s.table_schema, s.table_name) || '.' END
            || CASE WHEN (s.number, u.number, side.place) = (0, 0, 1) THEN '' ELSE side.name END
    FROM {schema}.change c
    JOIN {schema}.site s ON (s.change_id, s.attempt) = (c.id, c.attempt)
    JOIN {schema}.upkeep u ON (u.change_id, u.attempt, u.site) = (s.change_id, s.attempt, s.number)
    CROSS JOIN LATERAL (
        SELECT name, place, false FROM unnest(u.old_columns) WITH ORDINALITY old(name, place)
        UNION ALL
        SELECT name, place, true FROM unnest(u.new_columns) WITH ORDINALITY new(name, place)
    ) side(name, place, is_new)
    WHERE c.id = sides.change_id
$$;
ALTER FUNCTION {schema}.sides(bigint) ROWS 2;

-- Which indexes and constraints the new sides have, whether they are NOT NULL and have a default: pairs of kind and name.
CREATE OR REPLACE FUNCTION {schema}.new_side(change_id bigint) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH side AS (
        SELECT a.attrelid, a.attnum, a.attnotnull, a.atthasdef, d.called
        FROM {schema}.sides(new_side.change_id) d
        JOIN pg_attribute a ON a.attrelid = d.relation AND a.attname = d.column_name AND NOT a.attisdropped
        WHERE d.is_new
    )
    SELECT coalesce(jsonb_agg(jsonb_build_array(kind, name) ORDER BY kind, name), '[]') FROM (
        SELECT 'constraint', k.conname::text
        FROM side s JOIN pg_constraint k ON k.conrelid = s.attrelid AND s.attnum = ANY (k.conkey) AND k.contype <> 'n'
        UNION
        SELECT 'index', x.relname::text
        FROM side s JOIN pg_index i ON i.indrelid = s.attrelid AND i.indisvalid JOIN pg_class x ON x.oid = i.indexrelid
        WHERE (s.attnum = ANY (i.indkey::int2[]) OR EXISTS (
                SELECT FROM pg_depend d
                WHERE d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid
                    AND d.refclassid = 'pg_class'::regclass AND d.refobjid = s.attrelid AND d.refobjsubid = s.attnum))
            AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x'))
        UNION
        SELECT 'not null', s.called FROM side s WHERE s.attnotnull
        UNION
        SELECT 'default', s.called FROM side s WHERE s.atthasdef
    ) made(kind, name)
    -- What was put beside for a time is no part of it.
    WHERE NOT starts_with(name, '~ec_')
$$;

-- The defaults of the sides under their present names, by name; what has none has none here.
CREATE OR REPLACE FUNCTION {schema}.defaults(change_id bigint) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(jsonb_object_agg(
        CASE WHEN d.relation = c.relation THEN '' ELSE d.relation::regclass::text || '.' END || a.attname,
        pg_get_expr(x.adbin, x.adrelid)), '{}')
    FROM {schema}.change c
    CROSS JOIN LATERAL {schema}.sides(c.id) d
    JOIN pg_attribute a ON a.attrelid = d.relation AND NOT a.attisdropped AND a.attname = d.column_name
    JOIN pg_attrdef x ON x.adrelid = a.attrelid AND x.adnum = a.attnum
    WHERE c.id = change_id AND c.state = 'active'
$$;

-- As in 0014, over all tables.
CREATE OR REPLACE FUNCTION {schema}.sync_state(change_id bigint) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object(
        'state', c.state,
        'place', {schema}.identity(),
        'relation', c.relation::bigint,
        'functions', coalesce((
            SELECT jsonb_agg(jsonb_build_object('name', p.oid::regprocedure::text, 'hash', md5(ROW(
                p.prosrc, p.prosqlbody, p.proconfig, p.provolatile, p.proisstrict, p.prosecdef, p.proleakproof,
                p.proowner, p.prolang, p.prorettype, p.proargtypes, p.proargdefaults
            )::text)) ORDER BY p.oid)
            FROM {schema}.functions(coalesce((
                SELECT jsonb_agg(named) FROM {schema}.upkeep u
                CROSS JOIN jsonb_array_elements(CASE c.state WHEN 'hidden' THEN u.hidden_functions ELSE u.functions END) named
                WHERE (u.change_id, u.attempt) = (c.id, c.attempt)
            ), '[]')) f
            JOIN pg_proc p ON p.oid = f
        ), '[]'),
        'triggers', coalesce((
            -- Not pg_get_triggerdef, which fails when somebody drops the function at this moment.
            SELECT jsonb_object_agg(
                CASE WHEN (u.site, u.number, t.tgname) = (0, 0, u.trigger::name) THEN '' ELSE t.tgname || ' on ' END || t.tgrelid::regclass::text,
                md5(ROW(t.tgfoid, t.tgtype, t.tgattr, t.tgqual, t.tgargs)::text))
            FROM {schema}.site s
            JOIN {schema}.upkeep u ON (u.change_id, u.attempt, u.site) = (s.change_id, s.attempt, s.number)
            CROSS JOIN LATERAL (SELECT s.relation UNION SELECT {schema}.leaves(s.relation)) below(oid)
            JOIN pg_trigger t ON t.tgrelid = below.oid AND t.tgname IN (u.trigger, u.first_trigger) AND t.tgparentid = 0
            WHERE (s.change_id, s.attempt) = (c.id, c.attempt)
        ), '{}'),
        'new_side', {schema}.new_side(c.id),
        'defaults', {schema}.defaults(c.id)
    )
    FROM {schema}.change c WHERE c.id = change_id
$$;

-- Whether a call of note_use came from the function of the sync trigger, and that stands on a table of the change alone. `stack` is
-- PG_CONTEXT as note_use sees it: its own frame, then the statement that called it and the function in which that stands, both to the
-- letter, as the text of a statement may hold what looks like a frame. Where the server speaks another language it is not told.
CREATE OR REPLACE FUNCTION {schema}.called_by_trigger(change {schema}.change, side text, stack text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM {schema}.site s
        JOIN {schema}.upkeep u ON (u.change_id, u.attempt, u.site) = (s.change_id, s.attempt, s.number)
        CROSS JOIN LATERAL (SELECT {schema}.table_of(s) AS relation) present
        JOIN pg_trigger t ON t.tgrelid IN (SELECT {schema}.leaves(present.relation)) AND t.tgname = u.trigger
        WHERE (s.change_id, s.attempt) = (change.id, change.attempt)
            AND starts_with(substr(stack, strpos(stack, E'\n') + 1), format(
                E'SQL statement "SELECT %s.note_use(%L, %L, current_user)"\nPL/pgSQL function %s line ',
                $name${sync}$name$, change.name, side, t.tgfoid::regprocedure))
            AND NOT EXISTS (
                SELECT FROM pg_trigger other
                WHERE other.tgfoid = t.tgfoid AND other.tgrelid <> present.relation
                    AND other.tgrelid NOT IN (SELECT {schema}.leaves(present.relation))
                    AND other.tgparentid = 0))
$$;
REVOKE ALL ON FUNCTION {schema}.called_by_trigger({schema}.change, text, text) FROM PUBLIC;

-- A note is never worth a failed write: of whom may not write, nothing is noted, and nobody is told. Whether a function with the rights of
-- who may write was on the way cannot be told: that there is one shuts a gate, and opens none.
CREATE OR REPLACE FUNCTION {sync}.note_use(change text, side text, role name) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    noted {schema}.change;
    stack text;
BEGIN
    GET DIAGNOSTICS stack = PG_CONTEXT;
    SELECT * INTO noted FROM {schema}.change c WHERE c.name = note_use.change;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    IF note_use.side IN ('old', 'new') AND NOT {schema}.noted_lately(noted.id, note_use.side)
        AND EXISTS (
            SELECT FROM {schema}.kept_up(noted.id) k
            WHERE {schema}.may_write(k.relation, by_functions => note_use.side = 'old')
                OR {schema}.called_by_trigger(noted, note_use.side, stack) AND {schema}.may_write(k.relation))
    THEN
        INSERT INTO {schema}.old_use (change_id, side, application_name, role, address)
        VALUES (noted.id, note_use.side, current_setting('application_name'), {schema}.noted_role(note_use.role), inet_client_addr());
    END IF;
END
$$;

-- Whether a key names a row by the columns that name one there (`names`), with values that are of their types. Only types of the server and
-- of extensions are tried: a domain's CHECK would run with our rights.
CREATE FUNCTION {schema}.is_key(relation oid, names text[], key jsonb) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    part record;
BEGIN
    IF jsonb_typeof(key) IS DISTINCT FROM 'object'
        OR names IS NOT NULL AND (SELECT jsonb_agg(k ORDER BY k) FROM jsonb_object_keys(key) k)
            IS DISTINCT FROM (SELECT jsonb_agg(n ORDER BY n) FROM unnest(names) n)
    THEN
        RETURN false;
    END IF;
    FOR part IN
        SELECT a.attname, format_type(y.oid, NULL) AS type FROM pg_attribute a
        JOIN pg_type t ON t.oid = a.atttypid
        JOIN pg_type y ON y.oid = CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.oid END
        WHERE a.attrelid = is_key.relation AND a.attname = ANY (names) AND y.typtype IN ('b', 'e') AND y.typelem = 0
    LOOP
        EXECUTE format('SELECT %L::%s', key->>part.attname, part.type);
    END LOOP;
    RETURN true;
EXCEPTION WHEN data_exception THEN
    RETURN false;
END
$$;
REVOKE ALL ON FUNCTION {schema}.is_key(oid, text[], jsonb) FROM PUBLIC;

-- Only what a trigger notes: what a rollback kept, and gives back, the sweep writes itself. A key that is none stays a string, which
-- names no row.
CREATE OR REPLACE FUNCTION {sync}.note_conflict(
    change text, kind text, key text, old_value text, new_value text, role name, sentence text
) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    noted record;
    parsed jsonb;
BEGIN
    SELECT c.id INTO noted FROM {schema}.change c WHERE c.name = note_conflict.change;
    IF NOT FOUND OR NOT EXISTS (SELECT FROM {schema}.kept_up(noted.id) k WHERE {schema}.may_write(k.relation)) THEN
        RETURN;
    END IF;
    -- What names no row is noted once a minute, as above.
    IF current_setting('session_replication_role') = 'replica' AND coalesce(key, old_value, new_value) IS NULL AND EXISTS (
        SELECT FROM {schema}.conflict f
        WHERE f.change_id = noted.id AND f.kind = note_conflict.kind AND f.at > clock_timestamp() - INTERVAL '1 minute'
            AND f.sentence = note_conflict.sentence AND f.application_name = current_setting('application_name')
    ) THEN
        RETURN;
    END IF;
    IF kind NOT IN ('both written', 'does not fit', 'not held by the hidden side', 'overwritten') THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = format('Only ec itself notes %L.', kind);
    END IF;
    BEGIN
        parsed := key::jsonb;
    EXCEPTION WHEN data_exception THEN
        parsed := to_jsonb(key);
    END;
    IF NOT EXISTS (SELECT FROM {schema}.kept_up(noted.id) k WHERE {schema}.is_key(k.relation, k.key, parsed)) THEN
        parsed := to_jsonb(key);
    END IF;
    INSERT INTO {schema}.conflict (change_id, kind, key, old_value, new_value, application_name, role, sentence)
    VALUES (
        noted.id, note_conflict.kind, parsed, note_conflict.old_value, note_conflict.new_value,
        current_setting('application_name'), {schema}.noted_role(note_conflict.role), note_conflict.sentence
    );
END
$$;

-- Keeps what a write leaves on the new side of a change that is being rolled back: the sweep may have been there already. Its arguments
-- are the change, `seen` where only what new code wrote counts, the old and the new column, and the columns that name a row.
CREATE OR REPLACE FUNCTION {sync}.keep_new() RETURNS trigger
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
    WHERE c.name = TG_ARGV[0] AND TG_RELID IN (SELECT {schema}.leaves(k.relation) FROM {schema}.kept_up(c.id) k)
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

-- The triggers that keep what is written meanwhile, as they stand on each leaf of the tables of a change.
CREATE FUNCTION {schema}.keeping(change_id bigint, triggers jsonb) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(jsonb_object_agg(leaf::bigint::text, (
        SELECT coalesce(jsonb_agg(jsonb_build_array(t.tgname, t.tgenabled, t.oid::bigint, t.xmin::text) ORDER BY t.tgname), '[]')
        FROM pg_trigger t WHERE t.tgrelid = leaf AND triggers ? t.tgname::text
    )), '{}')
    FROM {schema}.change c
    JOIN {schema}.site s ON (s.change_id, s.attempt) = (c.id, c.attempt) AND (s.number = 0 OR s.pairs > 0)
    CROSS JOIN {schema}.leaves(s.relation) leaf
    WHERE c.id = keeping.change_id
$$;

-- How far a rollback is with keeping: the last round (0 without any), whether the triggers stood all the time since it was laid, and
-- whether all its rows were looked at.
CREATE OR REPLACE FUNCTION {schema}.kept(change_id bigint, OUT round integer, OUT stood boolean, OUT swept boolean)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(laid.round, 0),
        laid.round IS NOT NULL AND NOT EXISTS (
            SELECT FROM jsonb_each({schema}.keeping(c.id, laid.triggers)) leaf
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

-- Whether the chunks of a comparison cover all that was laid for it, of what is part of the table still.
CREATE OR REPLACE FUNCTION {schema}.compared(change_id bigint, attempt integer, round integer) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH laid AS (
        SELECT l.blocks, l.leaves FROM {schema}.laid l
        WHERE (l.change_id, l.attempt, l.purpose, l.round) = (compared.change_id, compared.attempt, 'compare', compared.round)
            AND l.blocks IS NOT NULL
    ), part AS (
        SELECT leaf.key::oid AS relation, leaf.value::bigint AS blocks
        FROM laid, jsonb_each_text(laid.leaves) leaf
        WHERE leaf.key::oid IN (
            SELECT {schema}.leaves(s.relation) FROM {schema}.site s
            WHERE (s.change_id, s.attempt) = (compared.change_id, compared.attempt)
        )
        UNION ALL
        -- Laid by an earlier program, which kept the sum alone.
        SELECT NULL, laid.blocks FROM laid WHERE laid.leaves IS NULL
    )
    SELECT EXISTS (SELECT FROM laid) AND NOT EXISTS (
        -- Of another table with a pair nothing is proven where it was not laid.
        SELECT FROM {schema}.site s
        WHERE (s.change_id, s.attempt) = (compared.change_id, compared.attempt) AND s.number > 0 AND s.pairs > 0 AND NOT EXISTS (
            SELECT FROM laid, jsonb_object_keys(laid.leaves) leaf WHERE leaf::oid IN (SELECT {schema}.leaves(s.relation))
        )
    ) AND NOT EXISTS (
        SELECT FROM part WHERE NOT (
            SELECT coalesce(sum(k.next_block - k.first_block), 0)::bigint >= part.blocks AND coalesce(bool_and(k.status = 'done'), true)
            FROM {schema}.chunk k
            WHERE (k.change_id, k.attempt, k.purpose, k.round) = (compared.change_id, compared.attempt, 'compare', compared.round)
                AND (part.relation IS NULL OR k.relation = part.relation)
        )
    )
$$;

-- Whether the tables that a change keeps up are there with the columns of their pairs, and its triggers on each leaf, firing always. For readers of
-- the view, who have no right on the functions of the ledger.
CREATE FUNCTION {schema}.stands(change_id bigint) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT bool_and(
        EXISTS (SELECT FROM pg_class r WHERE r.oid = s.relation) AND NOT EXISTS (
            SELECT FROM {schema}.upkeep u
            WHERE (u.change_id, u.attempt, u.site) = (s.change_id, s.attempt, s.number) AND (EXISTS (
                SELECT FROM unnest(u.old_columns || u.new_columns) needed(name) WHERE NOT EXISTS (
                    SELECT FROM pg_attribute a WHERE a.attrelid = s.relation AND a.attname = needed.name AND NOT a.attisdropped)
            ) OR u.trigger <> '' AND EXISTS (
                SELECT FROM {schema}.leaves(s.relation) leaf WHERE NOT EXISTS (
                    SELECT FROM pg_trigger t WHERE t.tgrelid = leaf AND t.tgname = u.trigger AND t.tgenabled = 'A')
            ))
        )
    )
    FROM {schema}.change c JOIN {schema}.site s ON (s.change_id, s.attempt) = (c.id, c.attempt)
    WHERE c.id = stands.change_id AND (s.number = 0 OR EXISTS (
        SELECT FROM {schema}.upkeep u WHERE (u.change_id, u.attempt, u.site) = (s.change_id, s.attempt, s.number)))
$$;
REVOKE ALL ON FUNCTION {schema}.stands(bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION {schema}.stands(bigint) TO PUBLIC;

-- As in 0012, with the other tables of a change.
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
    lost.objects AS new_side_lost,
    -- The other tables that it works on, in the order of the plan.
    coalesce(places.relations[2:], '{}') AS others
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
LEFT JOIN {schema}.control w ON w.change_id = c.id
-- A pause that was given an end is over then, without anybody who resumes it.
CROSS JOIN LATERAL (SELECT w.paused AND coalesce(w.paused_until > pg_catalog.clock_timestamp(), true) AS paused) wished;

DROP FUNCTION {schema}.stands(oid, jsonb);
DROP FUNCTION {schema}.keeping(oid, jsonb);
DROP FUNCTION {schema}.is_key(oid, jsonb, jsonb);
DROP FUNCTION {schema}.table_of({schema}.change);
