-- Of a table without a row nothing is lost when it is purged but what stands on it, and that is kept as statements: a change of such a
-- table can be had back. What was made in a savepoint is this transaction's as well.

-- Whether a relation was made by this transaction, in a savepoint or not.
CREATE FUNCTION {schema}.made_now(relation oid) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- A row that can be seen, and whose transaction goes on, is ours. Those of its savepoints are younger than it is.
    SELECT coalesce((
        SELECT CASE WHEN age(r.xmin) <= 0
            THEN pg_xact_status((pg_current_xact_id()::text::bigint - age(r.xmin))::text::xid8) = 'in progress' END
        FROM pg_class r WHERE r.oid = relation
    ), false)
$$;

-- As in 0022, with what was made in a savepoint.
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
            AND {schema}.made_now(r.oid)
    ) found(relation)
    LIMIT 1
$$;

-- What a purge took from tables without a row: `was` what stood before it, until it is over, and then the statements that make it again.
CREATE TABLE {schema}.purged (
    change_id bigint NOT NULL REFERENCES {schema}.change,
    attempt integer NOT NULL,
    cycle integer NOT NULL,
    was jsonb,
    statements text[],
    PRIMARY KEY (change_id, attempt, cycle)
);

ALTER TABLE {schema}.state_rule DISABLE TRIGGER complete;
INSERT INTO {schema}.state_rule VALUES ('purged', 'hidden');
ALTER TABLE {schema}.state_rule ENABLE ALWAYS TRIGGER complete;

-- As in 0015, with the way back from a purge of what had no row.
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
        ) OR {schema}.found_again(OLD.id) = NEW.relation
        OR (OLD.state, NEW.state) = ('purged', 'hidden') AND {schema}.made_now(NEW.relation));
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
        IF OLD.state = 'purged' THEN
            IF NOT EXISTS (
                SELECT FROM {schema}.purged p
                WHERE (p.change_id, p.attempt, p.cycle) = (OLD.id, OLD.attempt, OLD.cycle) AND p.statements IS NOT NULL
            ) THEN
                PERFORM {schema}.refuse(format('Change %s cannot be had back: what it purged had rows.', OLD.name));
            END IF;
            NEW.purged_at := NULL;
            -- It gave up its claims.
            PERFORM {schema}.refuse_taken_columns(NEW);
            RETURN NEW;
        END IF;
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

-- The statements that grant what an ACL says; without one it is as it is when something is made. What PUBLIC has by then it keeps, so that
-- the ACL is in the same order.
CREATE FUNCTION {schema}.granting(what text, acl aclitem[], of_columns text DEFAULT '') RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN acl IS NULL THEN '{}' ELSE
        ARRAY(
            SELECT format('REVOKE ALL ON %s FROM PUBLIC', what)
            WHERE of_columns = '' AND NOT EXISTS (SELECT FROM aclexplode(acl) x WHERE x.grantee = 0)
        ) || ARRAY(
            SELECT format('GRANT %s%s ON %s TO %s%s', x.privilege_type, of_columns, what,
                CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(x.grantee)) END,
                CASE WHEN x.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
            FROM aclexplode(acl) x
        ) END
$$;

CREATE FUNCTION {schema}.commenting(what text, said text) RETURNS text[]
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN said IS NULL THEN '{}' ELSE ARRAY[format('COMMENT ON %s IS %L', what, said)] END
$$;

-- What stands on the tables of a change, and its functions: each thing with a key that no other thing ever has, and with the statements
-- that make it, in order of `place` and `number`. What comes with another thing is `within` that one.
CREATE FUNCTION {schema}.standing(change_id bigint)
RETURNS TABLE (place integer, number bigint, key text, within text, statements text[])
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH RECURSIVE named(oid) AS (
        SELECT s.relation FROM {schema}.change c JOIN {schema}.site s ON (s.change_id, s.attempt) = (c.id, c.attempt)
        WHERE c.id = standing.change_id
        UNION
        SELECT to_regclass(one.called)::oid
        FROM {schema}.change c JOIN {schema}.site s ON (s.change_id, s.attempt) = (c.id, c.attempt) CROSS JOIN unnest(s.called) one(called)
        WHERE c.id = standing.change_id
        UNION
        SELECT to_regclass(one.called)::oid FROM {schema}.change c CROSS JOIN unnest({schema}.texts(c.plan->'hidden_views')) one(called)
        WHERE c.id = standing.change_id
    ), tree(oid) AS (
        SELECT oid FROM named WHERE oid IS NOT NULL
        UNION
        SELECT i.inhrelid FROM tree JOIN pg_inherits i ON i.inhparent = tree.oid
    ), relation AS (
        SELECT c.*, format('%I.%I', n.nspname, c.relname) AS name, quote_ident(pg_get_userbyid(c.relowner)) AS owner
        FROM tree JOIN pg_class c ON c.oid = tree.oid JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p', 'v', 'm')
    ), field AS (
        SELECT r.oid, r.name, r.relispartition, a.attnum, a.attname, a.attacl, a.attislocal, a.attinhcount,
            format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod))
            || CASE WHEN a.attcollation <> t.typcollation
                THEN (SELECT format(' COLLATE %I.%I', m.nspname, l.collname) FROM pg_collation l
                      JOIN pg_namespace m ON m.oid = l.collnamespace WHERE l.oid = a.attcollation) ELSE '' END
            || CASE WHEN a.attgenerated <> ''
                THEN format(' GENERATED ALWAYS AS (%s)%s', pg_get_expr(d.adbin, d.adrelid),
                    CASE a.attgenerated WHEN 's' THEN ' STORED' ELSE ' VIRTUAL' END)
                WHEN d.adbin IS NOT NULL THEN ' DEFAULT ' || pg_get_expr(d.adbin, d.adrelid)
                WHEN a.attidentity <> ''
                THEN format(' GENERATED %s AS IDENTITY (SEQUENCE NAME %s%s)',
                    CASE a.attidentity WHEN 'a' THEN 'ALWAYS' ELSE 'BY DEFAULT' END, own.sequence, own.options)
                ELSE '' END
            || CASE WHEN n.conname IS NOT NULL
                THEN format(' CONSTRAINT %I NOT NULL%s', n.conname, CASE WHEN n.connoinherit THEN ' NO INHERIT' ELSE '' END)
                WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END AS definition,
            ARRAY(SELECT format('ALTER TABLE %s ALTER COLUMN %I SET STORAGE %s', r.name, a.attname,
                    CASE a.attstorage WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL' WHEN 'm' THEN 'MAIN' ELSE 'EXTENDED' END)
                WHERE a.attstorage <> t.typstorage)
            || ARRAY(SELECT format('ALTER TABLE %s ALTER COLUMN %I SET COMPRESSION %s', r.name, a.attname,
                    CASE a.attcompression WHEN 'p' THEN 'pglz' ELSE 'lz4' END) WHERE a.attcompression <> '')
            || ARRAY(SELECT format('ALTER TABLE %s ALTER COLUMN %I SET STATISTICS %s', r.name, a.attname, a.attstattarget)
                WHERE a.attstattarget >= 0)
            || ARRAY(SELECT format('ALTER TABLE %s ALTER COLUMN %I SET (%s)', r.name, a.attname, array_to_string(a.attoptions, ', '))
                WHERE a.attoptions IS NOT NULL)
            || {schema}.commenting(format('COLUMN %s.%I', r.name, a.attname), col_description(r.oid, a.attnum))
            || {schema}.granting('TABLE ' || r.name, a.attacl, format(' (%I)', a.attname)) AS more
        FROM relation r
        JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
        JOIN pg_type t ON t.oid = a.atttypid
        LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        LEFT JOIN pg_constraint n ON n.conrelid = a.attrelid AND n.contype = 'n' AND n.conkey = ARRAY[a.attnum]
        LEFT JOIN LATERAL (
            SELECT q.seqrelid::regclass::text AS sequence, format(' INCREMENT BY %s MINVALUE %s MAXVALUE %s START WITH %s CACHE %s%s',
                q.seqincrement, q.seqmin, q.seqmax, q.seqstart, q.seqcache, CASE WHEN q.seqcycle THEN ' CYCLE' ELSE '' END) AS options
            FROM pg_sequence q WHERE a.attidentity <> '' AND q.seqrelid = pg_get_serial_sequence(r.name, a.attname)::regclass
        ) own ON true
        WHERE r.relkind IN ('r', 'p')
    ), owned AS (
        SELECT q.*, c.relowner, c.relacl, q.seqrelid::regclass::text AS name, format('%s.%I', r.name, a.attname) AS by
        FROM relation r
        JOIN pg_depend p ON p.refclassid = 'pg_class'::regclass AND p.refobjid = r.oid AND p.refobjsubid > 0
            AND p.classid = 'pg_class'::regclass AND p.deptype = 'a'
        JOIN pg_sequence q ON q.seqrelid = p.objid JOIN pg_class c ON c.oid = q.seqrelid
        JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum = p.refobjsubid
    )
    SELECT 10, o.seqrelid::bigint, 'sequence ' || o.seqrelid::bigint, NULL,
        ARRAY[format('CREATE SEQUENCE %s AS %s INCREMENT BY %s MINVALUE %s MAXVALUE %s START WITH %s CACHE %s%s', o.name,
            format_type(o.seqtypid, NULL), o.seqincrement, o.seqmin, o.seqmax, o.seqstart, o.seqcache,
            CASE WHEN o.seqcycle THEN ' CYCLE' ELSE '' END),
            format('ALTER SEQUENCE %s OWNER TO %I', o.name, pg_get_userbyid(o.relowner))]
        || {schema}.granting('SEQUENCE ' || o.name, o.relacl)
    FROM owned o
    UNION ALL
    SELECT 20, r.oid::bigint, 'table ' || r.oid::bigint, NULL,
        ARRAY[format('CREATE %sTABLE %s ', CASE r.relpersistence WHEN 'u' THEN 'UNLOGGED ' ELSE '' END, r.name)
            || CASE WHEN r.relispartition
                THEN (SELECT format('PARTITION OF %s %s', i.inhparent::regclass, pg_get_expr(r.relpartbound, r.oid))
                      FROM pg_inherits i WHERE i.inhrelid = r.oid)
                ELSE (SELECT format('(%s)', string_agg(f.definition, ', ' ORDER BY f.attnum))
                      FROM field f WHERE f.oid = r.oid AND f.attislocal)
                    || coalesce((SELECT ' INHERITS (' || string_agg(i.inhparent::regclass::text, ', ' ORDER BY i.inhseqno) || ')'
                                 FROM pg_inherits i WHERE i.inhrelid = r.oid), '') END
            || coalesce(' PARTITION BY ' || pg_get_partkeydef(r.oid), '')
            || coalesce(' WITH (' || array_to_string(r.reloptions, ', ') || ')', ''),
            format('ALTER TABLE %s OWNER TO %s', r.name, r.owner)]
        || ARRAY(SELECT format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', r.name) WHERE r.relrowsecurity)
        || ARRAY(SELECT format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', r.name) WHERE r.relforcerowsecurity)
        || {schema}.granting('TABLE ' || r.name, r.relacl)
        || {schema}.commenting('TABLE ' || r.name, obj_description(r.oid, 'pg_class'))
        || ARRAY(SELECT format('ALTER PUBLICATION %I ADD TABLE ONLY %s', p.pubname, r.name)
            FROM pg_publication_rel l JOIN pg_publication p ON p.oid = l.prpubid WHERE l.prrelid = r.oid)
    FROM relation r WHERE r.relkind IN ('r', 'p')
    UNION ALL
    SELECT 30, f.oid::bigint * 2000 + f.attnum, format('column %s.%s', f.oid::bigint, f.attnum), 'table ' || f.oid::bigint,
        ARRAY[format('ALTER TABLE %s ADD COLUMN %s', f.name, f.definition)]
    FROM field f WHERE f.attislocal AND NOT f.relispartition
    UNION ALL
    SELECT 35, f.oid::bigint * 2000 + f.attnum, format('what column %s.%s has', f.oid::bigint, f.attnum), NULL, f.more FROM field f
    UNION ALL
    SELECT 36, o.seqrelid::bigint, 'owner of sequence ' || o.seqrelid::bigint, NULL,
        ARRAY[format('ALTER SEQUENCE %s OWNED BY %s', o.name, o.by)]
    FROM owned o
    UNION ALL
    SELECT CASE k.contype WHEN 'f' THEN 90 WHEN 'c' THEN 40 ELSE 41 END, k.oid::bigint, 'constraint ' || k.oid::bigint,
        CASE k.contype WHEN 'n' THEN format('column %s.%s', k.conrelid::bigint, k.conkey[1]) END,
        ARRAY[format('ALTER TABLE %s ADD CONSTRAINT %I %s', k.conrelid::regclass, k.conname, pg_get_constraintdef(k.oid))]
        || {schema}.commenting(format('CONSTRAINT %I ON %s', k.conname, k.conrelid::regclass), obj_description(k.oid, 'pg_constraint'))
    FROM pg_constraint k
    WHERE k.contype IN ('c', 'p', 'u', 'x', 'f', 'n') AND k.conparentid = 0 AND (k.conislocal OR k.contype = 'f')
        AND (k.conrelid IN (SELECT oid FROM relation) OR k.confrelid IN (SELECT oid FROM relation))
    UNION ALL
    SELECT CASE r.relkind WHEN 'm' THEN 72 ELSE 50 END, i.indexrelid::bigint, 'index ' || i.indexrelid::bigint, NULL,
        ARRAY[pg_get_indexdef(i.indexrelid)]
        || {schema}.commenting('INDEX ' || i.indexrelid::regclass, obj_description(i.indexrelid, 'pg_class'))
        || ARRAY(SELECT format('ALTER INDEX %s ALTER COLUMN %s SET STATISTICS %s', i.indexrelid::regclass, a.attnum, a.attstattarget)
            FROM pg_attribute a WHERE a.attrelid = i.indexrelid AND a.attstattarget >= 0)
    FROM relation r JOIN pg_index i ON i.indrelid = r.oid JOIN pg_class x ON x.oid = i.indexrelid AND NOT x.relispartition
    WHERE NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x'))
    UNION ALL
    SELECT 55, i.indexrelid::bigint, 'what index ' || i.indexrelid::bigint || ' is for', NULL,
        ARRAY(SELECT format('ALTER TABLE %s REPLICA IDENTITY USING INDEX %I', r.name, x.relname) WHERE i.indisreplident)
        || ARRAY(SELECT format('ALTER TABLE %s CLUSTER ON %I', r.name, x.relname) WHERE i.indisclustered)
    FROM relation r JOIN pg_index i ON i.indrelid = r.oid JOIN pg_class x ON x.oid = i.indexrelid
    WHERE i.indisreplident OR i.indisclustered
    UNION ALL
    SELECT 60, s.oid::bigint, 'statistics ' || s.oid::bigint, NULL,
        ARRAY[pg_get_statisticsobjdef(s.oid)]
        || {schema}.commenting(format('STATISTICS %s', format('%I.%I', n.nspname, s.stxname)), obj_description(s.oid, 'pg_statistic_ext'))
    FROM relation r JOIN pg_statistic_ext s ON s.stxrelid = r.oid JOIN pg_namespace n ON n.oid = s.stxnamespace
    UNION ALL
    SELECT 70, r.oid::bigint, 'view ' || r.oid::bigint, NULL,
        ARRAY[format('CREATE %sVIEW %s%s AS %s', CASE r.relkind WHEN 'm' THEN 'MATERIALIZED ' ELSE '' END, r.name,
            coalesce(' WITH (' || array_to_string(r.reloptions, ', ') || ')', ''), rtrim(pg_get_viewdef(r.oid), ';')),
            format('ALTER TABLE %s OWNER TO %s', r.name, r.owner)]
        || {schema}.granting('TABLE ' || r.name, r.relacl)
        || {schema}.commenting(CASE r.relkind WHEN 'm' THEN 'MATERIALIZED ' ELSE '' END || 'VIEW ' || r.name,
            obj_description(r.oid, 'pg_class'))
    FROM relation r WHERE r.relkind IN ('v', 'm')
    UNION ALL
    SELECT 75, p.oid::bigint, 'function ' || p.oid::bigint, NULL,
        ARRAY[pg_get_functiondef(p.oid)] || {schema}.granting('ROUTINE ' || p.oid::regprocedure, p.proacl)
    FROM pg_proc p WHERE p.pronamespace = $name${sync}$name$::regnamespace AND p.prokind IN ('f', 'p')
    UNION ALL
    SELECT 80, t.oid::bigint, 'trigger ' || t.oid::bigint, NULL,
        ARRAY[pg_get_triggerdef(t.oid)]
        || ARRAY(SELECT format('ALTER TABLE %s %s TRIGGER %I', r.name,
            CASE t.tgenabled WHEN 'A' THEN 'ENABLE ALWAYS' WHEN 'R' THEN 'ENABLE REPLICA' ELSE 'DISABLE' END, t.tgname)
            WHERE t.tgenabled <> 'O')
        || {schema}.commenting(format('TRIGGER %I ON %s', t.tgname, r.name), obj_description(t.oid, 'pg_trigger'))
    FROM relation r JOIN pg_trigger t ON t.tgrelid = r.oid AND NOT t.tgisinternal AND t.tgparentid = 0
    UNION ALL
    SELECT 81, w.oid::bigint, 'rule ' || w.oid::bigint, NULL, ARRAY[rtrim(pg_get_ruledef(w.oid), ';')]
    FROM relation r JOIN pg_rewrite w ON w.ev_class = r.oid AND w.rulename <> '_RETURN'
    UNION ALL
    SELECT 82, p.oid::bigint, 'policy ' || p.oid::bigint, NULL,
        ARRAY[format('CREATE POLICY %I ON %s AS %s FOR %s TO %s%s%s', p.polname, r.name,
            CASE WHEN p.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
            CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
            (SELECT string_agg(CASE role WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(role)) END, ', ') FROM unnest(p.polroles) role),
            coalesce(' USING (' || pg_get_expr(p.polqual, p.polrelid) || ')', ''),
            coalesce(' WITH CHECK (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')', ''))]
    FROM relation r JOIN pg_policy p ON p.polrelid = r.oid
$$;

-- For the transaction that purges: before it, and after it.
CREATE FUNCTION {schema}.keep_standing(change_id bigint) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO {schema}.purged (change_id, attempt, cycle, was)
    SELECT c.id, c.attempt, c.cycle, (SELECT jsonb_agg(to_jsonb(s)) FROM {schema}.standing(c.id) s)
    FROM {schema}.change c WHERE c.id = keep_standing.change_id
$$;

CREATE FUNCTION {schema}.keep_purged(change_id bigint) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    WITH left_over AS MATERIALIZED (SELECT s.key FROM {schema}.standing(keep_purged.change_id) s)
    UPDATE {schema}.purged p SET was = NULL, statements = ARRAY(
        SELECT made.statement
        FROM jsonb_array_elements(p.was) gone, jsonb_array_elements_text(gone->'statements') WITH ORDINALITY made(statement, number)
        WHERE gone->>'key' NOT IN (SELECT key FROM left_over)
            AND (gone->>'within' IS NULL OR gone->>'within' IN (SELECT key FROM left_over))
        ORDER BY (gone->>'place')::integer, (gone->>'number')::bigint, made.number
    )
    FROM {schema}.change c
    WHERE c.id = keep_purged.change_id AND (p.change_id, p.attempt, p.cycle) = (c.id, c.attempt, c.cycle)
$$;
REVOKE ALL ON FUNCTION {schema}.keep_standing(bigint), {schema}.keep_purged(bigint) FROM PUBLIC;
