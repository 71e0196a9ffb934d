-- = fill plain_title with what html:unescape makes of title, outside of the database
--   by size, reversible; locks: ROW EXCLUSIVE on public.articles
SELECT t.ctid, t.xmin, pg_catalog.jsonb_build_object('id', (t.id)::pg_catalog.text)::pg_catalog.text, t.title
FROM ONLY public.articles t
WHERE t.ctid OPERATOR(pg_catalog.>=) $1 AND t.ctid OPERATOR(pg_catalog.<) $2 AND ((t.plain_title IS NULL AND t.title IS NOT NULL))
ORDER BY t.ctid
LIMIT $3::pg_catalog.int8;
WITH mine AS MATERIALIZED (
  SELECT c.id, c.change_id, pg_catalog.pg_stat_get_xact_tuples_hot_updated('public.articles'::pg_catalog.regclass) AS hot, pg_catalog.pg_current_wal_insert_lsn() AS began_at
  FROM expandcontract.chunk c
  WHERE c.id OPERATOR(pg_catalog.=) $1 AND c.token OPERATOR(pg_catalog.=) $2 AND c.status OPERATOR(pg_catalog.=) 'running'
    AND c.filenode OPERATOR(pg_catalog.=) pg_catalog.pg_relation_filenode('public.articles'::pg_catalog.regclass)
  FOR UPDATE
),
scanned AS MATERIALIZED (
  SELECT pg_catalog.count(*) AS rows FROM ONLY public.articles t
  WHERE t.ctid OPERATOR(pg_catalog.>=) $5 AND t.ctid OPERATOR(pg_catalog.<) (SELECT $6::pg_catalog.tid FROM mine)
),
computed AS MATERIALIZED (
  SELECT * FROM ROWS FROM (
    pg_catalog.unnest($3::pg_catalog.tid[]), pg_catalog.unnest($4::pg_catalog.xid[]),
    pg_catalog.unnest($10::pg_catalog.text[])
  ) AS v (place, version, value_1)
),
chosen AS MATERIALIZED (
  SELECT t.ctid, computed.version, computed.value_1
  FROM computed JOIN ONLY public.articles t ON t.ctid OPERATOR(pg_catalog.=) computed.place AND t.xmin OPERATOR(pg_catalog.=) computed.version
  WHERE ((t.plain_title IS NULL AND t.title IS NOT NULL)) AND (SELECT scanned.rows FROM scanned) OPERATOR(pg_catalog.>=) 1
  FOR NO KEY UPDATE OF t SKIP LOCKED
),
updated AS (
  UPDATE ONLY public.articles t
  SET plain_title = chosen.value_1
  FROM chosen
  WHERE t.ctid OPERATOR(pg_catalog.=) chosen.ctid AND t.xmin OPERATOR(pg_catalog.=) chosen.version AND ((t.plain_title IS NULL AND t.title IS NOT NULL))
  RETURNING chosen.ctid
),
written AS MATERIALIZED (
  SELECT pg_catalog.count(*) AS rows FROM updated
)
UPDATE expandcontract.chunk c
SET leased_until = pg_catalog.clock_timestamp() OPERATOR(pg_catalog.+) INTERVAL '10 seconds', updated_at = pg_catalog.clock_timestamp(),
    batch = $7, throttled_by = $8,
    rows = c.rows OPERATOR(pg_catalog.+) written.rows,
    hot_rows = c.hot_rows OPERATOR(pg_catalog.+) CASE WHEN written.rows OPERATOR(pg_catalog.>=) 0 THEN pg_catalog.pg_stat_get_xact_tuples_hot_updated('public.articles'::pg_catalog.regclass) OPERATOR(pg_catalog.-) mine.hot END,
    next_block = CASE WHEN written.rows OPERATOR(pg_catalog.=) pg_catalog.cardinality($3) THEN COALESCE($9, c.next_block)
                      ELSE c.next_block END
FROM mine, written
WHERE c.id OPERATOR(pg_catalog.=) mine.id
RETURNING written.rows AS written, (SELECT pg_catalog.count(*) FROM chosen) AS locked, pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_insert_lsn(), mine.began_at)::pg_catalog.float8 AS wal_bytes,
  extract(epoch FROM pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) pg_catalog.statement_timestamp())::pg_catalog.float8
    AS seconds;
WITH mine AS MATERIALIZED (
  SELECT c.id, c.change_id
  FROM expandcontract.chunk c
  WHERE c.id OPERATOR(pg_catalog.=) $1 AND c.token OPERATOR(pg_catalog.=) $2 AND c.status OPERATOR(pg_catalog.=) 'running'
    AND c.filenode OPERATOR(pg_catalog.=) pg_catalog.pg_relation_filenode('public.articles'::pg_catalog.regclass)
  FOR UPDATE
),
kept AS (
  INSERT INTO expandcontract.conflict (change_id, kind, key, role, sentence)
  SELECT mine.change_id, 'transform', v.key::pg_catalog.jsonb, CURRENT_USER, v.sentence
  FROM mine, ROWS FROM (
    pg_catalog.unnest($3::pg_catalog.text[]), pg_catalog.unnest($4::pg_catalog.text[])
  ) AS v (key, sentence)
  WHERE NOT EXISTS (
    SELECT FROM expandcontract.conflict known
    WHERE known.change_id = mine.change_id AND known.kind = 'transform'
      AND known.key = v.key::pg_catalog.jsonb AND known.sentence = v.sentence
  )
)
UPDATE expandcontract.chunk c
SET leased_until = pg_catalog.clock_timestamp() OPERATOR(pg_catalog.+) INTERVAL '10 seconds', updated_at = pg_catalog.clock_timestamp(),
    mismatches = c.mismatches OPERATOR(pg_catalog.+) pg_catalog.cardinality($3),
    next_block = COALESCE($5, c.next_block)
FROM mine
WHERE c.id OPERATOR(pg_catalog.=) mine.id
RETURNING c.id;

-- + build index ix_articles_plain_title without stopping anybody
--   by size, reversible; locks: SHARE UPDATE EXCLUSIVE on public.articles
CREATE INDEX CONCURRENTLY ix_articles_plain_title ON public.articles USING btree (plain_title);

-- = the planner's statistics for plain_title
--   by size, reversible; locks: SHARE UPDATE EXCLUSIVE on public.articles
ANALYZE public.articles;

-- ~ ready: plain_title was filled in every row
--   instant, reversible; locks: none
CREATE OR REPLACE FUNCTION expandcontract_sync."~ec_0004_change_articles_title_type"() RETURNS trigger LANGUAGE plpgsql AS $ec$
-- plain_title of public.articles is computed from title outside of the database. What was made of another title never stays: the row is unfilled then.
DECLARE
    old_given boolean;
    new_given boolean;
BEGIN
    IF TG_OP OPERATOR(pg_catalog.=) 'INSERT' THEN
        new_given := NOT (NEW.plain_title IS NOT DISTINCT FROM NULL);
        old_given := NOT (NEW.title IS NOT DISTINCT FROM NULL);
    ELSE
        new_given := NOT (CASE WHEN NEW.plain_title IS NULL THEN OLD.plain_title IS NULL ELSE COALESCE(NEW.plain_title OPERATOR(pg_catalog.=) OLD.plain_title, false) END) AND NEW.plain_title IS NOT NULL;
        old_given := NOT (CASE WHEN NEW.title IS NULL THEN OLD.title IS NULL ELSE COALESCE(NEW.title OPERATOR(pg_catalog.=) OLD.title, false) END);
    END IF;
    IF pg_catalog.current_setting('expandcontract.filling', true) OPERATOR(pg_catalog.=) 'on' THEN
        -- Our own write of a value that was made of OLD: another trigger may have changed title with it.
        IF old_given AND TG_OP OPERATOR(pg_catalog.=) 'UPDATE' THEN
            NEW.plain_title := NULL;
        END IF;
    ELSIF new_given THEN
        IF COALESCE(pg_catalog.current_setting('expandcontract.new_98fd43bd0e_ready', true), '') OPERATOR(pg_catalog.<>) pg_catalog.concat(pg_catalog.current_setting('application_name'), ' ', pg_catalog.to_char(pg_catalog.now(), 'YYYYMMDDHH24MI')) THEN
            PERFORM pg_catalog.set_config('expandcontract.new_98fd43bd0e_ready', pg_catalog.concat(pg_catalog.current_setting('application_name'), ' ', pg_catalog.to_char(pg_catalog.now(), 'YYYYMMDDHH24MI')), false);
            BEGIN PERFORM expandcontract_sync.note_use('0004_change_articles_title_type', 'new', current_user); EXCEPTION WHEN OTHERS THEN NULL; END;
        END IF;
    ELSIF old_given THEN
        NEW.plain_title := NULL;
        IF COALESCE(pg_catalog.current_setting('expandcontract.old_98fd43bd0e_ready', true), '') OPERATOR(pg_catalog.<>) pg_catalog.concat(pg_catalog.current_setting('application_name'), ' ', pg_catalog.to_char(pg_catalog.clock_timestamp(), 'YYYYMMDDHH24MI')) THEN
                PERFORM pg_catalog.set_config('expandcontract.old_98fd43bd0e_ready', pg_catalog.concat(pg_catalog.current_setting('application_name'), ' ', pg_catalog.to_char(pg_catalog.clock_timestamp(), 'YYYYMMDDHH24MI')), false);
                BEGIN PERFORM expandcontract_sync.note_use('0004_change_articles_title_type', 'old', current_user); EXCEPTION WHEN OTHERS THEN NULL; END;
            END IF;
    END IF;
    RETURN NEW;
EXCEPTION
    WHEN syntax_error_or_access_rule_violation OR data_exception OR invalid_schema_name THEN
        IF COALESCE(pg_catalog.current_setting('expandcontract.fault_98fd43bd0e', true), '') OPERATOR(pg_catalog.<>) pg_catalog.concat(pg_catalog.current_setting('application_name'), ' ', pg_catalog.to_char(pg_catalog.now(), 'YYYYMMDDHH24MI')) THEN
            PERFORM pg_catalog.set_config('expandcontract.fault_98fd43bd0e', pg_catalog.concat(pg_catalog.current_setting('application_name'), ' ', pg_catalog.to_char(pg_catalog.now(), 'YYYYMMDDHH24MI')), false);
            BEGIN PERFORM expandcontract_sync.note_conflict('0004_change_articles_title_type', 'does not fit', NULL, NULL, NULL, current_user, pg_catalog.concat('rows are not kept in sync: ', SQLERRM)); EXCEPTION WHEN OTHERS THEN NULL; END;
        END IF;
        RETURN NEW;
END
$ec$;
