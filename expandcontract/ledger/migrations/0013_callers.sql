-- Who may have something noted, and what. Any role may call what stands in {sync}: it gets nothing into the ledger that it could not
-- get there by writing the table.

-- Who did it: the name that the environment claims stands in `who`, and beside it the role that logged in, and from where.
ALTER TABLE {schema}.event ADD COLUMN session_role text, ADD COLUMN address text;
ALTER TABLE {schema}.event ALTER COLUMN session_role SET DEFAULT session_user,
    ALTER COLUMN address SET DEFAULT pg_catalog.host(pg_catalog.inet_client_addr());

-- Whether the role that logged in has a way to write the table of a change: by its own rights or those of the role that it has set;
-- through a foreign key that acts on it, or a chain of them; through views, each of which reaches what its owner may write; or, in a
-- trigger, through functions with their owners' rights, unless `by_functions` is false. Anybody may make a view over anything: that alone
-- is no way.
CREATE FUNCTION {schema}.may_write(relation oid, by_functions boolean DEFAULT true) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH RECURSIVE actor(oid) AS (
        SELECT r.oid FROM pg_roles r
        WHERE r.rolname = session_user OR r.rolname = nullif(current_setting('role'), 'none')
        UNION
        SELECT p.proowner FROM actor a, pg_proc p
        WHERE by_functions AND pg_trigger_depth() > 0 AND p.prosecdef
            AND p.pronamespace NOT IN ($name${schema}$name$::regnamespace, $name${sync}$name$::regnamespace)
            AND (p.prorettype = 'trigger'::regtype OR has_function_privilege(a.oid, p.oid, 'EXECUTE'))
    ), way(oid, by) AS (
        SELECT t.oid, 'INSERT, UPDATE' FROM (SELECT may_write.relation AS oid UNION SELECT {schema}.leaves(may_write.relation)) t
        UNION
        SELECT further.oid, further.by FROM way w CROSS JOIN LATERAL (
            SELECT k.confrelid AS oid, 'DELETE' AS by FROM pg_constraint k
            WHERE k.contype = 'f' AND k.conrelid = w.oid
                AND (k.confdeltype = 'c' OR w.by <> 'DELETE' AND k.confdeltype IN ('n', 'd'))
            UNION ALL
            SELECT k.confrelid, 'UPDATE' FROM pg_constraint k
            WHERE k.contype = 'f' AND k.conrelid = w.oid AND w.by <> 'DELETE' AND k.confupdtype IN ('c', 'n', 'd')
            UNION ALL
            SELECT v.oid, CASE r.ev_type WHEN '4' THEN 'DELETE' ELSE w.by END
            FROM pg_depend d
            JOIN pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid
            JOIN pg_class v ON v.oid = r.ev_class
            WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = w.oid AND v.oid <> w.oid AND v.relkind <> 'm'
                AND EXISTS (
                    SELECT FROM (
                        SELECT v.relowner AS oid UNION ALL SELECT a.oid FROM actor a
                        WHERE EXISTS (SELECT FROM pg_options_to_table(v.reloptions) o WHERE o.option_name = 'security_invoker')
                    ) who
                    WHERE CASE w.by WHEN 'DELETE' THEN has_table_privilege(who.oid, w.oid, w.by)
                        ELSE has_any_column_privilege(who.oid, w.oid, w.by) END)
        ) further
    )
    SELECT EXISTS (SELECT FROM actor a WHERE has_any_column_privilege(a.oid, may_write.relation, 'INSERT, UPDATE'))
        OR EXISTS (
            SELECT FROM way w, actor a WHERE CASE w.by WHEN 'DELETE' THEN has_table_privilege(a.oid, w.oid, w.by)
                ELSE has_any_column_privilege(a.oid, w.oid, w.by) END)
$$;
REVOKE ALL ON FUNCTION {schema}.may_write(oid, boolean) FROM PUBLIC;

-- Whether a role may read or write the table of a change, or a view that does so with its owner's rights. Anybody may send a heartbeat
-- in any application's name: that of a role which has nothing to do with the table says nothing of the application. For readers of
-- fleet_v1, who have no right on the functions of the ledger.
CREATE FUNCTION {schema}.may_use(role text, relation oid) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH RECURSIVE way(oid) AS (
        SELECT t.oid FROM (SELECT may_use.relation AS oid UNION SELECT {schema}.leaves(may_use.relation)) t
        UNION
        SELECT v.oid FROM way w
        JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = w.oid
        JOIN pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid
        JOIN pg_class v ON v.oid = r.ev_class AND v.oid <> w.oid
            AND has_any_column_privilege(v.relowner, w.oid, 'SELECT, INSERT, UPDATE')
    )
    SELECT EXISTS (
        SELECT FROM pg_roles a, way w WHERE a.rolname = may_use.role AND has_any_column_privilege(a.oid, w.oid, 'SELECT, INSERT, UPDATE'))
$$;
REVOKE ALL ON FUNCTION {schema}.may_use(text, oid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION {schema}.may_use(text, oid) TO PUBLIC;

-- The role that is noted: what a caller says it is, where it may be that, and else with the role that logged in.
CREATE FUNCTION {schema}.noted_role(claimed name) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE
        WHEN EXISTS (
            SELECT FROM pg_roles r
            WHERE r.rolname = claimed AND pg_has_role(session_user, r.oid, 'MEMBER') OR r.rolname = session_user AND r.rolsuper
        ) THEN claimed::text
        ELSE format('%s, session of %s', claimed, session_user)
    END
$$;
REVOKE ALL ON FUNCTION {schema}.noted_role(name) FROM PUBLIC;

-- Whether this session noted the same within the last minute, and since ready. The trigger keeps that in a setting of the session; but
-- an apply worker that writes as the table's owner gives settings back after each row.
DROP INDEX {schema}.old_use_change;
CREATE INDEX old_use_change ON {schema}.old_use (change_id, side, at);
CREATE FUNCTION {schema}.noted_lately(change_id bigint, side text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT current_setting('session_replication_role') = 'replica' AND EXISTS (
        SELECT FROM {schema}.old_use u
        WHERE u.change_id = noted_lately.change_id AND u.side = noted_lately.side
            AND u.at > greatest(clock_timestamp() - INTERVAL '1 minute', (
                SELECT max(p.finished_at) FROM {schema}.phase p WHERE p.change_id = noted_lately.change_id AND p.phase = 'backfill'
            ))
            AND u.application_name = current_setting('application_name')
    )
$$;
REVOKE ALL ON FUNCTION {schema}.noted_lately(bigint, text) FROM PUBLIC;

-- Whether a call of note_use came from the function of the sync trigger, and that stands on the table of the change alone. `stack` is
-- PG_CONTEXT as note_use sees it: its own frame, then the statement that called it and the function in which that stands, both to the
-- letter, as the text of a statement may hold what looks like a frame. Where the server speaks another language it is not told.
CREATE FUNCTION {schema}.called_by_trigger(change {schema}.change, side text, stack text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM pg_trigger t
        WHERE t.tgrelid IN (SELECT {schema}.leaves(change.relation)) AND t.tgname = change.plan->>'trigger'
            AND starts_with(substr(stack, strpos(stack, E'\n') + 1), format(
                E'SQL statement "SELECT %s.note_use(%L, %L, current_user)"\nPL/pgSQL function %s line ',
                $name${sync}$name$, change.name, side, t.tgfoid::regprocedure))
            AND NOT EXISTS (
                SELECT FROM pg_trigger other
                WHERE other.tgfoid = t.tgfoid AND other.tgrelid <> change.relation
                    AND other.tgrelid NOT IN (SELECT {schema}.leaves(change.relation))
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
    noted.relation := {schema}.table_of(noted);
    IF note_use.side IN ('old', 'new') AND NOT {schema}.noted_lately(noted.id, note_use.side)
        AND ({schema}.may_write(noted.relation, by_functions => note_use.side = 'old')
            OR {schema}.called_by_trigger(noted, note_use.side, stack) AND {schema}.may_write(noted.relation))
    THEN
        INSERT INTO {schema}.old_use (change_id, side, application_name, role, address)
        VALUES (noted.id, note_use.side, current_setting('application_name'), {schema}.noted_role(note_use.role), inet_client_addr());
    END IF;
END
$$;

-- Whether a key names a row by the columns of the primary key, with values that are of their types. Only types of the server and
-- of extensions are tried: a domain's CHECK would run with our rights.
CREATE FUNCTION {schema}.is_key(relation oid, plan jsonb, key jsonb) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    names jsonb := plan->'catalog'->'primary_key';
    part record;
BEGIN
    IF jsonb_typeof(key) IS DISTINCT FROM 'object'
        OR names IS NOT NULL AND (SELECT jsonb_agg(k ORDER BY k) FROM jsonb_object_keys(key) k)
            IS DISTINCT FROM (SELECT jsonb_agg(n ORDER BY n) FROM jsonb_array_elements_text(names) n)
    THEN
        RETURN false;
    END IF;
    FOR part IN
        SELECT a.attname, format_type(y.oid, NULL) AS type FROM pg_attribute a
        JOIN pg_type t ON t.oid = a.atttypid
        JOIN pg_type y ON y.oid = CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.oid END
        WHERE a.attrelid = is_key.relation AND names ? a.attname::text AND y.typtype IN ('b', 'e') AND y.typelem = 0
    LOOP
        EXECUTE format('SELECT %L::%s', key->>part.attname, part.type);
    END LOOP;
    RETURN true;
EXCEPTION WHEN data_exception THEN
    RETURN false;
END
$$;
REVOKE ALL ON FUNCTION {schema}.is_key(oid, jsonb, jsonb) FROM PUBLIC;

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
    SELECT c.id, {schema}.table_of(c) AS relation, c.plan INTO noted FROM {schema}.change c WHERE c.name = note_conflict.change;
    IF NOT FOUND OR NOT {schema}.may_write(noted.relation) THEN
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
    IF NOT {schema}.is_key(noted.relation, noted.plan, parsed) THEN
        parsed := to_jsonb(key);
    END IF;
    INSERT INTO {schema}.conflict (change_id, kind, key, old_value, new_value, application_name, role, sentence)
    VALUES (
        noted.id, note_conflict.kind, parsed, note_conflict.old_value, note_conflict.new_value,
        current_setting('application_name'), {schema}.noted_role(note_conflict.role), note_conflict.sentence
    );
END
$$;

-- What no instance can mean is refused; so is more than anybody needs. NaN is greater than any number.
CREATE OR REPLACE FUNCTION {sync}.heartbeat(application text, version text, instance text, every_seconds double precision) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT coalesce(every_seconds > 0 AND every_seconds <= 86400, false) THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('A heartbeat comes every so many seconds, up to a day: not %s.', every_seconds);
    END IF;
    IF greatest(length(application), length(version), length(instance)) > 500 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'No name in a heartbeat is longer than 500 characters.';
    END IF;
    UPDATE {schema}.instance i
    SET version = heartbeat.version, address = inet_client_addr(), every_seconds = heartbeat.every_seconds, last_seen = clock_timestamp()
    WHERE (i.application, i.name, i.role) = (heartbeat.application, heartbeat.instance, session_user::text);
    IF FOUND THEN
        RETURN;
    END IF;
    DELETE FROM {schema}.instance WHERE ctid IN (
        SELECT i.ctid FROM {schema}.instance i WHERE i.last_seen < clock_timestamp() - interval '1 day' FOR UPDATE SKIP LOCKED
    );
    IF (SELECT count(*) FROM {schema}.instance i WHERE i.role = session_user) >= 10000 THEN
        RAISE EXCEPTION USING ERRCODE = 'configuration_limit_exceeded',
            MESSAGE = format('Role %s has 10,000 instances that were heard within a day.', session_user);
    END IF;
    INSERT INTO {schema}.instance (application, name, role, version, address, every_seconds)
    VALUES (heartbeat.application, heartbeat.instance, session_user, heartbeat.version, inet_client_addr(), heartbeat.every_seconds)
    ON CONFLICT DO NOTHING;
END
$$;

-- Any role may take an advisory lock, and keep it. This lock takes a right on the ledger.
CREATE OR REPLACE FUNCTION {schema}.refuse_taken_columns(new {schema}.change) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    other record;
BEGIN
    -- Two starts at the same moment would not see each other's row.
    LOCK TABLE {schema}.state_rule IN SHARE ROW EXCLUSIVE MODE;
    SELECT c.name, (SELECT string_agg(column_name, ', ') FROM unnest(c.columns) column_name WHERE column_name = ANY (new.columns)) AS shared
    INTO other FROM {schema}.change c
    WHERE c.relation = new.relation AND c.columns && new.columns AND c.state IN ('active', 'hidden') AND c.name <> new.name
    LIMIT 1;
    IF FOUND THEN
        PERFORM {schema}.refuse(format('Column %s belongs to change %s, which is not finished.', other.shared, other.name), 'EC305');
    END IF;
END
$$;
