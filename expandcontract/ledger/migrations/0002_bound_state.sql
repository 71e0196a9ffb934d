-- What a proof is bound to. One definition, used by the guards, by verify before and after each slice, and by status.

-- Which database this is. A dump, a template copy or a restored backup under another name answers differently.
CREATE FUNCTION {schema}.identity() RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    system bigint;
BEGIN
    IF has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE') THEN
        SELECT system_identifier INTO system FROM pg_control_system();
    END IF;
    RETURN jsonb_build_object(
        'system', system::text,
        'database', (SELECT oid::bigint FROM pg_database WHERE datname = current_database())
    );
END
$$;
REVOKE ALL ON FUNCTION {schema}.identity() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION {schema}.identity() TO PUBLIC;

-- Whether two identities name different databases. What could not be read says nothing.
CREATE FUNCTION {schema}.elsewhere(one jsonb, other jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT one->>'database' IS DISTINCT FROM other->>'database'
        OR coalesce(one->>'system' <> other->>'system', false)
$$;
REVOKE ALL ON FUNCTION {schema}.elsewhere(jsonb, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION {schema}.elsewhere(jsonb, jsonb) TO PUBLIC;

-- The relations with storage at and below a table: itself, partitions, inheritance children.
CREATE FUNCTION {schema}.leaves(root oid) RETURNS SETOF oid
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH RECURSIVE tree(relation) AS (
        SELECT root
        UNION  -- a table may inherit another along two ways
        SELECT i.inhrelid FROM pg_inherits i JOIN tree t ON i.inhparent = t.relation
    )
    SELECT c.oid FROM tree t JOIN pg_class c ON c.oid = t.relation WHERE c.relkind IN ('r', 'f')
$$;

-- The functions named by a plan, and those that they depend on. Only standard bodies have dependencies, and nothing depends
-- on a built-in function.
CREATE FUNCTION {schema}.functions(named jsonb) RETURNS SETOF oid
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH RECURSIVE used(class, object) AS (
        SELECT 'pg_proc'::regclass::oid, p.oid
        FROM jsonb_array_elements(named) f
        JOIN pg_namespace n ON n.nspname = f->>'schema'
        JOIN pg_proc p ON p.pronamespace = n.oid AND p.proname = f->>'name'
        UNION
        SELECT d.refclassid, d.refobjid
        FROM used u JOIN pg_depend d ON d.classid = u.class AND d.objid = u.object
        WHERE d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass)
    )
    SELECT object FROM used WHERE class = 'pg_proc'::regclass
$$;

-- xmin, as stored, survives freezing. Any ALTER writes a new row version with another: a trigger that was disabled and enabled
-- again is told from one that never was.
CREATE FUNCTION {schema}.bound_state(change_id bigint) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
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
                    WHERE a.attrelid = leaf AND a.attname = ANY (c.columns) AND a.attnum > 0 AND NOT a.attisdropped
                ), '[]')
            ) ORDER BY leaf)
            FROM {schema}.leaves(c.relation) leaf
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
            FROM {schema}.functions(c.plan->'functions') f JOIN pg_proc p ON p.oid = f
        ), '[]')
    )
    FROM {schema}.change c WHERE c.id = change_id
$$;

-- The elements of two lists, side by side by their `key`.
CREATE FUNCTION {schema}.side_by_side(before jsonb, after jsonb, key text) RETURNS TABLE (was jsonb, is_now jsonb)
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT b.value, a.value
    FROM jsonb_array_elements(before) b FULL JOIN jsonb_array_elements(after) a ON b.value->key = a.value->key
    ORDER BY coalesce(b.value->>'name', a.value->>'name') COLLATE "C"
$$;

-- What differs, as sentences. Empty: what held then holds now.
CREATE FUNCTION {schema}.bound_differences(before jsonb, after jsonb) RETURNS text[]
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(array_agg(sentence ORDER BY place), '{}') FROM (
        SELECT 1, 'this database is a copy of the one in which the proof was made'
        WHERE {schema}.elsewhere(before, after)
        UNION ALL
        SELECT 2, CASE
            WHEN leaf.is_now IS NULL THEN format('%s is no longer part of the table', leaf.was->>'name')
            WHEN leaf.was IS NULL THEN format('%s was attached', leaf.is_now->>'name')
            ELSE format('%s was rewritten (VACUUM FULL, CLUSTER, TRUNCATE or ALTER TABLE)', leaf.is_now->>'name')
        END
        FROM {schema}.side_by_side(before->'leaves', after->'leaves', 'oid') leaf
        WHERE leaf.was->'filenode' IS DISTINCT FROM leaf.is_now->'filenode' OR leaf.was IS NULL OR leaf.is_now IS NULL
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

-- For readers of the view status_v1 alone, who have no right on the tables. Returns sentences, nothing of the tables' content.
CREATE FUNCTION {schema}.differences_now(change_id bigint, bound jsonb) RETURNS text[]
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT {schema}.bound_differences(bound, {schema}.bound_state(change_id))
$$;
REVOKE ALL ON FUNCTION {schema}.differences_now(bigint, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION {schema}.differences_now(bigint, jsonb) TO PUBLIC;

-- What keeps a change in sync as it stands now: its functions, and how its own triggers are defined. A partition's trigger is a
-- copy of its parent's.
CREATE FUNCTION {schema}.sync_state(change_id bigint) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object(
        'functions', {schema}.bound_state(c.id)->'functions',
        'triggers', coalesce((
            -- Not pg_get_triggerdef, which fails when somebody drops the function at this moment.
            SELECT jsonb_object_agg(t.tgrelid::regclass::text, md5(ROW(t.tgfoid, t.tgtype, t.tgattr, t.tgqual, t.tgargs)::text))
            FROM pg_trigger t
            WHERE t.tgname = c.plan->>'trigger' AND t.tgparentid = 0
                AND (t.tgrelid = c.relation OR t.tgrelid IN (SELECT {schema}.leaves(c.relation)))
        ), '{}')
    )
    FROM {schema}.change c WHERE c.id = change_id
$$;

-- What of it is not as the program made it last, as sentences: a proof made now would be bound to somebody else's trigger. What is
-- missing altogether is told by who looks at the catalog.
CREATE FUNCTION {schema}.sync_altered(change_id bigint, attempt integer) RETURNS text[]
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH made AS (
        SELECT e.data AS was, {schema}.sync_state(sync_altered.change_id) AS is_now FROM {schema}.event e
        WHERE e.change_id = sync_altered.change_id AND e.kind = 'sync made'
            AND (e.data->>'attempt')::integer = sync_altered.attempt
        ORDER BY e.id DESC LIMIT 1
    )
    SELECT coalesce(array_agg(sentence ORDER BY sentence), '{}') FROM (
        SELECT format('Function %s is not the one that was made.', f.was->>'name')
        FROM made, {schema}.side_by_side(made.was->'functions', made.is_now->'functions', 'name') f
        WHERE f.was->'hash' <> f.is_now->'hash'
        UNION ALL
        SELECT format('The trigger on %s is not the one that was made.', t.key)
        FROM made, jsonb_each(made.was->'triggers') t
        WHERE t.value <> made.is_now->'triggers'->t.key
    ) altered(sentence)
$$;
REVOKE ALL ON FUNCTION {schema}.sync_altered(bigint, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION {schema}.sync_altered(bigint, integer) TO PUBLIC;
