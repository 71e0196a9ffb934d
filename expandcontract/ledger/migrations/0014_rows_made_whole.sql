-- What the sync trigger needs where others have a hand in a row: two triggers of one change, and defaults that came later.

-- Whether a value is the present default of its column, one that came after the trigger was made: `known` is the default that the
-- trigger's function compares with by itself. NULL: the default is more than a constant, and is not evaluated here; whoever writes
-- may not be allowed to, or gave the column a value. Called as whoever writes, who may read the catalog.
CREATE FUNCTION {sync}.is_default(relation oid, "column" text, given anyelement, known text) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    expression text;
    stored text;
    type text;
    same boolean;
BEGIN
    SELECT pg_get_expr(d.adbin, d.adrelid), d.adbin::text, format_type(a.atttypid, a.atttypmod) INTO expression, stored, type
    FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
    WHERE d.adrelid = is_default.relation AND a.attname = is_default."column"::name;
    IF expression IS NULL OR expression = known THEN
        RETURN false;
    END IF;
    IF stored ~ '\{(SQLVALUEFUNCTION|NEXTVALUEEXPR)' OR EXISTS (
        SELECT FROM regexp_matches(stored, ':(?:funcid|opfuncid) (\d+)', 'g') AS named(id)
        LEFT JOIN pg_proc p ON p.oid = named.id[1]::oid
        WHERE p.provolatile IS DISTINCT FROM 'i' OR p.oid >= 16384
    ) THEN
        RETURN NULL;
    END IF;
    EXECUTE format('SELECT pg_catalog.record_image_eq(ROW($1), ROW((%s)::%s))', expression, type) INTO same USING given;
    RETURN same;
EXCEPTION WHEN OTHERS THEN
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION {sync}.is_default(oid, text, anyelement, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION {sync}.is_default(oid, text, anyelement, text) TO PUBLIC;

-- The defaults of the two sides under their present names, by name; what has none has none here.
CREATE FUNCTION {schema}.defaults(change_id bigint) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(jsonb_object_agg(a.attname, pg_get_expr(d.adbin, d.adrelid)), '{}')
    FROM {schema}.change c
    JOIN pg_attribute a ON a.attrelid = c.relation AND NOT a.attisdropped
        AND a.attname IN (c.plan->'pair'->'old'->>'column', c.plan->'pair'->'new'->>'column')
    JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE c.id = change_id AND c.state = 'active'
$$;

-- As before, with both triggers of a change, and with the defaults that its function compares with.
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
            FROM {schema}.functions(CASE c.state WHEN 'hidden' THEN c.plan->'hidden_functions' ELSE c.plan->'functions' END) f
            JOIN pg_proc p ON p.oid = f
        ), '[]'),
        'triggers', coalesce((
            -- Not pg_get_triggerdef, which fails when somebody drops the function at this moment.
            SELECT jsonb_object_agg(
                CASE WHEN t.tgname = c.plan->>'trigger' THEN '' ELSE t.tgname || ' on ' END || t.tgrelid::regclass::text,
                md5(ROW(t.tgfoid, t.tgtype, t.tgattr, t.tgqual, t.tgargs)::text))
            FROM pg_trigger t
            WHERE t.tgname IN (c.plan->>'trigger', c.plan->>'first_trigger') AND t.tgparentid = 0
                AND (t.tgrelid = c.relation OR t.tgrelid IN (SELECT {schema}.leaves(c.relation)))
        ), '{}'),
        'new_side', {schema}.new_side(c.id),
        'defaults', {schema}.defaults(c.id)
    )
    FROM {schema}.change c WHERE c.id = change_id
$$;

CREATE OR REPLACE FUNCTION {schema}.sync_altered(change_id bigint, attempt integer) RETURNS text[]
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH picture AS (
        SELECT p.sync AS was, {schema}.sync_state(sync_altered.change_id) AS is_now FROM {schema}.picture p
        WHERE p.change_id = sync_altered.change_id AND p.attempt = sync_altered.attempt
        ORDER BY p.id DESC LIMIT 1
    ), made AS (
        SELECT was, is_now FROM picture
        WHERE coalesce(was->>'state', 'active') = is_now->>'state'
            -- Restored from a dump, all that is hidden has other OIDs, and nothing there makes it anew.
            AND (is_now->>'state' <> 'hidden'
                OR was->'relation' = is_now->'relation' AND NOT {schema}.elsewhere(was->'place', is_now->'place'))
    )
    SELECT coalesce(array_agg(sentence ORDER BY sentence), '{}') FROM (
        SELECT format('Function %s is not the one that was made.', f.was->>'name')
        FROM made, {schema}.side_by_side(made.was->'functions', made.is_now->'functions', 'name') f
        WHERE f.was->'hash' <> f.is_now->'hash'
        UNION ALL
        SELECT format('The trigger on %s is not the one that was made.', t.key)
        FROM made, jsonb_each(made.was->'triggers') t
        WHERE t.value <> made.is_now->'triggers'->t.key
        UNION ALL
        SELECT format(
            'Column %I has another default (%s) than when its function was made: what it gives may be taken for a value that somebody gave.',
            name, coalesce(made.is_now->'defaults'->>name, 'none'))
        FROM made, LATERAL (
            SELECT jsonb_object_keys(made.was->'defaults') UNION SELECT jsonb_object_keys(made.is_now->'defaults')
        ) named(name)
        WHERE made.was ? 'defaults'
            AND made.was->'defaults'->>name IS DISTINCT FROM made.is_now->'defaults'->>name
    ) altered(sentence)
$$;
REVOKE ALL ON FUNCTION {schema}.sync_altered(bigint, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION {schema}.sync_altered(bigint, integer) TO PUBLIC;

-- Who looks at a change calls these again and again in one session. To plan what they call takes the server ten times as long as to
-- run it, and by itself it would do so for each of the first five calls. (Since 18; before, it plans them for each query.)
ALTER FUNCTION {schema}.bound_state(bigint) SET plan_cache_mode = force_generic_plan;
ALTER FUNCTION {schema}.differences_now(bigint, jsonb) SET plan_cache_mode = force_generic_plan;
ALTER FUNCTION {schema}.new_side_lost(bigint, integer) SET plan_cache_mode = force_generic_plan;
ALTER FUNCTION {schema}.sync_altered(bigint, integer) SET plan_cache_mode = force_generic_plan;
