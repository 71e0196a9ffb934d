-- Changes without a pair of columns, which claim some columns, none, or a whole table, and end by themselves where nothing is contracted.

ALTER TABLE {schema}.change ADD COLUMN whole boolean NOT NULL DEFAULT false;
ALTER TABLE {schema}.change DROP CONSTRAINT change_state_check,
    ADD CONSTRAINT change_state_check CHECK (state IN ('active', 'hidden', 'purged', 'rolled_back', 'finished'));

-- Only a migration changes the rules.
ALTER TABLE {schema}.state_rule DISABLE TRIGGER complete;
ALTER TABLE {schema}.phase_rule DISABLE TRIGGER complete;
INSERT INTO {schema}.state_rule VALUES ('active', 'finished'), ('finished', 'rolled_back');
INSERT INTO {schema}.phase_rule
SELECT phase, 'done', 'undone', 'finished', false, false FROM (VALUES ('expand'), ('dual_write'), ('backfill'), ('verify')) phases(phase)
UNION ALL VALUES ('contract', 'pending', 'undone', 'finished', false, false);
ALTER TABLE {schema}.state_rule ENABLE ALWAYS TRIGGER complete;
ALTER TABLE {schema}.phase_rule ENABLE ALWAYS TRIGGER complete;

-- Why the change must not be contracted now, or NULL: what has no pair of columns has nothing to compare. The need comes from the pair alone,
-- never from whether the plan has a comparison: one that forgot it must not be let through.
CREATE OR REPLACE FUNCTION {schema}.proof_missing(change_id bigint) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    newest {schema}.proof;
    differences text[];
    state_now jsonb;
BEGIN
    IF (SELECT c.plan->'pair' = 'null' FROM {schema}.change c WHERE c.id = proof_missing.change_id) THEN
        RETURN NULL;
    END IF;
    state_now := {schema}.bound_state(change_id);
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

-- As it was, with the state `finished`, and with whole tables.
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
    -- The plan may have given it another name by then.
    restored := NEW.relation IN (
            SELECT to_regclass(format('%I.%I', called->>'schema', called->>'name'))::oid
            FROM (VALUES (OLD.plan->'table'), (OLD.plan->'aside'), (OLD.plan->'final_table')) names(called)
            WHERE jsonb_typeof(called) = 'object'
        )
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
    ELSIF (NEW.kind, NEW.spec, NEW.plan, NEW.fingerprint, NEW.relation, NEW.table_schema, NEW.table_name, NEW.columns, NEW.whole, NEW.program_version)
        IS DISTINCT FROM (
            OLD.kind, OLD.spec, OLD.plan, OLD.fingerprint, CASE WHEN restored THEN NEW.relation ELSE OLD.relation END,
            OLD.table_schema, OLD.table_name, OLD.columns, OLD.whole, OLD.program_version
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
    WHEN 'finished' THEN
        missing := CASE
            WHEN OLD.plan->'pair' <> 'null' OR jsonb_array_length(coalesce(OLD.plan->'sections'->'contract', '[]')) > 0
            THEN 'its plan has a contract'
            ELSE 'phase ' || {schema}.phase_missing(OLD.id, OLD.attempt, 'contract') || ' is not done'
        END;
        IF missing IS NOT NULL THEN
            PERFORM {schema}.refuse(format('Change %s cannot be finished: %s.', OLD.name, missing));
        END IF;
    WHEN 'purged' THEN
        NEW.purged_at := clock_timestamp();
    WHEN 'rolled_back' THEN
        IF OLD.state = 'finished' THEN
            -- It gave up its claims: another change may have one of its columns by now.
            PERFORM {schema}.refuse_taken_columns(NEW);
        END IF;
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

CREATE OR REPLACE FUNCTION {schema}.refuse_taken_columns(new {schema}.change) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    other record;
BEGIN
    -- Two starts at the same moment would not see each other's row.
    LOCK TABLE {schema}.state_rule IN SHARE ROW EXCLUSIVE MODE;
    SELECT c.name, (SELECT string_agg(column_name, ', ') FROM unnest(c.columns) column_name WHERE column_name = ANY (new.columns)) AS shared
    INTO other FROM {schema}.change c
    WHERE c.relation = new.relation AND (c.columns && new.columns OR c.whole OR new.whole)
        AND c.state IN ('active', 'hidden') AND c.name <> new.name
    LIMIT 1;
    IF FOUND AND other.shared IS NULL THEN
        PERFORM {schema}.refuse(format('Table %I.%I belongs to change %s, which is not finished.', new.table_schema, new.table_name, other.name), 'EC305');
    ELSIF FOUND THEN
        PERFORM {schema}.refuse(format('Column %s belongs to change %s, which is not finished.', other.shared, other.name), 'EC305');
    END IF;
END
$$;
