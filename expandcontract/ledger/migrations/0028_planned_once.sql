-- What a session asks again and again costs its planning once. A function in SQL is planned by each statement that calls it (before 18
-- each time, since then five times), and by no connection for less than several milliseconds: those that a verb calls most are functions
-- in PL/pgSQL now, whose plans stay with the session. They say what they said.

-- As in 0002.
CREATE OR REPLACE FUNCTION {schema}.leaves(root oid) RETURNS SETOF oid
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan ROWS 5 AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH RECURSIVE tree(relation) AS (
        SELECT root
        UNION  -- a table may inherit another along two ways
        SELECT i.inhrelid FROM pg_inherits i JOIN tree t ON i.inhparent = t.relation
    )
    SELECT c.oid FROM tree t JOIN pg_class c ON c.oid = t.relation WHERE c.relkind IN ('r', 'f');
END
$$;

-- As in 0006.
CREATE OR REPLACE FUNCTION {schema}.functions(named jsonb) RETURNS SETOF oid
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan ROWS 5 AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH RECURSIVE used(class, object) AS (
        SELECT 'pg_proc'::regclass::oid, p.oid
        FROM jsonb_array_elements(named) f
        JOIN pg_namespace n ON n.nspname = f->>'schema'
        JOIN pg_proc p ON p.pronamespace = n.oid AND p.proname = f->>'name'
        UNION
        SELECT beneath.class, beneath.object
        FROM used u CROSS JOIN LATERAL (
            SELECT d.refclassid, d.refobjid FROM pg_depend d
            WHERE d.classid = u.class AND d.objid = u.object
                AND d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass)
            UNION ALL
            SELECT u.class, called.oid
            FROM pg_proc body
            JOIN pg_language l ON l.oid = body.prolang AND l.lanname IN ('sql', 'plpgsql')
            -- Those of the program itself call nothing that the plan does not name.
            JOIN pg_namespace home ON home.oid = body.pronamespace AND home.nspname <> $name${sync}$name$
            CROSS JOIN LATERAL regexp_matches(body.prosrc, '(?:"([^"]+)"|([[:alpha:]_][[:alnum:]_$]*))[[:space:]]*[(]', 'g') word
            JOIN pg_proc called ON called.proname = coalesce(word[1], lower(word[2]))
            JOIN pg_namespace n ON n.oid = called.pronamespace AND n.nspname NOT IN ('pg_catalog', 'information_schema')
            WHERE u.class = 'pg_proc'::regclass AND body.oid = u.object AND body.prosqlbody IS NULL
        ) beneath(class, object)
    )
    SELECT object FROM used WHERE class = 'pg_proc'::regclass;
END
$$;

-- As in 0016.
CREATE OR REPLACE FUNCTION {schema}.bound_state(change_id bigint) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
    RETURN (
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
    );
END
$$;

-- As in 0016.
CREATE OR REPLACE FUNCTION {schema}.sides(change_id bigint)
RETURNS TABLE (relation oid, column_name text, is_new boolean, called text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan ROWS 2 AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
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
    WHERE c.id = sides.change_id;
END
$$;

-- As in 0016.
CREATE OR REPLACE FUNCTION {schema}.new_side(change_id bigint) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
    RETURN (
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
    );
END
$$;

-- As in 0016.
CREATE OR REPLACE FUNCTION {schema}.defaults(change_id bigint) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
    RETURN (
        SELECT coalesce(jsonb_object_agg(
            CASE WHEN d.relation = c.relation THEN '' ELSE d.relation::regclass::text || '.' END || a.attname,
            pg_get_expr(x.adbin, x.adrelid)), '{}')
        FROM {schema}.change c
        CROSS JOIN LATERAL {schema}.sides(c.id) d
        JOIN pg_attribute a ON a.attrelid = d.relation AND NOT a.attisdropped AND a.attname = d.column_name
        JOIN pg_attrdef x ON x.adrelid = a.attrelid AND x.adnum = a.attnum
        WHERE c.id = change_id AND c.state = 'active'
    );
END
$$;

-- As in 0016.
CREATE OR REPLACE FUNCTION {schema}.sync_state(change_id bigint) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
    RETURN (
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
    );
END
$$;

-- As in 0027. A program asks whenever it starts, on a connection that has nothing planned yet: the view is asked about what is active, and
-- where nothing is, not even planned. What takes JSON apart looks like so much that jit would compile for longer than all else takes.
CREATE OR REPLACE FUNCTION {sync}.changes() RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off AS $$
DECLARE
    readied bigint[] := '{}';
BEGIN
    IF EXISTS (SELECT FROM {schema}.change WHERE state = 'active') THEN
        -- What has nothing to compare is gone through to the last phase before contract.
        readied := ARRAY(
            SELECT v.id FROM {schema}.status_v1 v
            WHERE v.state = 'active' AND v.ready
                AND (v.verify = 'done' OR v.plan->>'pair' IS NOT NULL OR v.plan->'sections'->'verify'->0 IS NOT NULL)
        );
    END IF;
    RETURN (
        SELECT coalesce(jsonb_agg(jsonb_build_object(
            'id', c.id, 'name', c.name, 'kind', c.kind, 'state', c.state, 'claimed', c.columns, 'plan', c.told,
            'started', EXISTS (
                SELECT FROM {schema}.phase p
                WHERE (p.change_id, p.attempt, p.phase) = (c.id, c.attempt, 'expand') AND p.status <> 'pending'
            ),
            'ready', c.id = ANY (readied),
            'contracts', CASE WHEN c.state = 'active' THEN
                c.plan->>'pair' IS NOT NULL OR c.plan->'sections'->'contract'->0 IS NOT NULL
            ELSE false END
        ) ORDER BY c.id), '[]')
        FROM {schema}.change c
    );
END
$$;
