-- What a program compares its models with when it starts, for the application's role, which has no right on the ledger: names of changes,
-- tables and columns, and how far each change is. The catalog shows such names to every role anyway.
CREATE FUNCTION {sync}.changes() RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object(
        'id', c.id, 'name', c.name, 'kind', c.kind, 'state', c.state, 'claimed', c.columns,
        'started', c.expand <> 'pending',
        -- What has nothing to compare is gone through to the last phase before contract.
        'ready', c.ready AND (c.verify = 'done' OR c.plan->>'pair' IS NOT NULL OR c.plan->'sections'->'verify'->0 IS NOT NULL),
        'contracts', c.plan->>'pair' IS NOT NULL OR c.plan->'sections'->'contract'->0 IS NOT NULL,
        'plan', (
            SELECT jsonb_object_agg(key, value) FROM jsonb_each(c.plan) WHERE key IN (
                'table', 'aside', 'final_table', 'makes_table', 'old_columns', 'new_columns', 'swap', 'hidden_column', 'enforces'
            )
        )
    ) ORDER BY c.id), '[]')
    FROM {schema}.status_v1 c
$$;
REVOKE ALL ON FUNCTION {sync}.changes() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION {sync}.changes() TO PUBLIC;
