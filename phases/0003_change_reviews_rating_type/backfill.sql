-- = fill "~ec_new_rating" in rows that were there before
--   by size, reversible; locks: ROW EXCLUSIVE on public.reviews
SELECT pg_catalog.count(*) AS wanted,
       pg_catalog.min(t.ctid) AS first,
       pg_catalog.max(t.ctid) AS last,
       pg_catalog.max(256 OPERATOR(pg_catalog.*) pg_catalog.get_byte(pg_catalog.tidsend(t.ctid), 4) OPERATOR(pg_catalog.+) pg_catalog.get_byte(pg_catalog.tidsend(t.ctid), 5)) FILTER (WHERE t.ctid OPERATOR(pg_catalog.<) $3) AS highest,
       pg_catalog.pg_relation_filenode('public.reviews'::pg_catalog.regclass) AS filenode,
       pg_catalog.pg_relation_size('public.reviews'::pg_catalog.regclass)
         OPERATOR(pg_catalog./) pg_catalog.current_setting('block_size')::pg_catalog.int8 AS blocks
FROM ONLY public.reviews t
WHERE t.ctid OPERATOR(pg_catalog.>=) $1 AND t.ctid OPERATOR(pg_catalog.<) $2 AND (NOT ((CASE WHEN t."~ec_new_rating" IS NULL THEN expandcontract_sync."0003_change_reviews_rating_type_forward"(t.rating) IS NULL ELSE COALESCE(t."~ec_new_rating" OPERATOR(pg_catalog.=) expandcontract_sync."0003_change_reviews_rating_type_forward"(t.rating), false) END) OR (t."~ec_new_rating" IS NOT NULL AND (CASE WHEN t.rating IS NULL THEN expandcontract_sync."0003_change_reviews_rating_type_back"(t."~ec_new_rating") IS NULL ELSE COALESCE(t.rating OPERATOR(pg_catalog.=) expandcontract_sync."0003_change_reviews_rating_type_back"(t."~ec_new_rating"), false) END))));
WITH mine AS MATERIALIZED (
  SELECT c.id, c.change_id, pg_catalog.pg_stat_get_xact_tuples_hot_updated('public.reviews'::pg_catalog.regclass) AS hot, pg_catalog.pg_current_wal_insert_lsn() AS began_at
  FROM expandcontract.chunk c
  WHERE c.id OPERATOR(pg_catalog.=) $1 AND c.token OPERATOR(pg_catalog.=) $2 AND c.status OPERATOR(pg_catalog.=) 'running'
    AND c.filenode OPERATOR(pg_catalog.=) pg_catalog.pg_relation_filenode('public.reviews'::pg_catalog.regclass)
  FOR UPDATE
),
chosen AS MATERIALIZED (
  SELECT share.*
  FROM pg_catalog.generate_series($3::pg_catalog.int8, $4::pg_catalog.int8) AS page (number)
  CROSS JOIN LATERAL (
    SELECT t.ctid,
         CASE WHEN t."~ec_new_rating" IS DISTINCT FROM NULL THEN pg_catalog.jsonb_build_array(
           pg_catalog.jsonb_build_object('id', (t.id)::pg_catalog.text), CASE WHEN t.rating IS DISTINCT FROM NULL THEN pg_catalog.format('%s', t.rating) END, CASE WHEN t."~ec_new_rating" IS DISTINCT FROM NULL THEN pg_catalog.format('%s', t."~ec_new_rating") END) END AS drifted
    FROM ONLY public.reviews t
    WHERE t.ctid OPERATOR(pg_catalog.>=) pg_catalog.concat('(', page.number, ',', $7::pg_catalog.int4, ')')::pg_catalog.tid AND t.ctid OPERATOR(pg_catalog.<) pg_catalog.concat('(', page.number, ',', $8::pg_catalog.int4, ')')::pg_catalog.tid AND (NOT ((CASE WHEN t."~ec_new_rating" IS NULL THEN expandcontract_sync."0003_change_reviews_rating_type_forward"(t.rating) IS NULL ELSE COALESCE(t."~ec_new_rating" OPERATOR(pg_catalog.=) expandcontract_sync."0003_change_reviews_rating_type_forward"(t.rating), false) END) OR (t."~ec_new_rating" IS NOT NULL AND (CASE WHEN t.rating IS NULL THEN expandcontract_sync."0003_change_reviews_rating_type_back"(t."~ec_new_rating") IS NULL ELSE COALESCE(t.rating OPERATOR(pg_catalog.=) expandcontract_sync."0003_change_reviews_rating_type_back"(t."~ec_new_rating"), false) END))))
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
  UPDATE ONLY public.reviews t
  SET "~ec_new_rating" = expandcontract_sync."0003_change_reviews_rating_type_forward"(t.rating)
  WHERE t.ctid OPERATOR(pg_catalog.=) ANY (ARRAY(SELECT chosen.ctid FROM chosen)) AND (NOT ((CASE WHEN t."~ec_new_rating" IS NULL THEN expandcontract_sync."0003_change_reviews_rating_type_forward"(t.rating) IS NULL ELSE COALESCE(t."~ec_new_rating" OPERATOR(pg_catalog.=) expandcontract_sync."0003_change_reviews_rating_type_forward"(t.rating), false) END) OR (t."~ec_new_rating" IS NOT NULL AND (CASE WHEN t.rating IS NULL THEN expandcontract_sync."0003_change_reviews_rating_type_back"(t."~ec_new_rating") IS NULL ELSE COALESCE(t.rating OPERATOR(pg_catalog.=) expandcontract_sync."0003_change_reviews_rating_type_back"(t."~ec_new_rating"), false) END))))
  RETURNING 1
),
written AS MATERIALIZED (
  SELECT pg_catalog.count(*) AS rows FROM updated
)
UPDATE expandcontract.chunk c
SET leased_until = pg_catalog.clock_timestamp() OPERATOR(pg_catalog.+) INTERVAL '10 seconds', updated_at = pg_catalog.clock_timestamp(),
    batch = $5, throttled_by = $6,
    rows = c.rows OPERATOR(pg_catalog.+) written.rows,
    hot_rows = c.hot_rows OPERATOR(pg_catalog.+) CASE WHEN written.rows OPERATOR(pg_catalog.>=) 0 THEN pg_catalog.pg_stat_get_xact_tuples_hot_updated('public.reviews'::pg_catalog.regclass) OPERATOR(pg_catalog.-) mine.hot END
FROM mine, written
WHERE c.id OPERATOR(pg_catalog.=) mine.id
RETURNING written.rows AS written, c.rows OPERATOR(pg_catalog.-) c.hot_rows AS moved, pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_insert_lsn(), mine.began_at)::pg_catalog.float8 AS wal_bytes,
  extract(epoch FROM pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) pg_catalog.statement_timestamp())::pg_catalog.float8
    AS seconds;
WITH mine AS MATERIALIZED (
  SELECT c.id, c.change_id, pg_catalog.pg_stat_get_xact_tuples_hot_updated('public.reviews'::pg_catalog.regclass) AS hot, pg_catalog.pg_current_wal_insert_lsn() AS began_at
  FROM expandcontract.chunk c
  WHERE c.id OPERATOR(pg_catalog.=) $1 AND c.token OPERATOR(pg_catalog.=) $2 AND c.status OPERATOR(pg_catalog.=) 'running'
    AND c.filenode OPERATOR(pg_catalog.=) pg_catalog.pg_relation_filenode('public.reviews'::pg_catalog.regclass)
  FOR UPDATE
),
chosen AS MATERIALIZED (
  SELECT t.ctid,
         CASE WHEN t."~ec_new_rating" IS DISTINCT FROM NULL THEN pg_catalog.jsonb_build_array(
           pg_catalog.jsonb_build_object('id', (t.id)::pg_catalog.text), CASE WHEN t.rating IS DISTINCT FROM NULL THEN pg_catalog.format('%s', t.rating) END, CASE WHEN t."~ec_new_rating" IS DISTINCT FROM NULL THEN pg_catalog.format('%s', t."~ec_new_rating") END) END AS drifted
  FROM ONLY public.reviews t
  WHERE t.ctid OPERATOR(pg_catalog.>=) $3 AND t.ctid OPERATOR(pg_catalog.<) (SELECT $4::pg_catalog.tid FROM mine) AND (NOT ((CASE WHEN t."~ec_new_rating" IS NULL THEN expandcontract_sync."0003_change_reviews_rating_type_forward"(t.rating) IS NULL ELSE COALESCE(t."~ec_new_rating" OPERATOR(pg_catalog.=) expandcontract_sync."0003_change_reviews_rating_type_forward"(t.rating), false) END) OR (t."~ec_new_rating" IS NOT NULL AND (CASE WHEN t.rating IS NULL THEN expandcontract_sync."0003_change_reviews_rating_type_back"(t."~ec_new_rating") IS NULL ELSE COALESCE(t.rating OPERATOR(pg_catalog.=) expandcontract_sync."0003_change_reviews_rating_type_back"(t."~ec_new_rating"), false) END))))
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
  UPDATE ONLY public.reviews t
  SET "~ec_new_rating" = expandcontract_sync."0003_change_reviews_rating_type_forward"(t.rating)
  WHERE t.ctid OPERATOR(pg_catalog.=) ANY (ARRAY(SELECT chosen.ctid FROM chosen)) AND (NOT ((CASE WHEN t."~ec_new_rating" IS NULL THEN expandcontract_sync."0003_change_reviews_rating_type_forward"(t.rating) IS NULL ELSE COALESCE(t."~ec_new_rating" OPERATOR(pg_catalog.=) expandcontract_sync."0003_change_reviews_rating_type_forward"(t.rating), false) END) OR (t."~ec_new_rating" IS NOT NULL AND (CASE WHEN t.rating IS NULL THEN expandcontract_sync."0003_change_reviews_rating_type_back"(t."~ec_new_rating") IS NULL ELSE COALESCE(t.rating OPERATOR(pg_catalog.=) expandcontract_sync."0003_change_reviews_rating_type_back"(t."~ec_new_rating"), false) END))))
  RETURNING 1
),
written AS MATERIALIZED (
  SELECT pg_catalog.count(*) AS rows FROM updated
),
found AS MATERIALIZED (
  SELECT pg_catalog.count(*) AS rows
  FROM ONLY public.reviews t
  WHERE t.ctid OPERATOR(pg_catalog.>=) $3 AND t.ctid OPERATOR(pg_catalog.<) $4 AND (NOT ((CASE WHEN t."~ec_new_rating" IS NULL THEN expandcontract_sync."0003_change_reviews_rating_type_forward"(t.rating) IS NULL ELSE COALESCE(t."~ec_new_rating" OPERATOR(pg_catalog.=) expandcontract_sync."0003_change_reviews_rating_type_forward"(t.rating), false) END) OR (t."~ec_new_rating" IS NOT NULL AND (CASE WHEN t.rating IS NULL THEN expandcontract_sync."0003_change_reviews_rating_type_back"(t."~ec_new_rating") IS NULL ELSE COALESCE(t.rating OPERATOR(pg_catalog.=) expandcontract_sync."0003_change_reviews_rating_type_back"(t."~ec_new_rating"), false) END))))
)
UPDATE expandcontract.chunk c
SET leased_until = pg_catalog.clock_timestamp() OPERATOR(pg_catalog.+) INTERVAL '10 seconds', updated_at = pg_catalog.clock_timestamp(),
    batch = $5, throttled_by = $6,
    rows = c.rows OPERATOR(pg_catalog.+) written.rows,
    hot_rows = c.hot_rows OPERATOR(pg_catalog.+) CASE WHEN written.rows OPERATOR(pg_catalog.>=) 0 THEN pg_catalog.pg_stat_get_xact_tuples_hot_updated('public.reviews'::pg_catalog.regclass) OPERATOR(pg_catalog.-) mine.hot END,
    next_block = CASE WHEN found.rows OPERATOR(pg_catalog.<=) written.rows THEN $7 ELSE c.next_block END
FROM mine, written, found
WHERE c.id OPERATOR(pg_catalog.=) mine.id
RETURNING written.rows AS written, c.rows OPERATOR(pg_catalog.-) c.hot_rows AS moved,
  (SELECT pg_catalog.count(*) FROM chosen) AS locked, found.rows AS found, pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_insert_lsn(), mine.began_at)::pg_catalog.float8 AS wal_bytes,
  extract(epoch FROM pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) pg_catalog.statement_timestamp())::pg_catalog.float8
    AS seconds;

-- + build index "reviews_~ec_new_rating_idx" without stopping anybody
--   by size, reversible; locks: SHARE UPDATE EXCLUSIVE on public.reviews
CREATE INDEX CONCURRENTLY "reviews_~ec_new_rating_idx" ON public.reviews USING btree ("~ec_new_rating") WHERE ("~ec_new_rating" IS NOT NULL);

-- = the planner's statistics for "~ec_new_rating"
--   by size, reversible; locks: SHARE UPDATE EXCLUSIVE on public.reviews
ANALYZE public.reviews;

-- ~ ready: "~ec_new_rating" counts as filled in every row
--   instant, reversible; locks: ACCESS EXCLUSIVE on public.reviews
LOCK TABLE public.reviews IN SHARE UPDATE EXCLUSIVE MODE;
LOCK TABLE public.reviews IN ACCESS EXCLUSIVE MODE;
CREATE OR REPLACE FUNCTION expandcontract_sync."~ec_0003_change_reviews_rating_type"() RETURNS trigger LANGUAGE plpgsql AS $ec$
-- Keeps rating and "~ec_new_rating" of public.reviews in sync, whoever writes. From ready on.
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
    IF TG_WHEN OPERATOR(pg_catalog.=) 'AFTER' THEN
        -- What did not fit was stored, and not given up for a row that is there (ON CONFLICT).
        IF NEW.rating IS NOT NULL THEN
            RAISE EXCEPTION USING ERRCODE = 'EC320', MESSAGE = 'the value does not fit ~ec_new_rating integer of public.reviews', HINT = 'The schema change 0003_change_reviews_rating_type holds both columns in sync; a value that only one of them can hold is refused.';
        ELSE
            RAISE EXCEPTION USING ERRCODE = 'EC320', MESSAGE = 'the value does not fit rating text of public.reviews', HINT = 'The schema change 0003_change_reviews_rating_type holds both columns in sync; a value that only one of them can hold is refused.';
        END IF;
        RETURN NULL;
    END IF;
    IF TG_OP OPERATOR(pg_catalog.=) 'INSERT' THEN
        new_given := NOT (CASE WHEN NEW."~ec_new_rating" IS NULL THEN ('0'::integer)::integer IS NULL ELSE COALESCE(NEW."~ec_new_rating" OPERATOR(pg_catalog.=) ('0'::integer)::integer, false) END)
            AND NOT (CASE WHEN NEW."~ec_new_rating" IS NULL THEN expandcontract_sync."0003_change_reviews_rating_type_forward"(NEW.rating) IS NULL ELSE COALESCE(NEW."~ec_new_rating" OPERATOR(pg_catalog.=) expandcontract_sync."0003_change_reviews_rating_type_forward"(NEW.rating), false) END);
        old_given := NOT (CASE WHEN NEW.rating IS NULL THEN ('0'::pg_catalog.text)::pg_catalog.text IS NULL ELSE COALESCE(NEW.rating OPERATOR(pg_catalog.=) ('0'::pg_catalog.text)::pg_catalog.text, false) END);
        IF new_given AND NEW.rating IS NOT NULL THEN
            later := expandcontract_sync.is_default(TG_RELID, '~ec_new_rating', NEW."~ec_new_rating", '''0''::integer');
            IF later THEN
                new_given := false;
            ELSIF later IS NULL AND old_given THEN
                BEGIN PERFORM expandcontract_sync.note_conflict('0003_change_reviews_rating_type', 'both written', pg_catalog.jsonb_build_object('id', NEW.id)::pg_catalog.text, pg_catalog.format('%s', NEW.rating), pg_catalog.format('%s', NEW."~ec_new_rating"), current_user, 'the old side won: the new one has a default that came later'); EXCEPTION WHEN OTHERS THEN NULL; END;
                new_given := false;
            ELSIF old_given AND expandcontract_sync.is_default(TG_RELID, 'rating', NEW.rating, '''0''::text') THEN
                old_given := false;
            END IF;
        END IF;
    ELSE
        new_given := NOT (CASE WHEN NEW."~ec_new_rating" IS NULL THEN OLD."~ec_new_rating" IS NULL ELSE COALESCE(NEW."~ec_new_rating" OPERATOR(pg_catalog.=) OLD."~ec_new_rating", false) END)
            AND NOT (CASE WHEN NEW."~ec_new_rating" IS NULL THEN expandcontract_sync."0003_change_reviews_rating_type_forward"(NEW.rating) IS NULL ELSE COALESCE(NEW."~ec_new_rating" OPERATOR(pg_catalog.=) expandcontract_sync."0003_change_reviews_rating_type_forward"(NEW.rating), false) END);
        old_given := NOT (CASE WHEN NEW.rating IS NULL THEN OLD.rating IS NULL ELSE COALESCE(NEW.rating OPERATOR(pg_catalog.=) OLD.rating, false) END);
    END IF;
    IF TG_NARGS OPERATOR(pg_catalog.>) 0 THEN
        place := pg_catalog.concat(TG_RELID, OLD.ctid);
        seen := pg_catalog.string_to_array(pg_catalog.current_setting(pg_catalog.concat('expandcontract.left_6cd96228d0_', pg_catalog.pg_trigger_depth()), true), ' ');
        IF TG_ARGV[0] OPERATOR(pg_catalog.=) 'last' AND seen[1] OPERATOR(pg_catalog.=) place THEN
            old_left := seen[2] OPERATOR(pg_catalog.=) pg_catalog.md5(pg_catalog.format('%L', NEW.rating));
            new_left := seen[3] OPERATOR(pg_catalog.=) pg_catalog.md5(pg_catalog.format('%L', NEW."~ec_new_rating"));
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
            BEGIN PERFORM expandcontract_sync.note_conflict('0003_change_reviews_rating_type', 'both written', pg_catalog.jsonb_build_object('id', NEW.id)::pg_catalog.text, pg_catalog.format('%s', NEW.rating), pg_catalog.format('%s', NEW."~ec_new_rating"), current_user, 'the old side won: a trigger of the table changed it'); EXCEPTION WHEN OTHERS THEN NULL; END;
            altered := true;
            new_given := false;
        END IF;
    END IF;
    IF new_given THEN
        IF old_given AND NOT altered AND NOT ((CASE WHEN NEW."~ec_new_rating" IS NULL THEN expandcontract_sync."0003_change_reviews_rating_type_forward"(NEW.rating) IS NULL ELSE COALESCE(NEW."~ec_new_rating" OPERATOR(pg_catalog.=) expandcontract_sync."0003_change_reviews_rating_type_forward"(NEW.rating), false) END) OR (NEW."~ec_new_rating" IS NOT NULL AND (CASE WHEN NEW.rating IS NULL THEN expandcontract_sync."0003_change_reviews_rating_type_back"(NEW."~ec_new_rating") IS NULL ELSE COALESCE(NEW.rating OPERATOR(pg_catalog.=) expandcontract_sync."0003_change_reviews_rating_type_back"(NEW."~ec_new_rating"), false) END))) THEN
            BEGIN PERFORM expandcontract_sync.note_conflict('0003_change_reviews_rating_type', 'both written', pg_catalog.jsonb_build_object('id', NEW.id)::pg_catalog.text, pg_catalog.format('%s', NEW.rating), pg_catalog.format('%s', NEW."~ec_new_rating"), current_user, 'the new side won'); EXCEPTION WHEN OTHERS THEN NULL; END;
        END IF;
        NEW.rating := expandcontract_sync."0003_change_reviews_rating_type_back"(NEW."~ec_new_rating");
            IF NEW.rating IS NULL AND NEW."~ec_new_rating" IS NOT NULL THEN
                IF TG_OP OPERATOR(pg_catalog.=) 'INSERT' AND EXISTS (
                    SELECT FROM pg_catalog.pg_trigger t
                    JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) t.tgrelid
                    WHERE t.tgrelid OPERATOR(pg_catalog.=) TG_RELID
                    AND t.tgname OPERATOR(pg_catalog.=) '!es_0003_change_reviews_rating_type'::pg_catalog.name
                    AND t.tgenabled OPERATOR(pg_catalog.=) 'A'::pg_catalog."char"
                    AND a.attname OPERATOR(pg_catalog.=) 'rating'::pg_catalog.name
                    AND NOT a.attnotnull
                ) THEN
                    PERFORM pg_catalog.set_config(pg_catalog.concat('expandcontract.unfit_6cd96228d0_', pg_catalog.pg_trigger_depth() OPERATOR(pg_catalog.-) 1), pg_catalog.concat(pg_catalog.md5(pg_catalog.format('%L', NEW.rating)), pg_catalog.md5(pg_catalog.format('%L', NEW."~ec_new_rating"))), true);
                ELSE
                    RAISE EXCEPTION USING ERRCODE = 'EC320', MESSAGE = 'the value does not fit rating text of public.reviews', HINT = 'The schema change 0003_change_reviews_rating_type holds both columns in sync; a value that only one of them can hold is refused.';
                END IF;
            END IF;
        IF NOT altered AND COALESCE(pg_catalog.current_setting('expandcontract.new_6cd96228d0_ready', true), '') OPERATOR(pg_catalog.<>) pg_catalog.concat(pg_catalog.current_setting('application_name'), ' ', pg_catalog.to_char(pg_catalog.now(), 'YYYYMMDDHH24MI')) THEN
            PERFORM pg_catalog.set_config('expandcontract.new_6cd96228d0_ready', pg_catalog.concat(pg_catalog.current_setting('application_name'), ' ', pg_catalog.to_char(pg_catalog.now(), 'YYYYMMDDHH24MI')), false);
            BEGIN PERFORM expandcontract_sync.note_use('0003_change_reviews_rating_type', 'new', current_user); EXCEPTION WHEN OTHERS THEN NULL; END;
        END IF;
    ELSIF old_given OR NOT ((CASE WHEN NEW."~ec_new_rating" IS NULL THEN expandcontract_sync."0003_change_reviews_rating_type_forward"(NEW.rating) IS NULL ELSE COALESCE(NEW."~ec_new_rating" OPERATOR(pg_catalog.=) expandcontract_sync."0003_change_reviews_rating_type_forward"(NEW.rating), false) END) OR (NEW."~ec_new_rating" IS NOT NULL AND (CASE WHEN NEW.rating IS NULL THEN expandcontract_sync."0003_change_reviews_rating_type_back"(NEW."~ec_new_rating") IS NULL ELSE COALESCE(NEW.rating OPERATOR(pg_catalog.=) expandcontract_sync."0003_change_reviews_rating_type_back"(NEW."~ec_new_rating"), false) END))) THEN
        IF TG_OP OPERATOR(pg_catalog.=) 'UPDATE' AND NOT old_given AND NEW."~ec_new_rating" IS NOT NULL THEN
            BEGIN PERFORM expandcontract_sync.note_conflict('0003_change_reviews_rating_type', 'overwritten', pg_catalog.jsonb_build_object('id', NEW.id)::pg_catalog.text, pg_catalog.format('%s', NEW.rating), pg_catalog.format('%s', NEW."~ec_new_rating"), current_user, 'the two sides had drifted apart, and a write of another column filled the new one again'); EXCEPTION WHEN OTHERS THEN NULL; END;
        END IF;
        NEW."~ec_new_rating" := expandcontract_sync."0003_change_reviews_rating_type_forward"(NEW.rating);
        IF old_given THEN
            IF NEW.rating IS NOT NULL AND NOT (CASE WHEN NEW.rating IS NULL THEN expandcontract_sync."0003_change_reviews_rating_type_back"(NEW."~ec_new_rating") IS NULL ELSE COALESCE(NEW.rating OPERATOR(pg_catalog.=) expandcontract_sync."0003_change_reviews_rating_type_back"(NEW."~ec_new_rating"), false) END) THEN
                IF TG_OP OPERATOR(pg_catalog.=) 'INSERT' AND EXISTS (
                    SELECT FROM pg_catalog.pg_trigger t
                    JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) t.tgrelid
                    WHERE t.tgrelid OPERATOR(pg_catalog.=) TG_RELID
                    AND t.tgname OPERATOR(pg_catalog.=) '!es_0003_change_reviews_rating_type'::pg_catalog.name
                    AND t.tgenabled OPERATOR(pg_catalog.=) 'A'::pg_catalog."char"
                    AND a.attname OPERATOR(pg_catalog.=) '~ec_new_rating'::pg_catalog.name
                    AND NOT a.attnotnull
                ) THEN
                    PERFORM pg_catalog.set_config(pg_catalog.concat('expandcontract.unfit_6cd96228d0_', pg_catalog.pg_trigger_depth() OPERATOR(pg_catalog.-) 1), pg_catalog.concat(pg_catalog.md5(pg_catalog.format('%L', NEW.rating)), pg_catalog.md5(pg_catalog.format('%L', NEW."~ec_new_rating"))), true);
                ELSE
                    RAISE EXCEPTION USING ERRCODE = 'EC320', MESSAGE = 'the value does not fit ~ec_new_rating integer of public.reviews', HINT = 'The schema change 0003_change_reviews_rating_type holds both columns in sync; a value that only one of them can hold is refused.';
                END IF;
            END IF;
            IF NOT altered AND COALESCE(pg_catalog.current_setting('expandcontract.old_6cd96228d0_ready', true), '') OPERATOR(pg_catalog.<>) pg_catalog.concat(pg_catalog.current_setting('application_name'), ' ', pg_catalog.to_char(pg_catalog.clock_timestamp(), 'YYYYMMDDHH24MI')) THEN
                PERFORM pg_catalog.set_config('expandcontract.old_6cd96228d0_ready', pg_catalog.concat(pg_catalog.current_setting('application_name'), ' ', pg_catalog.to_char(pg_catalog.clock_timestamp(), 'YYYYMMDDHH24MI')), false);
                BEGIN PERFORM expandcontract_sync.note_use('0003_change_reviews_rating_type', 'old', current_user); EXCEPTION WHEN OTHERS THEN NULL; END;
            END IF;
        END IF;
    END IF;
    IF TG_NARGS OPERATOR(pg_catalog.>) 0 AND TG_ARGV[0] OPERATOR(pg_catalog.=) 'first' THEN
        PERFORM pg_catalog.set_config(pg_catalog.concat('expandcontract.left_6cd96228d0_', pg_catalog.pg_trigger_depth()), pg_catalog.concat_ws(' ', place, pg_catalog.md5(pg_catalog.format('%L', NEW.rating)), pg_catalog.md5(pg_catalog.format('%L', NEW."~ec_new_rating"))), true);
    END IF;
    RETURN NEW;
EXCEPTION
    WHEN syntax_error_or_access_rule_violation OR data_exception OR invalid_schema_name THEN
        IF COALESCE(pg_catalog.current_setting('expandcontract.fault_6cd96228d0', true), '') OPERATOR(pg_catalog.<>) pg_catalog.concat(pg_catalog.current_setting('application_name'), ' ', pg_catalog.to_char(pg_catalog.now(), 'YYYYMMDDHH24MI')) THEN
            PERFORM pg_catalog.set_config('expandcontract.fault_6cd96228d0', pg_catalog.concat(pg_catalog.current_setting('application_name'), ' ', pg_catalog.to_char(pg_catalog.now(), 'YYYYMMDDHH24MI')), false);
            BEGIN PERFORM expandcontract_sync.note_conflict('0003_change_reviews_rating_type', 'does not fit', NULL, NULL, NULL, current_user, pg_catalog.concat('rows are not kept in sync: ', SQLERRM)); EXCEPTION WHEN OTHERS THEN NULL; END;
        END IF;
        RETURN NEW;
END
$ec$;
ALTER TABLE public.reviews ALTER COLUMN "~ec_new_rating" SET DEFAULT '0'::integer;
