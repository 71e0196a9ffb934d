-- = fill display_name in rows that were there before
--   by size, reversible; locks: ROW EXCLUSIVE on public.users
SELECT pg_catalog.count(*) AS wanted,
       pg_catalog.min(t.ctid) AS first,
       pg_catalog.max(t.ctid) AS last,
       pg_catalog.max(256 OPERATOR(pg_catalog.*) pg_catalog.get_byte(pg_catalog.tidsend(t.ctid), 4) OPERATOR(pg_catalog.+) pg_catalog.get_byte(pg_catalog.tidsend(t.ctid), 5)) FILTER (WHERE t.ctid OPERATOR(pg_catalog.<) $3) AS highest,
       pg_catalog.pg_relation_filenode('public.users'::pg_catalog.regclass) AS filenode,
       pg_catalog.pg_relation_size('public.users'::pg_catalog.regclass)
         OPERATOR(pg_catalog./) pg_catalog.current_setting('block_size')::pg_catalog.int8 AS blocks
FROM ONLY public.users t
WHERE t.ctid OPERATOR(pg_catalog.>=) $1 AND t.ctid OPERATOR(pg_catalog.<) $2 AND (NOT (CASE WHEN t.display_name IS NULL THEN t.name IS NULL ELSE COALESCE(t.display_name OPERATOR(pg_catalog.=) t.name, false) END));
WITH mine AS MATERIALIZED (
  SELECT c.id, c.change_id, pg_catalog.pg_stat_get_xact_tuples_hot_updated('public.users'::pg_catalog.regclass) AS hot, pg_catalog.pg_current_wal_insert_lsn() AS began_at
  FROM expandcontract.chunk c
  WHERE c.id OPERATOR(pg_catalog.=) $1 AND c.token OPERATOR(pg_catalog.=) $2 AND c.status OPERATOR(pg_catalog.=) 'running'
    AND c.filenode OPERATOR(pg_catalog.=) pg_catalog.pg_relation_filenode('public.users'::pg_catalog.regclass)
  FOR UPDATE
),
chosen AS MATERIALIZED (
  SELECT share.*
  FROM pg_catalog.generate_series($3::pg_catalog.int8, $4::pg_catalog.int8) AS page (number)
  CROSS JOIN LATERAL (
    SELECT t.ctid,
         CASE WHEN t.display_name IS DISTINCT FROM NULL THEN pg_catalog.jsonb_build_array(
           pg_catalog.jsonb_build_object('id', (t.id)::pg_catalog.text), CASE WHEN t.name IS DISTINCT FROM NULL THEN pg_catalog.format('%s', t.name) END, CASE WHEN t.display_name IS DISTINCT FROM NULL THEN pg_catalog.format('%s', t.display_name) END) END AS drifted
    FROM ONLY public.users t
    WHERE t.ctid OPERATOR(pg_catalog.>=) pg_catalog.concat('(', page.number, ',', $7::pg_catalog.int4, ')')::pg_catalog.tid AND t.ctid OPERATOR(pg_catalog.<) pg_catalog.concat('(', page.number, ',', $8::pg_catalog.int4, ')')::pg_catalog.tid AND (NOT (CASE WHEN t.display_name IS NULL THEN t.name IS NULL ELSE COALESCE(t.display_name OPERATOR(pg_catalog.=) t.name, false) END))
    FOR NO KEY UPDATE SKIP LOCKED
  ) AS share
  WHERE EXISTS (SELECT FROM mine)
  LIMIT $5::pg_catalog.int8
),
overwritten AS (
  INSERT INTO expandcontract.conflict (change_id, kind, key, old_value, new_value, role, sentence)
  SELECT mine.change_id, 'overwritten', drifted OPERATOR(pg_catalog.->) 0, drifted OPERATOR(pg_catalog.->>) 1, drifted OPERATOR(pg_catalog.->>) 2,
         CURRENT_USER, 'the two sides had drifted apart, and the new one was filled from the old one again'
  FROM chosen, mine
  WHERE chosen.drifted IS NOT NULL
),
updated AS (
  UPDATE ONLY public.users t
  SET display_name = t.name
  WHERE t.ctid OPERATOR(pg_catalog.=) ANY (ARRAY(SELECT chosen.ctid FROM chosen)) AND (NOT (CASE WHEN t.display_name IS NULL THEN t.name IS NULL ELSE COALESCE(t.display_name OPERATOR(pg_catalog.=) t.name, false) END))
  RETURNING 1
),
written AS MATERIALIZED (
  SELECT pg_catalog.count(*) AS rows FROM updated
)
UPDATE expandcontract.chunk c
SET leased_until = pg_catalog.clock_timestamp() OPERATOR(pg_catalog.+) INTERVAL '10 seconds', updated_at = pg_catalog.clock_timestamp(),
    batch = $5, throttled_by = $6,
    rows = c.rows OPERATOR(pg_catalog.+) written.rows,
    hot_rows = c.hot_rows OPERATOR(pg_catalog.+) CASE WHEN written.rows OPERATOR(pg_catalog.>=) 0 THEN pg_catalog.pg_stat_get_xact_tuples_hot_updated('public.users'::pg_catalog.regclass) OPERATOR(pg_catalog.-) mine.hot END
FROM mine, written
WHERE c.id OPERATOR(pg_catalog.=) mine.id
RETURNING written.rows AS written, c.rows OPERATOR(pg_catalog.-) c.hot_rows AS moved, pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_insert_lsn(), mine.began_at)::pg_catalog.float8 AS wal_bytes,
  extract(epoch FROM pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) pg_catalog.statement_timestamp())::pg_catalog.float8
    AS seconds;
WITH mine AS MATERIALIZED (
  SELECT c.id, c.change_id, pg_catalog.pg_stat_get_xact_tuples_hot_updated('public.users'::pg_catalog.regclass) AS hot, pg_catalog.pg_current_wal_insert_lsn() AS began_at
  FROM expandcontract.chunk c
  WHERE c.id OPERATOR(pg_catalog.=) $1 AND c.token OPERATOR(pg_catalog.=) $2 AND c.status OPERATOR(pg_catalog.=) 'running'
    AND c.filenode OPERATOR(pg_catalog.=) pg_catalog.pg_relation_filenode('public.users'::pg_catalog.regclass)
  FOR UPDATE
),
chosen AS MATERIALIZED (
  SELECT t.ctid,
         CASE WHEN t.display_name IS DISTINCT FROM NULL THEN pg_catalog.jsonb_build_array(
           pg_catalog.jsonb_build_object('id', (t.id)::pg_catalog.text), CASE WHEN t.name IS DISTINCT FROM NULL THEN pg_catalog.format('%s', t.name) END, CASE WHEN t.display_name IS DISTINCT FROM NULL THEN pg_catalog.format('%s', t.display_name) END) END AS drifted
  FROM ONLY public.users t
  WHERE t.ctid OPERATOR(pg_catalog.>=) $3 AND t.ctid OPERATOR(pg_catalog.<) (SELECT $4::pg_catalog.tid FROM mine) AND (NOT (CASE WHEN t.display_name IS NULL THEN t.name IS NULL ELSE COALESCE(t.display_name OPERATOR(pg_catalog.=) t.name, false) END))
  LIMIT $5::pg_catalog.int8
  FOR NO KEY UPDATE SKIP LOCKED
),
overwritten AS (
  INSERT INTO expandcontract.conflict (change_id, kind, key, old_value, new_value, role, sentence)
  SELECT mine.change_id, 'overwritten', drifted OPERATOR(pg_catalog.->) 0, drifted OPERATOR(pg_catalog.->>) 1, drifted OPERATOR(pg_catalog.->>) 2,
         CURRENT_USER, 'the two sides had drifted apart, and the new one was filled from the old one again'
  FROM chosen, mine
  WHERE chosen.drifted IS NOT NULL
),
updated AS (
  UPDATE ONLY public.users t
  SET display_name = t.name
  WHERE t.ctid OPERATOR(pg_catalog.=) ANY (ARRAY(SELECT chosen.ctid FROM chosen)) AND (NOT (CASE WHEN t.display_name IS NULL THEN t.name IS NULL ELSE COALESCE(t.display_name OPERATOR(pg_catalog.=) t.name, false) END))
  RETURNING 1
),
written AS MATERIALIZED (
  SELECT pg_catalog.count(*) AS rows FROM updated
),
found AS MATERIALIZED (
  SELECT pg_catalog.count(*) AS rows
  FROM ONLY public.users t
  WHERE t.ctid OPERATOR(pg_catalog.>=) $3 AND t.ctid OPERATOR(pg_catalog.<) $4 AND (NOT (CASE WHEN t.display_name IS NULL THEN t.name IS NULL ELSE COALESCE(t.display_name OPERATOR(pg_catalog.=) t.name, false) END))
)
UPDATE expandcontract.chunk c
SET leased_until = pg_catalog.clock_timestamp() OPERATOR(pg_catalog.+) INTERVAL '10 seconds', updated_at = pg_catalog.clock_timestamp(),
    batch = $5, throttled_by = $6,
    rows = c.rows OPERATOR(pg_catalog.+) written.rows,
    hot_rows = c.hot_rows OPERATOR(pg_catalog.+) CASE WHEN written.rows OPERATOR(pg_catalog.>=) 0 THEN pg_catalog.pg_stat_get_xact_tuples_hot_updated('public.users'::pg_catalog.regclass) OPERATOR(pg_catalog.-) mine.hot END,
    next_block = CASE WHEN found.rows OPERATOR(pg_catalog.<=) written.rows THEN $7 ELSE c.next_block END
FROM mine, written, found
WHERE c.id OPERATOR(pg_catalog.=) mine.id
RETURNING written.rows AS written, c.rows OPERATOR(pg_catalog.-) c.hot_rows AS moved,
  (SELECT pg_catalog.count(*) FROM chosen) AS locked, found.rows AS found, pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_insert_lsn(), mine.began_at)::pg_catalog.float8 AS wal_bytes,
  extract(epoch FROM pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) pg_catalog.statement_timestamp())::pg_catalog.float8
    AS seconds;

-- + build index ix_users_display_name without stopping anybody
--   by size, reversible; locks: SHARE UPDATE EXCLUSIVE on public.users
CREATE INDEX CONCURRENTLY ix_users_display_name ON public.users USING btree (display_name);

-- = the planner's statistics for display_name
--   by size, reversible; locks: SHARE UPDATE EXCLUSIVE on public.users
ANALYZE public.users;

-- ~ ready: display_name counts as filled in every row
--   instant, reversible; locks: none
CREATE OR REPLACE FUNCTION expandcontract_sync."~ec_0001_rename_users_name"() RETURNS trigger LANGUAGE plpgsql AS $ec$
-- Keeps name and display_name of public.users in sync, whoever writes. From ready on.
DECLARE
    old_given boolean;
    new_given boolean;
    altered boolean := false;  -- by a trigger of the user, since our first one
    place pg_catalog.text;
    seen pg_catalog.text[];
    old_left boolean;
    new_left boolean;
    later boolean;
BEGIN
    IF TG_OP OPERATOR(pg_catalog.=) 'INSERT' THEN
        new_given := NOT (NEW.display_name IS NOT DISTINCT FROM NULL);
        old_given := NOT (NEW.name IS NOT DISTINCT FROM NULL);
        IF new_given AND NEW.name IS NOT NULL THEN
            later := expandcontract_sync.is_default(TG_RELID, 'display_name', NEW.display_name, NULL);
            IF later THEN
                new_given := false;
            ELSIF later IS NULL AND old_given THEN
                BEGIN PERFORM expandcontract_sync.note_conflict('0001_rename_users_name', 'both written', pg_catalog.jsonb_build_object('id', NEW.id)::pg_catalog.text, pg_catalog.format('%s', NEW.name), pg_catalog.format('%s', NEW.display_name), current_user, 'the old side won: the new one has a default that came later'); EXCEPTION WHEN OTHERS THEN NULL; END;
                new_given := false;
            ELSIF old_given AND expandcontract_sync.is_default(TG_RELID, 'name', NEW.name, NULL) THEN
                old_given := false;
            END IF;
        END IF;
    ELSE
        new_given := NOT (CASE WHEN NEW.display_name IS NULL THEN OLD.display_name IS NULL ELSE COALESCE(NEW.display_name OPERATOR(pg_catalog.=) OLD.display_name, false) END);
        old_given := NOT (CASE WHEN NEW.name IS NULL THEN OLD.name IS NULL ELSE COALESCE(NEW.name OPERATOR(pg_catalog.=) OLD.name, false) END);
    END IF;
    IF TG_NARGS OPERATOR(pg_catalog.>) 0 THEN
        place := pg_catalog.concat(TG_RELID, OLD.ctid);
        seen := pg_catalog.string_to_array(pg_catalog.current_setting(pg_catalog.concat('expandcontract.left_b97e7587f2_', pg_catalog.pg_trigger_depth()), true), ' ');
        IF TG_ARGV[0] OPERATOR(pg_catalog.=) 'last' AND seen[1] OPERATOR(pg_catalog.=) place THEN
            old_left := seen[2] OPERATOR(pg_catalog.=) pg_catalog.md5(pg_catalog.format('%L', NEW.name));
            new_left := seen[3] OPERATOR(pg_catalog.=) pg_catalog.md5(pg_catalog.format('%L', NEW.display_name));
            IF old_left AND new_left THEN
                RETURN NEW;
            ELSIF (old_left OR new_left)
                AND (TG_OP OPERATOR(pg_catalog.=) 'UPDATE' OR old_given AND new_given)
            THEN
                altered := true;
                new_given := old_left;
                old_given := new_left;
            END IF;
        END IF;
        IF TG_ARGV[0] OPERATOR(pg_catalog.=) 'last' AND old_given AND new_given AND NOT altered
            AND (TG_OP OPERATOR(pg_catalog.=) 'INSERT' OR NOT COALESCE(seen[1] OPERATOR(pg_catalog.=) place, false))
        THEN
            BEGIN PERFORM expandcontract_sync.note_conflict('0001_rename_users_name', 'both written', pg_catalog.jsonb_build_object('id', NEW.id)::pg_catalog.text, pg_catalog.format('%s', NEW.name), pg_catalog.format('%s', NEW.display_name), current_user, 'the old side won: a trigger of the table changed it'); EXCEPTION WHEN OTHERS THEN NULL; END;
            altered := true;
            new_given := false;
        END IF;
    END IF;
    IF new_given THEN
        IF old_given AND NOT altered THEN
            BEGIN PERFORM expandcontract_sync.note_conflict('0001_rename_users_name', 'both written', pg_catalog.jsonb_build_object('id', NEW.id)::pg_catalog.text, pg_catalog.format('%s', NEW.name), pg_catalog.format('%s', NEW.display_name), current_user, 'the new side won'); EXCEPTION WHEN OTHERS THEN NULL; END;
        END IF;
        NEW.name := NEW.display_name;
        IF NOT altered AND COALESCE(pg_catalog.current_setting('expandcontract.new_b97e7587f2_ready', true), '') OPERATOR(pg_catalog.<>) pg_catalog.concat(pg_catalog.current_setting('application_name'), ' ', pg_catalog.to_char(pg_catalog.now(), 'YYYYMMDDHH24MI')) THEN
            PERFORM pg_catalog.set_config('expandcontract.new_b97e7587f2_ready', pg_catalog.concat(pg_catalog.current_setting('application_name'), ' ', pg_catalog.to_char(pg_catalog.now(), 'YYYYMMDDHH24MI')), false);
            BEGIN PERFORM expandcontract_sync.note_use('0001_rename_users_name', 'new', current_user); EXCEPTION WHEN OTHERS THEN NULL; END;
        END IF;
    ELSE
        IF TG_OP OPERATOR(pg_catalog.=) 'UPDATE' AND NOT old_given AND NEW.display_name IS NOT NULL THEN
            BEGIN PERFORM expandcontract_sync.note_conflict('0001_rename_users_name', 'overwritten', pg_catalog.jsonb_build_object('id', NEW.id)::pg_catalog.text, pg_catalog.format('%s', NEW.name), pg_catalog.format('%s', NEW.display_name), current_user, 'the two sides had drifted apart, and a write of another column filled the new one again'); EXCEPTION WHEN OTHERS THEN NULL; END;
        END IF;
        NEW.display_name := NEW.name;
        IF old_given THEN
            IF NOT altered AND COALESCE(pg_catalog.current_setting('expandcontract.old_b97e7587f2_ready', true), '') OPERATOR(pg_catalog.<>) pg_catalog.concat(pg_catalog.current_setting('application_name'), ' ', pg_catalog.to_char(pg_catalog.clock_timestamp(), 'YYYYMMDDHH24MI')) THEN
                PERFORM pg_catalog.set_config('expandcontract.old_b97e7587f2_ready', pg_catalog.concat(pg_catalog.current_setting('application_name'), ' ', pg_catalog.to_char(pg_catalog.clock_timestamp(), 'YYYYMMDDHH24MI')), false);
                BEGIN PERFORM expandcontract_sync.note_use('0001_rename_users_name', 'old', current_user); EXCEPTION WHEN OTHERS THEN NULL; END;
            END IF;
        END IF;
    END IF;
    IF TG_NARGS OPERATOR(pg_catalog.>) 0 AND TG_ARGV[0] OPERATOR(pg_catalog.=) 'first' THEN
        PERFORM pg_catalog.set_config(pg_catalog.concat('expandcontract.left_b97e7587f2_', pg_catalog.pg_trigger_depth()), pg_catalog.concat_ws(' ', place, pg_catalog.md5(pg_catalog.format('%L', NEW.name)), pg_catalog.md5(pg_catalog.format('%L', NEW.display_name))), true);
    END IF;
    RETURN NEW;
EXCEPTION
    WHEN syntax_error_or_access_rule_violation OR data_exception OR invalid_schema_name THEN
        IF COALESCE(pg_catalog.current_setting('expandcontract.fault_b97e7587f2', true), '') OPERATOR(pg_catalog.<>) pg_catalog.concat(pg_catalog.current_setting('application_name'), ' ', pg_catalog.to_char(pg_catalog.now(), 'YYYYMMDDHH24MI')) THEN
            PERFORM pg_catalog.set_config('expandcontract.fault_b97e7587f2', pg_catalog.concat(pg_catalog.current_setting('application_name'), ' ', pg_catalog.to_char(pg_catalog.now(), 'YYYYMMDDHH24MI')), false);
            BEGIN PERFORM expandcontract_sync.note_conflict('0001_rename_users_name', 'does not fit', NULL, NULL, NULL, current_user, pg_catalog.concat('rows are not kept in sync: ', SQLERRM)); EXCEPTION WHEN OTHERS THEN NULL; END;
        END IF;
        RETURN NEW;
END
$ec$;
