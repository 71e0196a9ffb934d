-- What was prepared for a contract or an undo that did not come about is taken back, and its step is then to be done once more. As in
-- 0010, and while nothing of it is in use.
CREATE OR REPLACE FUNCTION {schema}.guard_step() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    owner {schema}.change;
    missing text;
    purpose text;
BEGIN
    SELECT * INTO owner FROM {schema}.change WHERE id = NEW.change_id;
    IF NEW.attempt <> owner.attempt OR NEW.cycle > owner.cycle THEN
        PERFORM {schema}.refuse(format('Step %s of change %s is of another attempt.', NEW.step, owner.name));
    END IF;
    IF NEW.status <> 'failed' THEN
        missing := {schema}.step_before_missing(owner, NEW.cycle, NEW.section, NEW.step);
        IF missing IS NOT NULL THEN
            PERFORM {schema}.refuse(format('Step %s of change %s comes after step %s, which is not done.', NEW.step, owner.name, missing));
        END IF;
    END IF;
    IF NEW.status = 'done' THEN
        purpose := {schema}.sweeps_for(owner.plan, NEW.section, NEW.step);
        IF purpose IN ('copy', 'keep') AND NOT {schema}.swept(owner.id, owner.attempt, purpose) THEN
            PERFORM {schema}.refuse(format('Step %s of change %s is not done: not every chunk of it is.', NEW.step, owner.name));
        END IF;
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
        IF NOT (NEW.section IN ('dual_write', 'backfill', 'verify', 'repair', 'rollback')
                OR NEW.section = 'contract' AND owner.state = 'active' OR NEW.section = 'undo' AND owner.state = 'hidden')
            OR NEW.status = 'failed' OR NEW.attempts = OLD.attempts
        THEN
            PERFORM {schema}.refuse(format('Step %s of change %s is done, and stays so.', OLD.step, owner.name));
        END IF;
        -- A repair, another proof, or values that are kept anew: the row tells of the last run, history of those before.
        INSERT INTO {schema}.event (change_id, kind, who, data) VALUES (OLD.change_id, 'step-repeated', session_user, to_jsonb(OLD));
    END IF;
    RETURN NEW;
END
$$;
