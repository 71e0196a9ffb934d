-- What a program compares its models with when it starts, for the application's role, which has no right on the ledger: names of changes,
-- tables and columns, and how far each change is. The catalog shows such names to every role anyway.

-- The part of the plan that is told. Plans are long, and a program asks whenever it starts for all changes that there ever were.
ALTER TABLE {schema}.change ADD COLUMN told jsonb GENERATED ALWAYS AS (plan - ARRAY[
    'change', 'pair', 'sections', 'catalog', 'upkeep', 'undo', 'costs', 'hazards', 'words', 'remade', 'claims', 'uses', 'others',
    'forecast', 'given', 'follows', 'hidden_views', 'goes_along', 'trigger', 'first_trigger', 'functions', 'hidden_functions'
]) STORED;

CREATE FUNCTION {sync}.changes() RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object(
        'id', c.id, 'name', c.name, 'kind', c.kind, 'state', c.state, 'claimed', c.columns, 'plan', c.told,
        'started', EXISTS (
            SELECT FROM {schema}.phase p
            WHERE (p.change_id, p.attempt, p.phase) = (c.id, c.attempt, 'expand') AND p.status <> 'pending'
        ),
        -- What has nothing to compare is gone through to the last phase before contract.
        'ready', CASE WHEN c.state = 'active' THEN (
            SELECT v.ready AND (v.verify = 'done' OR c.plan->>'pair' IS NOT NULL OR c.plan->'sections'->'verify'->0 IS NOT NULL)
            FROM {schema}.status_v1 v WHERE v.id = c.id
        ) ELSE false END,
        'contracts', CASE WHEN c.state = 'active' THEN
            c.plan->>'pair' IS NOT NULL OR c.plan->'sections'->'contract'->0 IS NOT NULL
        ELSE false END
    ) ORDER BY c.id), '[]')
    FROM {schema}.change c
$$;
REVOKE ALL ON FUNCTION {sync}.changes() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION {sync}.changes() TO PUBLIC;
