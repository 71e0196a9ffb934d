-- What sessions of the application call, through the sync trigger. They have no right on the ledger, so these run as its owner.
-- EXECUTE is granted explicitly: hardened default privileges would otherwise break every write of the application. Plain INSERTs, no
-- upserts: a row that many sessions update is a hot lock, and made two applications deadlock. The change is named, not numbered: the
-- trigger is written by a plan, which is older than the change's row.

-- Somebody wrote through `side` ('old' or 'new'). `role` is the invoker's current_user, which in here is the owner.
CREATE FUNCTION {sync}.note_use(change text, side text, role name) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO {schema}.old_use (change_id, side, application_name, role, address)
    SELECT c.id, note_use.side, current_setting('application_name'), note_use.role::text, inet_client_addr()
    FROM {schema}.change c WHERE c.name = note_use.change
$$;
REVOKE ALL ON FUNCTION {sync}.note_use(text, text, name) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION {sync}.note_use(text, text, name) TO PUBLIC;

-- A value lost against another, or a side cannot hold it. `key` is JSON text; what is none is kept as a string.
CREATE FUNCTION {sync}.note_conflict(
    change text, kind text, key text, old_value text, new_value text, role name, sentence text
) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    parsed jsonb;
BEGIN
    BEGIN
        parsed := key::jsonb;
    EXCEPTION WHEN data_exception THEN
        parsed := to_jsonb(key);
    END;
    INSERT INTO {schema}.conflict (change_id, kind, key, old_value, new_value, application_name, role, sentence)
    SELECT c.id, note_conflict.kind, parsed, note_conflict.old_value, note_conflict.new_value,
        current_setting('application_name'), note_conflict.role::text, note_conflict.sentence
    FROM {schema}.change c WHERE c.name = note_conflict.change;
END
$$;
REVOKE ALL ON FUNCTION {sync}.note_conflict(text, text, text, text, text, name, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION {sync}.note_conflict(text, text, text, text, text, name, text) TO PUBLIC;
