-- The table that a change makes has no OID before. The transaction that makes it writes which one it is; nobody may say so of a table that
-- was there, or that somebody else made.

-- As in 0016, with what this transaction has made for a change whose table was still to come.
CREATE OR REPLACE FUNCTION {schema}.found_again(change_id bigint, number integer) RETURNS oid
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT found.relation FROM (
        SELECT t.tgrelid
        FROM {schema}.change c
        JOIN {schema}.site s ON (s.change_id, s.attempt, s.number) = (c.id, c.attempt, found_again.number)
        JOIN {schema}.upkeep u ON (u.change_id, u.attempt, u.site) = (s.change_id, s.attempt, s.number)
        JOIN pg_trigger t ON t.tgrelid = to_regclass(format('%I.%I', s.table_schema, s.table_name))::oid AND t.tgname = u.trigger
        WHERE c.id = found_again.change_id AND NOT EXISTS (SELECT FROM pg_class r WHERE r.oid = s.relation)
        UNION ALL
        SELECT r.oid
        FROM {schema}.change c
        JOIN {schema}.site s ON (s.change_id, s.attempt, s.number) = (c.id, c.attempt, found_again.number)
        JOIN pg_class r ON r.oid = to_regclass(format('%I.%I', s.table_schema, s.table_name))::oid
        WHERE c.id = found_again.change_id AND s.number = 0 AND s.relation = 0::oid AND (c.plan->>'makes_table')::boolean
            AND r.xmin = pg_current_xact_id()::xid
    ) found(relation)
    LIMIT 1
$$;
