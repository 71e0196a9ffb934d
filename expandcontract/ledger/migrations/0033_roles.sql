-- Who did it, by the server's word; what each role may do beside the owner; and what may go when nobody needs it any more.

-- `who` is what the environment of a process claims. Beside it stands who logged in, which nobody may choose. Not ALWAYS: an apply worker
-- of logical replication carries what the publisher kept.
ALTER TABLE {schema}.waiver ADD COLUMN session_role text, ADD COLUMN address text, ADD COLUMN by_starter boolean NOT NULL DEFAULT false;

-- Whether somebody made the plan of this attempt: by the name that is claimed, or by the role that logged in.
CREATE FUNCTION {schema}.has_started(change_id bigint, who text, session_role text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM {schema}.event e
        WHERE e.change_id = has_started.change_id AND e.kind IN ('created', 'replanned', 'begun again')
            AND e.id >= (
                SELECT max(b.id) FROM {schema}.event b
                WHERE b.change_id = has_started.change_id AND b.kind IN ('created', 'begun again')
            )
            AND (e.who = has_started.who OR e.session_role = has_started.session_role)
    )
$$;
REVOKE ALL ON FUNCTION {schema}.has_started(bigint, text, text) FROM PUBLIC;

CREATE FUNCTION {schema}.sign() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NEW.session_role := session_user;
    NEW.address := host(inet_client_addr());
    IF TG_TABLE_NAME = 'waiver' THEN
        NEW.at := clock_timestamp();
        NEW.by_starter := {schema}.has_started(NEW.change_id, NEW.who, session_user);
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER sign BEFORE INSERT ON {schema}.waiver FOR EACH ROW EXECUTE FUNCTION {schema}.sign();
CREATE TRIGGER sign BEFORE INSERT ON {schema}.event FOR EACH ROW EXECUTE FUNCTION {schema}.sign();

-- Who may open gates has a right on this, and none on a table: neither another's name, nor another event. Returns whether it is by whoever
-- made the plan.
CREATE FUNCTION {schema}.acknowledge(change_id bigint, gate text, who text, why text, known text) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    by_starter boolean;
BEGIN
    IF coalesce(btrim(why), '') = '' THEN
        PERFORM {schema}.refuse('An acknowledgement needs a reason.');
    END IF;
    INSERT INTO {schema}.waiver AS w (change_id, gate, who, why, known)
    VALUES (acknowledge.change_id, acknowledge.gate, acknowledge.who, acknowledge.why, acknowledge.known)
    RETURNING w.by_starter INTO by_starter;
    INSERT INTO {schema}.event (change_id, kind, who, data)
    VALUES (acknowledge.change_id, 'acknowledged', acknowledge.who, jsonb_build_object('gate', gate, 'why', why));
    RETURN by_starter;
END
$$;
REVOKE ALL ON FUNCTION {schema}.acknowledge(bigint, text, text, text, text) FROM PUBLIC;

-- What was wished is an event; who may wish writes no other one.
CREATE FUNCTION {schema}.tell_wish(change_id bigint, who text, wished jsonb) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO {schema}.event (change_id, kind, who, data) VALUES (tell_wish.change_id, 'tuned', tell_wish.who, tell_wish.wished)
$$;
REVOKE ALL ON FUNCTION {schema}.tell_wish(bigint, text, jsonb) FROM PUBLIC;

-- The transactions in which history goes. A row lives as long as a batch, so that nobody ever sees one; who is no owner cannot write it.
CREATE TABLE {schema}.pruning (transaction bigint PRIMARY KEY);

CREATE OR REPLACE FUNCTION {schema}.guard_history() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF EXISTS (SELECT FROM {schema}.pruning p WHERE p.transaction = pg_current_xact_id()::text::bigint) THEN
            RETURN OLD;
        END IF;
    END IF;
    PERFORM {schema}.refuse(format('%s of %I.%I is refused: the ledger is history.', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME));
    RETURN NULL;
END
$$;

-- Whether a change, and all that it could be taken back with, is long over: it was purged before, nobody works on it, and nothing is kept
-- from which its table could be had back.
CREATE FUNCTION {schema}.is_over(change_id bigint, before timestamptz) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM {schema}.change c
        WHERE c.id = is_over.change_id AND c.state = 'purged' AND c.purged_at < before
            AND NOT EXISTS (SELECT FROM {schema}.lease l WHERE l.change_id = c.id)
            AND NOT EXISTS (
                SELECT FROM {schema}.purged p
                WHERE (p.change_id, p.attempt, p.cycle) = (c.id, c.attempt, c.cycle) AND p.statements IS NOT NULL
            )
    )
$$;
REVOKE ALL ON FUNCTION {schema}.is_over(bigint, timestamptz) FROM PUBLIC;

-- What may go of a table `t`, as a condition; $1 is the moment before which it counts. NULL for a table of which nothing goes: of a change
-- that is over there stay its name and phases, so that nobody begins it again, and what it claimed.
CREATE FUNCTION {schema}.prunable(name text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT replace(CASE
        WHEN name = 'old_use' THEN 't.at < $1 AND ' || not_open
        WHEN name = 'statement' THEN not_open || ' AND EXISTS (SELECT FROM @.watch w WHERE w.change_id = t.change_id AND w.at < $1)'
        WHEN name = 'watch' THEN 't.at < $1 AND ' || not_open
        WHEN name = 'instance' THEN 't.last_seen < $1'
        WHEN name = 'sample' THEN 't.at < $1'
        WHEN name = 'event' THEN 't.kind <> ''pruned'' AND ' || over
        WHEN name IN ('chunk', 'walk', 'conflict', 'step', 'proof', 'waiver', 'laid', 'picture', 'origin', 'hook', 'canary', 'given_back')
            THEN over
    END, '@', $name${schema}$name$)
    FROM (VALUES (
        'NOT EXISTS (SELECT FROM @.change c WHERE c.id = t.change_id AND c.state IN (''active'', ''hidden''))',
        't.change_id IN (SELECT c.id FROM @.change c WHERE @.is_over(c.id, $1))'
    )) conditions(not_open, over)
$$;
REVOKE ALL ON FUNCTION {schema}.prunable(text) FROM PUBLIC;

-- How many rows of a table may go; none of a table that is not there.
CREATE FUNCTION {schema}.count_prunable(name text, before timestamptz) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found bigint := 0;
BEGIN
    IF to_regclass(format('%s.%I', $name${schema}$name$, name)) IS NOT NULL AND {schema}.prunable(name) IS NOT NULL THEN
        EXECUTE format('SELECT count(*) FROM %s.%I t WHERE %s', $name${schema}$name$, name, {schema}.prunable(name)) INTO found USING before;
    END IF;
    RETURN found;
END
$$;
REVOKE ALL ON FUNCTION {schema}.count_prunable(text, timestamptz) FROM PUBLIC;

-- Deletes that many rows of a table at most, and returns how many. The first batch of a change's history leaves an event that it went.
-- Locks: ROW EXCLUSIVE, and the rows.
CREATE FUNCTION {schema}.prune(name text, before timestamptz, at_most integer, who text) RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    gone bigint := 0;
BEGIN
    IF before > clock_timestamp() - interval '1 day' THEN
        PERFORM {schema}.refuse('What is younger than a day stays.');
    END IF;
    IF to_regclass(format('%s.%I', $name${schema}$name$, name)) IS NULL OR {schema}.prunable(name) IS NULL THEN
        RETURN 0;
    END IF;
    INSERT INTO {schema}.pruning (transaction) VALUES (pg_current_xact_id()::text::bigint);
    IF name = 'event' THEN
        INSERT INTO {schema}.event (change_id, kind, who, data)
        SELECT c.id, 'pruned', prune.who, jsonb_build_object('purged_before', before)
        FROM {schema}.change c
        WHERE {schema}.is_over(c.id, before)
            AND EXISTS (SELECT FROM {schema}.event e WHERE e.change_id = c.id AND e.kind <> 'pruned')
            AND NOT EXISTS (SELECT FROM {schema}.event e WHERE e.change_id = c.id AND e.kind = 'pruned');
    END IF;
    EXECUTE format(
        'DELETE FROM %1$s.%2$I t WHERE t.ctid = ANY (ARRAY(SELECT t.ctid FROM %1$s.%2$I t WHERE %3$s LIMIT $2 FOR UPDATE SKIP LOCKED))',
        $name${schema}$name$, name, {schema}.prunable(name)
    ) USING before, at_most;
    GET DIAGNOSTICS gone = ROW_COUNT;
    DELETE FROM {schema}.pruning p WHERE p.transaction = pg_current_xact_id()::text::bigint;
    RETURN gone;
END
$$;
REVOKE ALL ON FUNCTION {schema}.prune(text, timestamptz, integer, text) FROM PUBLIC;
