-- What a change keeps up is a list in its plan (format 3): the database writes it down as it stands there. What there is of changes that
-- were planned before was told by their plans in another way, and stays; only in which stages a trigger stands, and whether its notes tell
-- old code from new, was told by nothing.

ALTER TABLE {schema}.upkeep
    -- In which stages its trigger stands; none where there is no trigger.
    ADD COLUMN stages text[] NOT NULL DEFAULT '{}',
    -- Whether what its trigger notes tells old code from new.
    ADD COLUMN notes_use boolean NOT NULL DEFAULT false;

ALTER TABLE {schema}.upkeep DISABLE TRIGGER guard;
UPDATE {schema}.upkeep u
SET stages = ARRAY['before ready', 'ready'] || CASE
        -- Where nothing leads back, nothing keeps the hidden side current.
        WHEN u.hidden_functions <> '[]' AND NOT coalesce((said.pair->>'one_way')::boolean, false) THEN ARRAY['hidden']
        ELSE '{}' END,
    notes_use = NOT coalesce((c.plan->>'swap')::boolean, false)
FROM {schema}.change c
CROSS JOIN LATERAL {schema}.planned_sites(c.plan) planned
CROSS JOIN LATERAL (SELECT planned.said->'pair') said(pair)
WHERE c.id = u.change_id AND planned.number = u.site AND u.trigger <> '';
ALTER TABLE {schema}.upkeep
    ENABLE ALWAYS TRIGGER guard,
    ALTER COLUMN stages DROP DEFAULT,
    ALTER COLUMN notes_use DROP DEFAULT;

-- As in 0016, with what is kept up from the plan's own list. Functions that no trigger calls keep nothing up.
CREATE OR REPLACE FUNCTION {schema}.put_in_place(owner {schema}.change) RETURNS void
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
    INSERT INTO {schema}.upkeep (
        change_id, attempt, site, number, old_columns, new_columns, trigger, first_trigger, functions, hidden_functions, stages, notes_use
    )
    SELECT owner.id, owner.attempt, (kept.said->>'site')::integer,
        row_number() OVER (PARTITION BY kept.said->'site' ORDER BY kept.place) - 1,
        {schema}.texts(kept.said->'old_columns'), {schema}.texts(kept.said->'new_columns'),
        kept.said->>'trigger', kept.said->>'first_trigger', kept.said->'functions', kept.said->'hidden_functions',
        {schema}.texts(kept.said->'stages'), (kept.said->>'notes_use')::boolean
    FROM jsonb_array_elements(coalesce(owner.plan->'upkeep', '[]')) WITH ORDINALITY kept(said, place)
    WHERE kept.said->>'trigger' <> '';
END
$$;
