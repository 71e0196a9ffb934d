-- As in 0016, with a column that was filled with what no other column tells.

-- Keeps what a write leaves on the new side of a change that is being rolled back: the sweep may have been there already. Its arguments
-- are the change, `seen` where only what new code wrote counts, the old and the new column, and the columns that name a row. The old one is
-- empty where the new one was made of no column.
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
        EXECUTE format('SELECT %1$s, %4$s.as_text($1.%2$I), %3$s',
            CASE TG_ARGV[2] WHEN '' THEN 'NULL' ELSE format('%s.as_text($1.%I)', $name${sync}$name$, TG_ARGV[2]) END, TG_ARGV[3],
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
