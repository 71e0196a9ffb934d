-- How long a change has to be ready before contract, where somebody asks for it who is not the settings: a revision of Alembic's.
ALTER TABLE {schema}.phase ADD COLUMN soak_seconds double precision CHECK (soak_seconds >= 0);

CREATE OR REPLACE FUNCTION {schema}.guard_phase() RETURNS trigger
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
    -- What contract is asked for in time moves no phase.
    IF OLD.phase = 'contract' AND owner.state = 'active' AND NEW.soak_seconds IS DISTINCT FROM OLD.soak_seconds
        AND to_jsonb(NEW) - 'soak_seconds' = to_jsonb(OLD) - 'soak_seconds' THEN
        RETURN NEW;
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
