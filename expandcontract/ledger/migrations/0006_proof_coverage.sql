-- A proof ends only when all that was laid for it was compared, more of what it rests on is bound, what keeps the hidden side
-- current is watched as well, and what the new side had when it was ready is remembered.

-- The functions named by a plan, and those that they use: by dependency, which standard bodies have, and by name where a
-- function of the user has its body as text. Two functions of one name are both taken: what is not used spoils a proof at worst. No backslash: what it means is the session's setting.
CREATE OR REPLACE FUNCTION {schema}.functions(named jsonb) RETURNS SETOF oid
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
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
    SELECT object FROM used WHERE class = 'pg_proc'::regclass
$$;

-- Whether the chunks of a comparison cover all that was laid for it. Chunks are working state, which anybody may delete.
CREATE FUNCTION {schema}.compared(change_id bigint, attempt integer, round integer) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(
        (
            SELECT coalesce(sum(k.next_block - k.first_block), 0)::bigint >= laid.blocks AND coalesce(bool_and(k.status = 'done'), true)
            FROM {schema}.chunk k
            WHERE (k.change_id, k.attempt, k.purpose, k.round) = (compared.change_id, compared.attempt, 'compare', compared.round)
        ),
        false
    )
    FROM (SELECT 1) always
    LEFT JOIN LATERAL (
        SELECT (e.data->>'blocks')::bigint AS blocks FROM {schema}.event e
        WHERE e.change_id = compared.change_id AND e.kind = 'compare laid'
            AND (e.data->>'attempt')::integer = compared.attempt AND (e.data->>'round')::integer = compared.round
        ORDER BY e.id LIMIT 1
    ) laid ON true
$$;

CREATE OR REPLACE FUNCTION {schema}.guard_proof() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    owner {schema}.change;
BEGIN
    SELECT * INTO owner FROM {schema}.change WHERE id = NEW.change_id FOR NO KEY UPDATE;
    IF TG_OP = 'INSERT' THEN
        IF (NEW.attempt, NEW.cycle, 'active') <> (owner.attempt, owner.cycle, owner.state) THEN
            PERFORM {schema}.refuse(format('A proof of change %s must be of its present attempt, and the change active.', owner.name));
        END IF;
        IF NEW.finished_at IS NOT NULL OR NEW.spoiled_at IS NOT NULL THEN
            PERFORM {schema}.refuse(format('A proof of change %s must begin unfinished.', owner.name));
        END IF;
        NEW.bound := {schema}.bound_state(NEW.change_id);
        NEW.bound_at := clock_timestamp();
        RETURN NEW;
    END IF;

    IF (NEW.id, NEW.change_id, NEW.attempt, NEW.cycle, NEW.round, NEW.bound, NEW.bound_at, NEW.started_at)
        IS DISTINCT FROM (OLD.id, OLD.change_id, OLD.attempt, OLD.cycle, OLD.round, OLD.bound, OLD.bound_at, OLD.started_at)
    THEN
        PERFORM {schema}.refuse(format('What a proof of change %s is bound to stays.', owner.name));
    END IF;
    IF OLD.spoiled_at IS NOT NULL THEN
        PERFORM {schema}.refuse(format('A proof of change %s is spoiled, and stays so.', owner.name));
    END IF;
    IF OLD.finished_at IS NOT NULL
        AND (NEW.finished_at, NEW.rows_compared, NEW.mismatches, NEW.unfit)
            IS DISTINCT FROM (OLD.finished_at, OLD.rows_compared, OLD.mismatches, OLD.unfit)
    THEN
        PERFORM {schema}.refuse(format('A finished proof of change %s can only be spoiled.', owner.name));
    END IF;
    IF OLD.finished_at IS NULL AND NEW.finished_at IS NOT NULL THEN
        IF NEW.rows_compared IS NULL OR NEW.mismatches IS NULL OR NEW.unfit IS NULL THEN
            PERFORM {schema}.refuse(format('A finished proof of change %s says what it found.', owner.name));
        END IF;
        IF NOT {schema}.compared(NEW.change_id, NEW.attempt, NEW.round) THEN
            PERFORM {schema}.refuse(format('Not every chunk of change %s was compared.', owner.name));
        END IF;
        NEW.finished_at := clock_timestamp();
    END IF;
    RETURN NEW;
END
$$;

-- The table of a change that was dropped here and restored from a dump, trigger and all; NULL where there is none. Another table
-- that merely took the name has no such trigger.
CREATE FUNCTION {schema}.found_again(change_id bigint) RETURNS oid
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT t.tgrelid FROM {schema}.change c
    JOIN pg_trigger t ON t.tgrelid = to_regclass(format('%I.%I', c.table_schema, c.table_name))::oid AND t.tgname = c.plan->>'trigger'
    WHERE c.id = change_id AND NOT EXISTS (SELECT FROM pg_class r WHERE r.oid = c.relation)
$$;

CREATE OR REPLACE FUNCTION {schema}.guard_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    contract text;
    missing text;
    -- Restored from a dump, here or in another database, the table has another OID under its old name.
    restored boolean;
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF (NEW.state, NEW.attempt, NEW.cycle) <> ('active', 1, 0) OR NEW.hidden_at IS NOT NULL OR NEW.purged_at IS NOT NULL THEN
            PERFORM {schema}.refuse(format('Change %s must begin active, with its first attempt.', NEW.name));
        END IF;
        NEW.system_identifier := ({schema}.identity()->>'system')::bigint;
        NEW.database_oid := ({schema}.identity()->>'database')::oid;
        PERFORM {schema}.refuse_taken_columns(NEW);
        RETURN NEW;
    END IF;

    IF (NEW.id, NEW.name, NEW.created_by, NEW.created_from, NEW.created_at, NEW.system_identifier, NEW.database_oid)
        IS DISTINCT FROM (OLD.id, OLD.name, OLD.created_by, OLD.created_from, OLD.created_at, OLD.system_identifier, OLD.database_oid)
    THEN
        PERFORM {schema}.refuse(format('Where change %s comes from is history and stays.', OLD.name));
    END IF;
    restored := NEW.relation = to_regclass(format('%I.%I', OLD.table_schema, OLD.table_name))::oid
        AND ({schema}.elsewhere(
            jsonb_build_object('system', OLD.system_identifier::text, 'database', OLD.database_oid::bigint), {schema}.identity()
        ) OR {schema}.found_again(OLD.id) = NEW.relation);
    NEW.attempt := OLD.attempt;
    NEW.cycle := OLD.cycle;
    NEW.hidden_at := OLD.hidden_at;
    NEW.purged_at := OLD.purged_at;

    IF (OLD.state, NEW.state) = ('rolled_back', 'active') THEN
        NEW.attempt := OLD.attempt + 1;
        NEW.cycle := 0;
        PERFORM {schema}.refuse_taken_columns(NEW);
    ELSIF (NEW.kind, NEW.spec, NEW.plan, NEW.fingerprint, NEW.relation, NEW.table_schema, NEW.table_name, NEW.columns, NEW.program_version)
        IS DISTINCT FROM (
            OLD.kind, OLD.spec, OLD.plan, OLD.fingerprint, CASE WHEN restored THEN NEW.relation ELSE OLD.relation END,
            OLD.table_schema, OLD.table_name, OLD.columns, OLD.program_version
        )
    THEN
        IF EXISTS (SELECT FROM {schema}.phase p WHERE p.change_id = OLD.id AND p.attempt = OLD.attempt AND p.status <> 'pending') THEN
            PERFORM {schema}.refuse(format('Change %s was started: its plan stays as it is until it is rolled back.', OLD.name));
        END IF;
        PERFORM {schema}.refuse_taken_columns(NEW);
    END IF;
    IF NEW.state = OLD.state THEN
        RETURN NEW;
    END IF;

    IF NOT EXISTS (SELECT FROM {schema}.state_rule r WHERE r.from_state = OLD.state AND r.to_state = NEW.state) THEN
        PERFORM {schema}.refuse(format('Change %s cannot go from %s to %s.', OLD.name, OLD.state, NEW.state));
    END IF;
    SELECT p.status INTO contract FROM {schema}.phase p
    WHERE p.change_id = OLD.id AND p.attempt = OLD.attempt AND p.phase = 'contract';
    CASE NEW.state
    WHEN 'hidden' THEN
        PERFORM {schema}.refuse_old_snapshot();
        missing := CASE WHEN contract = 'running' THEN {schema}.proof_missing(OLD.id) ELSE 'phase contract is not running' END;
        IF missing IS NULL THEN
            missing := 'phase ' || {schema}.phase_missing(OLD.id, OLD.attempt, 'contract') || ' is not done';
        END IF;
        IF missing IS NOT NULL THEN
            PERFORM {schema}.refuse(format('Change %s cannot be hidden: %s.', OLD.name, missing));
        END IF;
        NEW.hidden_at := clock_timestamp();
    WHEN 'purged' THEN
        NEW.purged_at := clock_timestamp();
    WHEN 'rolled_back' THEN
        IF contract IN ('running', 'done') THEN
            PERFORM {schema}.refuse(format('Change %s cannot be rolled back while phase contract is %s.', OLD.name, contract));
        END IF;
    WHEN 'active' THEN
        IF OLD.state = 'hidden' THEN
            NEW.cycle := OLD.cycle + 1;
            NEW.hidden_at := NULL;
            UPDATE {schema}.proof SET spoiled_at = clock_timestamp(), spoiled_why = 'contract was undone'
            WHERE change_id = OLD.id AND spoiled_at IS NULL;
        END IF;
    END CASE;
    RETURN NEW;
END
$$;

-- Which indexes and constraints the new side has, whether it is NOT NULL and has a default: pairs of kind and name.
CREATE FUNCTION {schema}.new_side(change_id bigint) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH site AS (
        SELECT a.attrelid, a.attnum, a.attnotnull, a.atthasdef
        FROM {schema}.change c
        JOIN pg_attribute a ON a.attrelid = c.relation AND a.attname = c.plan->'pair'->'new'->>'column' AND NOT a.attisdropped
        WHERE c.id = change_id
    )
    SELECT coalesce(jsonb_agg(jsonb_build_array(kind, name) ORDER BY kind, name), '[]') FROM (
        SELECT 'constraint', k.conname::text
        FROM site s JOIN pg_constraint k ON k.conrelid = s.attrelid AND s.attnum = ANY (k.conkey) AND k.contype <> 'n'
        UNION
        SELECT 'index', x.relname::text
        FROM site s JOIN pg_index i ON i.indrelid = s.attrelid AND i.indisvalid JOIN pg_class x ON x.oid = i.indexrelid
        WHERE (s.attnum = ANY (i.indkey::int2[]) OR EXISTS (
                SELECT FROM pg_depend d
                WHERE d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid
                    AND d.refclassid = 'pg_class'::regclass AND d.refobjid = s.attrelid AND d.refobjsubid = s.attnum))
            AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x'))
        UNION
        SELECT 'not null', '' FROM site s WHERE s.attnotnull
        UNION
        SELECT 'default', '' FROM site s WHERE s.atthasdef
    ) made(kind, name)
    -- What was put beside for a time is no part of it.
    WHERE NOT starts_with(name, '~ec_')
$$;

-- What keeps a change in sync as it stands now, before contract and after it, and what its new side has.
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
            SELECT jsonb_object_agg(t.tgrelid::regclass::text, md5(ROW(t.tgfoid, t.tgtype, t.tgattr, t.tgqual, t.tgargs)::text))
            FROM pg_trigger t
            WHERE t.tgname = c.plan->>'trigger' AND t.tgparentid = 0
                AND (t.tgrelid = c.relation OR t.tgrelid IN (SELECT {schema}.leaves(c.relation)))
        ), '{}'),
        'new_side', {schema}.new_side(c.id)
    )
    FROM {schema}.change c WHERE c.id = change_id
$$;

-- The last picture counts where it was taken in the same state: what contract makes is not what was made before it.
CREATE OR REPLACE FUNCTION {schema}.sync_altered(change_id bigint, attempt integer) RETURNS text[]
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH picture AS (
        SELECT e.data AS was, {schema}.sync_state(sync_altered.change_id) AS is_now FROM {schema}.event e
        WHERE e.change_id = sync_altered.change_id AND e.kind = 'sync made'
            AND (e.data->>'attempt')::integer = sync_altered.attempt
        ORDER BY e.id DESC LIMIT 1
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
    ) altered(sentence)
$$;
REVOKE ALL ON FUNCTION {schema}.sync_altered(bigint, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION {schema}.sync_altered(bigint, integer) TO PUBLIC;

-- What of the new side is not there any more, of all that it had when it was ready.
CREATE FUNCTION {schema}.new_side_lost(change_id bigint, attempt integer) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(jsonb_agg(thing), '[]') FROM (
        SELECT e.data->'new_side' AS had, {schema}.new_side(new_side_lost.change_id) AS has FROM {schema}.event e
        WHERE e.change_id = new_side_lost.change_id AND e.kind = 'sync made' AND e.data->>'step' = 'ready'
            AND (e.data->>'attempt')::integer = new_side_lost.attempt
        ORDER BY e.id DESC LIMIT 1
    ) ready, jsonb_array_elements(ready.had) thing
    WHERE NOT ready.has @> jsonb_build_array(thing)
$$;
REVOKE ALL ON FUNCTION {schema}.new_side_lost(bigint, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION {schema}.new_side_lost(bigint, integer) TO PUBLIC;
