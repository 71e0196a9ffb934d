-- The order of phases and the need for proof, kept by the database itself. The guards are ENABLE ALWAYS: neither a superuser's
-- plain UPDATE nor session_replication_role gets past them. They fail with SQLSTATE EC311, a column that is taken with EC305.

CREATE FUNCTION {schema}.refuse(sentence text, code text DEFAULT 'EC311') RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION USING MESSAGE = sentence, ERRCODE = code;
END
$$;

-- Every move of a phase that there is: in which state of the change, whether each phase before must be done, and whether it takes a
-- proof that holds now.
CREATE TABLE {schema}.phase_rule (
    phase text NOT NULL,
    from_status text NOT NULL,
    to_status text NOT NULL,
    state text NOT NULL,
    needs_before boolean NOT NULL,
    needs_proof boolean NOT NULL,
    PRIMARY KEY (phase, from_status, to_status, state)
);
INSERT INTO {schema}.phase_rule
SELECT phase, move.*
FROM (VALUES ('expand'), ('dual_write'), ('backfill'), ('verify')) phases(phase),
    (VALUES
        ('pending', 'running', 'active', true, false),
        ('failed', 'running', 'active', true, false),
        ('running', 'done', 'active', true, false),
        ('running', 'failed', 'active', false, false),
        -- rollback
        ('pending', 'undone', 'active', false, false),
        ('running', 'undone', 'active', false, false),
        ('done', 'undone', 'active', false, false),
        ('failed', 'undone', 'active', false, false),
        ('pending', 'undone', 'rolled_back', false, false),
        ('running', 'undone', 'rolled_back', false, false),
        ('done', 'undone', 'rolled_back', false, false),
        ('failed', 'undone', 'rolled_back', false, false)
    ) move
UNION ALL
-- repair, and a proof that is made anew
SELECT phase, 'done', 'running', 'active', true, false FROM (VALUES ('backfill'), ('verify')) again(phase)
UNION ALL
VALUES
    ('contract', 'pending', 'running', 'active', true, true),
    ('contract', 'failed', 'running', 'active', true, true),
    ('contract', 'undone', 'running', 'active', true, true),
    ('contract', 'running', 'failed', 'active', false, false),
    -- the old side is hidden already
    ('contract', 'running', 'failed', 'hidden', false, false),
    ('contract', 'failed', 'running', 'hidden', false, false),
    ('contract', 'running', 'done', 'hidden', true, false),
    -- undo, in the transaction that makes the change active again; or contract given up before anything was hidden
    ('contract', 'done', 'undone', 'hidden', false, false),
    ('contract', 'done', 'undone', 'active', false, false),
    ('contract', 'failed', 'undone', 'hidden', false, false),
    ('contract', 'failed', 'undone', 'active', false, false),
    ('contract', 'running', 'undone', 'hidden', false, false),
    ('contract', 'running', 'undone', 'active', false, false),
    -- rollback
    ('contract', 'pending', 'undone', 'active', false, false),
    ('contract', 'pending', 'undone', 'rolled_back', false, false),
    ('contract', 'failed', 'undone', 'rolled_back', false, false);

-- Every move of a change that there is.
CREATE TABLE {schema}.state_rule (
    from_state text NOT NULL,
    to_state text NOT NULL,
    PRIMARY KEY (from_state, to_state)
);
INSERT INTO {schema}.state_rule VALUES
    ('active', 'hidden'), ('hidden', 'active'), ('hidden', 'purged'), ('active', 'rolled_back'), ('rolled_back', 'active');

-- The first phase before `until` that is not done, or NULL.
CREATE FUNCTION {schema}.phase_missing(change_id bigint, attempt integer, until text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT name FROM unnest(ARRAY['expand', 'dual_write', 'backfill', 'verify', 'contract']) WITH ORDINALITY phases(name, place)
    WHERE place < array_position(ARRAY['expand', 'dual_write', 'backfill', 'verify', 'contract'], until)
        AND NOT EXISTS (
            SELECT FROM {schema}.phase p
            WHERE p.change_id = phase_missing.change_id AND p.attempt = phase_missing.attempt
                AND p.phase = name AND p.status = 'done'
        )
    ORDER BY place LIMIT 1
$$;

-- The first step that the plan has in a section and the journal does not have as done, or NULL.
CREATE FUNCTION {schema}.step_missing(change_id bigint, section text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT planned.step->>'id'
    FROM {schema}.change c, jsonb_array_elements(c.plan->'sections'->step_missing.section) WITH ORDINALITY planned(step, place)
    WHERE c.id = step_missing.change_id AND NOT EXISTS (
        SELECT FROM {schema}.step s
        WHERE s.change_id = c.id AND s.attempt = c.attempt AND s.section = step_missing.section AND s.step = planned.step->>'id'
            AND s.cycle = CASE step_missing.section WHEN 'contract' THEN c.cycle ELSE 0 END AND s.status = 'done'
    )
    ORDER BY place LIMIT 1
$$;

-- Why the change must not be contracted now, or NULL.
CREATE FUNCTION {schema}.proof_missing(change_id bigint) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    newest {schema}.proof;
    differences text[];
    state_now jsonb := {schema}.bound_state(change_id);
BEGIN
    SELECT p.* INTO newest FROM {schema}.proof p JOIN {schema}.change c ON c.id = p.change_id
    WHERE c.id = proof_missing.change_id AND p.attempt = c.attempt AND p.cycle = c.cycle AND p.finished_at IS NOT NULL
    ORDER BY p.id DESC LIMIT 1;
    differences := {schema}.bound_differences(newest.bound, state_now);
    RETURN CASE
        WHEN newest.id IS NULL THEN 'there is no proof that both sides are in sync'
        WHEN newest.spoiled_at IS NOT NULL THEN 'the proof is spoiled: ' || coalesce(newest.spoiled_why, 'no reason was given')
        WHEN newest.mismatches > 0 THEN 'verification found mismatches: ' || newest.mismatches
        WHEN jsonb_array_length(state_now->'leaves') = 0 THEN 'the table is gone'
        WHEN differences <> '{}' THEN 'the proof does not hold any more: ' || array_to_string(differences, '; ')
    END;
END
$$;

-- A snapshot that is older than the lock that the caller waited for would show the state before it.
CREATE FUNCTION {schema}.refuse_old_snapshot() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        PERFORM {schema}.refuse('Contract is judged in READ COMMITTED only: another snapshot may be older than what it must see.');
    END IF;
END
$$;

CREATE FUNCTION {schema}.refuse_taken_columns(new {schema}.change) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    other record;
BEGIN
    -- Two starts at the same moment would not see each other's row.
    PERFORM pg_advisory_xact_lock(hashtext('expandcontract.columns'), new.relation::integer);
    SELECT c.name, (SELECT string_agg(column_name, ', ') FROM unnest(c.columns) column_name WHERE column_name = ANY (new.columns)) AS shared
    INTO other FROM {schema}.change c
    WHERE c.relation = new.relation AND c.columns && new.columns AND c.state IN ('active', 'hidden') AND c.name <> new.name
    LIMIT 1;
    IF FOUND THEN
        PERFORM {schema}.refuse(format('Column %s belongs to change %s, which is not finished.', other.shared, other.name), 'EC305');
    END IF;
END
$$;

CREATE FUNCTION {schema}.guard_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    contract text;
    missing text;
    -- In a database that was restored from a dump the table has another OID under its old name.
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
        AND {schema}.elsewhere(
            jsonb_build_object('system', OLD.system_identifier::text, 'database', OLD.database_oid::bigint), {schema}.identity()
        );
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

CREATE FUNCTION {schema}.guard_phase() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    owner {schema}.change;
    rule {schema}.phase_rule;
    missing text;
BEGIN
    -- Not FOR UPDATE, which would make an INSERT that references the change wait.
    SELECT * INTO owner FROM {schema}.change WHERE id = NEW.change_id FOR NO KEY UPDATE;
    IF NEW.attempt <> owner.attempt THEN
        PERFORM {schema}.refuse(format('Change %s is at attempt %s: attempt %s is history.', owner.name, owner.attempt, NEW.attempt));
    END IF;
    IF TG_OP = 'INSERT' THEN
        IF NEW.status <> 'pending' OR NEW.started_at IS NOT NULL OR NEW.finished_at IS NOT NULL THEN
            PERFORM {schema}.refuse(format('Phase %s of change %s must begin as pending.', NEW.phase, owner.name));
        END IF;
        RETURN NEW;
    END IF;

    IF (NEW.change_id, NEW.attempt, NEW.phase) IS DISTINCT FROM (OLD.change_id, OLD.attempt, OLD.phase) THEN
        PERFORM {schema}.refuse(format('Phase %s of change %s keeps its place.', OLD.phase, owner.name));
    END IF;
    SELECT * INTO rule FROM {schema}.phase_rule r
    WHERE (r.phase, r.from_status, r.to_status, r.state) = (OLD.phase, OLD.status, NEW.status, owner.state);
    IF NOT FOUND THEN
        PERFORM {schema}.refuse(format(
            'Phase %s of change %s cannot go from %s to %s while the change is %s.', OLD.phase, owner.name, OLD.status, NEW.status, owner.state
        ));
    END IF;
    IF rule.needs_before THEN
        missing := 'phase ' || {schema}.phase_missing(owner.id, owner.attempt, OLD.phase) || ' is not done';
    END IF;
    IF missing IS NULL AND NEW.status = 'done' THEN
        missing := 'step ' || {schema}.step_missing(owner.id, OLD.phase) || ' is not done';
    END IF;
    IF missing IS NULL AND rule.needs_proof THEN
        PERFORM {schema}.refuse_old_snapshot();
        missing := {schema}.proof_missing(owner.id);
    END IF;
    IF missing IS NOT NULL THEN
        PERFORM {schema}.refuse(format('Phase %s of change %s cannot be %s: %s.', OLD.phase, owner.name, NEW.status, missing));
    END IF;

    IF NEW.status = 'running' THEN
        NEW.started_at := CASE OLD.status WHEN 'failed' THEN OLD.started_at ELSE clock_timestamp() END;
        NEW.finished_at := NULL;
    ELSE
        NEW.started_at := OLD.started_at;
        NEW.finished_at := clock_timestamp();
    END IF;
    RETURN NEW;
END
$$;

CREATE FUNCTION {schema}.guard_step() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    owner {schema}.change;
BEGIN
    SELECT * INTO owner FROM {schema}.change WHERE id = NEW.change_id;
    IF NEW.attempt <> owner.attempt OR NEW.cycle > owner.cycle THEN
        PERFORM {schema}.refuse(format('Step %s of change %s is of another attempt.', NEW.step, owner.name));
    END IF;
    IF TG_OP = 'INSERT' THEN
        RETURN NEW;
    END IF;
    IF (NEW.change_id, NEW.attempt, NEW.cycle, NEW.section, NEW.step) IS DISTINCT FROM (OLD.change_id, OLD.attempt, OLD.cycle, OLD.section, OLD.step)
        OR NEW.attempts < OLD.attempts
    THEN
        PERFORM {schema}.refuse(format('The journal of step %s of change %s stays.', OLD.step, owner.name));
    END IF;
    IF OLD.status = 'done' THEN
        IF NEW.section NOT IN ('dual_write', 'backfill', 'verify', 'repair') OR NEW.status = 'failed' OR NEW.attempts = OLD.attempts THEN
            PERFORM {schema}.refuse(format('Step %s of change %s is done, and stays so.', OLD.step, owner.name));
        END IF;
        -- A repair or another proof: the row tells of the last run, history of those before.
        INSERT INTO {schema}.event (change_id, kind, who, data) VALUES (OLD.change_id, 'step-repeated', session_user, to_jsonb(OLD));
    END IF;
    RETURN NEW;
END
$$;

CREATE FUNCTION {schema}.guard_proof() RETURNS trigger
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
        IF EXISTS (
            SELECT FROM {schema}.chunk k
            WHERE (k.change_id, k.attempt, k.purpose, k.round) = (NEW.change_id, NEW.attempt, 'compare', NEW.round) AND k.status <> 'done'
        ) THEN
            PERFORM {schema}.refuse(format('Not every chunk of change %s was compared.', owner.name));
        END IF;
        NEW.finished_at := clock_timestamp();
    END IF;
    RETURN NEW;
END
$$;

CREATE FUNCTION {schema}.guard_history() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM {schema}.refuse(format('%s of %I.%I is refused: the ledger is history.', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME));
    RETURN NULL;
END
$$;

DO $do$
DECLARE
    ledger CONSTANT text := $name${schema}$name$;
    one text;
BEGIN
    FOREACH one IN ARRAY ARRAY[
        'change', 'phase', 'step', 'proof', 'waiver', 'old_use', 'conflict', 'event', 'phase_rule', 'state_rule', 'schema_version'
    ] LOOP
        EXECUTE pg_catalog.format(
            'CREATE TRIGGER keep_rows BEFORE DELETE ON %1$s.%2$I FOR EACH ROW EXECUTE FUNCTION %1$s.guard_history();
             CREATE TRIGGER keep_table BEFORE TRUNCATE ON %1$s.%2$I EXECUTE FUNCTION %1$s.guard_history();
             ALTER TABLE %1$s.%2$I ENABLE ALWAYS TRIGGER keep_rows, ENABLE ALWAYS TRIGGER keep_table', ledger, one);
    END LOOP;
    FOREACH one IN ARRAY ARRAY['waiver', 'old_use', 'conflict', 'event', 'phase_rule', 'state_rule', 'schema_version'] LOOP
        EXECUTE pg_catalog.format(
            'CREATE TRIGGER append_only BEFORE UPDATE ON %1$s.%2$I FOR EACH ROW EXECUTE FUNCTION %1$s.guard_history();
             ALTER TABLE %1$s.%2$I ENABLE ALWAYS TRIGGER append_only', ledger, one);
    END LOOP;
    -- The rules are the program's: only a migration changes them.
    FOREACH one IN ARRAY ARRAY['phase_rule', 'state_rule'] LOOP
        EXECUTE pg_catalog.format(
            'CREATE TRIGGER complete BEFORE INSERT ON %1$s.%2$I FOR EACH ROW EXECUTE FUNCTION %1$s.guard_history();
             ALTER TABLE %1$s.%2$I ENABLE ALWAYS TRIGGER complete', ledger, one);
    END LOOP;
    FOREACH one IN ARRAY ARRAY['change', 'phase', 'step', 'proof'] LOOP
        EXECUTE pg_catalog.format(
            'CREATE TRIGGER guard BEFORE INSERT OR UPDATE ON %1$s.%2$I FOR EACH ROW EXECUTE FUNCTION %1$s.guard_%2$s();
             ALTER TABLE %1$s.%2$I ENABLE ALWAYS TRIGGER guard', ledger, one);
    END LOOP;
END
$do$;
