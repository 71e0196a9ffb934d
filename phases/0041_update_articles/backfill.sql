-- ~ update title in rows that match
--   by size, NOT REVERSIBLE; locks: ROW EXCLUSIVE on public.articles
SELECT pg_catalog.count(*) AS wanted,
       pg_catalog.min(t.ctid) AS first,
       pg_catalog.max(t.ctid) AS last,
       pg_catalog.max(256 OPERATOR(pg_catalog.*) pg_catalog.get_byte(pg_catalog.tidsend(t.ctid), 4) OPERATOR(pg_catalog.+) pg_catalog.get_byte(pg_catalog.tidsend(t.ctid), 5)) FILTER (WHERE t.ctid OPERATOR(pg_catalog.<) $3) AS highest,
       pg_catalog.pg_relation_filenode('public.articles'::pg_catalog.regclass) AS filenode,
       pg_catalog.pg_relation_size('public.articles'::pg_catalog.regclass)
         OPERATOR(pg_catalog./) pg_catalog.current_setting('block_size')::pg_catalog.int8 AS blocks
FROM ONLY public.articles t
WHERE t.ctid OPERATOR(pg_catalog.>=) $1 AND t.ctid OPERATOR(pg_catalog.<) $2 AND (expandcontract_sync."0041_update_articles_where"(t.title) AND (NOT (CASE WHEN t.title IS NULL THEN expandcontract_sync."0041_update_articles_set_1"(t.title) IS NULL ELSE COALESCE(t.title OPERATOR(pg_catalog.=) expandcontract_sync."0041_update_articles_set_1"(t.title), false) END)) AND (expandcontract_sync."0041_update_articles_where"(expandcontract_sync."0041_update_articles_set_1"(t.title)) AND (NOT (CASE WHEN expandcontract_sync."0041_update_articles_set_1"(t.title) IS NULL THEN expandcontract_sync."0041_update_articles_set_1"(expandcontract_sync."0041_update_articles_set_1"(t.title)) IS NULL ELSE COALESCE(expandcontract_sync."0041_update_articles_set_1"(t.title) OPERATOR(pg_catalog.=) expandcontract_sync."0041_update_articles_set_1"(expandcontract_sync."0041_update_articles_set_1"(t.title)), false) END))) IS NOT TRUE);
WITH mine AS MATERIALIZED (
  SELECT c.id, c.change_id, pg_catalog.pg_stat_get_xact_tuples_hot_updated('public.articles'::pg_catalog.regclass) AS hot, pg_catalog.pg_current_wal_insert_lsn() AS began_at
  FROM expandcontract.chunk c
  WHERE c.id OPERATOR(pg_catalog.=) $1 AND c.token OPERATOR(pg_catalog.=) $2 AND c.status OPERATOR(pg_catalog.=) 'running'
    AND c.filenode OPERATOR(pg_catalog.=) pg_catalog.pg_relation_filenode('public.articles'::pg_catalog.regclass)
  FOR UPDATE
),
chosen AS MATERIALIZED (
  SELECT share.*
  FROM pg_catalog.generate_series($3::pg_catalog.int8, $4::pg_catalog.int8) AS page (number)
  CROSS JOIN LATERAL (
    SELECT t.ctid
    FROM ONLY public.articles t
    WHERE t.ctid OPERATOR(pg_catalog.>=) pg_catalog.concat('(', page.number, ',', $7::pg_catalog.int4, ')')::pg_catalog.tid AND t.ctid OPERATOR(pg_catalog.<) pg_catalog.concat('(', page.number, ',', $8::pg_catalog.int4, ')')::pg_catalog.tid AND (expandcontract_sync."0041_update_articles_where"(t.title) AND (NOT (CASE WHEN t.title IS NULL THEN expandcontract_sync."0041_update_articles_set_1"(t.title) IS NULL ELSE COALESCE(t.title OPERATOR(pg_catalog.=) expandcontract_sync."0041_update_articles_set_1"(t.title), false) END)) AND (expandcontract_sync."0041_update_articles_where"(expandcontract_sync."0041_update_articles_set_1"(t.title)) AND (NOT (CASE WHEN expandcontract_sync."0041_update_articles_set_1"(t.title) IS NULL THEN expandcontract_sync."0041_update_articles_set_1"(expandcontract_sync."0041_update_articles_set_1"(t.title)) IS NULL ELSE COALESCE(expandcontract_sync."0041_update_articles_set_1"(t.title) OPERATOR(pg_catalog.=) expandcontract_sync."0041_update_articles_set_1"(expandcontract_sync."0041_update_articles_set_1"(t.title)), false) END))) IS NOT TRUE)
    FOR NO KEY UPDATE SKIP LOCKED
  ) AS share
  WHERE EXISTS (SELECT FROM mine)
  LIMIT $5::pg_catalog.int8
),
updated AS (
  UPDATE ONLY public.articles t
  SET title = expandcontract_sync."0041_update_articles_set_1"(t.title)
  WHERE t.ctid OPERATOR(pg_catalog.=) ANY (ARRAY(SELECT chosen.ctid FROM chosen)) AND (expandcontract_sync."0041_update_articles_where"(t.title) AND (NOT (CASE WHEN t.title IS NULL THEN expandcontract_sync."0041_update_articles_set_1"(t.title) IS NULL ELSE COALESCE(t.title OPERATOR(pg_catalog.=) expandcontract_sync."0041_update_articles_set_1"(t.title), false) END)) AND (expandcontract_sync."0041_update_articles_where"(expandcontract_sync."0041_update_articles_set_1"(t.title)) AND (NOT (CASE WHEN expandcontract_sync."0041_update_articles_set_1"(t.title) IS NULL THEN expandcontract_sync."0041_update_articles_set_1"(expandcontract_sync."0041_update_articles_set_1"(t.title)) IS NULL ELSE COALESCE(expandcontract_sync."0041_update_articles_set_1"(t.title) OPERATOR(pg_catalog.=) expandcontract_sync."0041_update_articles_set_1"(expandcontract_sync."0041_update_articles_set_1"(t.title)), false) END))) IS NOT TRUE)
  RETURNING 1
),
written AS MATERIALIZED (
  SELECT pg_catalog.count(*) AS rows FROM updated
)
UPDATE expandcontract.chunk c
SET leased_until = pg_catalog.clock_timestamp() OPERATOR(pg_catalog.+) INTERVAL '10 seconds', updated_at = pg_catalog.clock_timestamp(),
    batch = $5, throttled_by = $6,
    rows = c.rows OPERATOR(pg_catalog.+) written.rows,
    hot_rows = c.hot_rows OPERATOR(pg_catalog.+) CASE WHEN written.rows OPERATOR(pg_catalog.>=) 0 THEN pg_catalog.pg_stat_get_xact_tuples_hot_updated('public.articles'::pg_catalog.regclass) OPERATOR(pg_catalog.-) mine.hot END
FROM mine, written
WHERE c.id OPERATOR(pg_catalog.=) mine.id
RETURNING written.rows AS written, c.rows OPERATOR(pg_catalog.-) c.hot_rows AS moved, pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_insert_lsn(), mine.began_at)::pg_catalog.float8 AS wal_bytes,
  extract(epoch FROM pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) pg_catalog.statement_timestamp())::pg_catalog.float8
    AS seconds;
WITH mine AS MATERIALIZED (
  SELECT c.id, c.change_id, pg_catalog.pg_stat_get_xact_tuples_hot_updated('public.articles'::pg_catalog.regclass) AS hot, pg_catalog.pg_current_wal_insert_lsn() AS began_at
  FROM expandcontract.chunk c
  WHERE c.id OPERATOR(pg_catalog.=) $1 AND c.token OPERATOR(pg_catalog.=) $2 AND c.status OPERATOR(pg_catalog.=) 'running'
    AND c.filenode OPERATOR(pg_catalog.=) pg_catalog.pg_relation_filenode('public.articles'::pg_catalog.regclass)
  FOR UPDATE
),
chosen AS MATERIALIZED (
  SELECT t.ctid
  FROM ONLY public.articles t
  WHERE t.ctid OPERATOR(pg_catalog.>=) $3 AND t.ctid OPERATOR(pg_catalog.<) (SELECT $4::pg_catalog.tid FROM mine) AND (expandcontract_sync."0041_update_articles_where"(t.title) AND (NOT (CASE WHEN t.title IS NULL THEN expandcontract_sync."0041_update_articles_set_1"(t.title) IS NULL ELSE COALESCE(t.title OPERATOR(pg_catalog.=) expandcontract_sync."0041_update_articles_set_1"(t.title), false) END)) AND (expandcontract_sync."0041_update_articles_where"(expandcontract_sync."0041_update_articles_set_1"(t.title)) AND (NOT (CASE WHEN expandcontract_sync."0041_update_articles_set_1"(t.title) IS NULL THEN expandcontract_sync."0041_update_articles_set_1"(expandcontract_sync."0041_update_articles_set_1"(t.title)) IS NULL ELSE COALESCE(expandcontract_sync."0041_update_articles_set_1"(t.title) OPERATOR(pg_catalog.=) expandcontract_sync."0041_update_articles_set_1"(expandcontract_sync."0041_update_articles_set_1"(t.title)), false) END))) IS NOT TRUE)
  LIMIT $5::pg_catalog.int8
  FOR NO KEY UPDATE SKIP LOCKED
),
updated AS (
  UPDATE ONLY public.articles t
  SET title = expandcontract_sync."0041_update_articles_set_1"(t.title)
  WHERE t.ctid OPERATOR(pg_catalog.=) ANY (ARRAY(SELECT chosen.ctid FROM chosen)) AND (expandcontract_sync."0041_update_articles_where"(t.title) AND (NOT (CASE WHEN t.title IS NULL THEN expandcontract_sync."0041_update_articles_set_1"(t.title) IS NULL ELSE COALESCE(t.title OPERATOR(pg_catalog.=) expandcontract_sync."0041_update_articles_set_1"(t.title), false) END)) AND (expandcontract_sync."0041_update_articles_where"(expandcontract_sync."0041_update_articles_set_1"(t.title)) AND (NOT (CASE WHEN expandcontract_sync."0041_update_articles_set_1"(t.title) IS NULL THEN expandcontract_sync."0041_update_articles_set_1"(expandcontract_sync."0041_update_articles_set_1"(t.title)) IS NULL ELSE COALESCE(expandcontract_sync."0041_update_articles_set_1"(t.title) OPERATOR(pg_catalog.=) expandcontract_sync."0041_update_articles_set_1"(expandcontract_sync."0041_update_articles_set_1"(t.title)), false) END))) IS NOT TRUE)
  RETURNING 1
),
written AS MATERIALIZED (
  SELECT pg_catalog.count(*) AS rows FROM updated
),
found AS MATERIALIZED (
  SELECT pg_catalog.count(*) AS rows
  FROM ONLY public.articles t
  WHERE t.ctid OPERATOR(pg_catalog.>=) $3 AND t.ctid OPERATOR(pg_catalog.<) $4 AND (expandcontract_sync."0041_update_articles_where"(t.title) AND (NOT (CASE WHEN t.title IS NULL THEN expandcontract_sync."0041_update_articles_set_1"(t.title) IS NULL ELSE COALESCE(t.title OPERATOR(pg_catalog.=) expandcontract_sync."0041_update_articles_set_1"(t.title), false) END)) AND (expandcontract_sync."0041_update_articles_where"(expandcontract_sync."0041_update_articles_set_1"(t.title)) AND (NOT (CASE WHEN expandcontract_sync."0041_update_articles_set_1"(t.title) IS NULL THEN expandcontract_sync."0041_update_articles_set_1"(expandcontract_sync."0041_update_articles_set_1"(t.title)) IS NULL ELSE COALESCE(expandcontract_sync."0041_update_articles_set_1"(t.title) OPERATOR(pg_catalog.=) expandcontract_sync."0041_update_articles_set_1"(expandcontract_sync."0041_update_articles_set_1"(t.title)), false) END))) IS NOT TRUE)
)
UPDATE expandcontract.chunk c
SET leased_until = pg_catalog.clock_timestamp() OPERATOR(pg_catalog.+) INTERVAL '10 seconds', updated_at = pg_catalog.clock_timestamp(),
    batch = $5, throttled_by = $6,
    rows = c.rows OPERATOR(pg_catalog.+) written.rows,
    hot_rows = c.hot_rows OPERATOR(pg_catalog.+) CASE WHEN written.rows OPERATOR(pg_catalog.>=) 0 THEN pg_catalog.pg_stat_get_xact_tuples_hot_updated('public.articles'::pg_catalog.regclass) OPERATOR(pg_catalog.-) mine.hot END,
    next_block = CASE WHEN found.rows OPERATOR(pg_catalog.<=) written.rows THEN $7 ELSE c.next_block END
FROM mine, written, found
WHERE c.id OPERATOR(pg_catalog.=) mine.id
RETURNING written.rows AS written, c.rows OPERATOR(pg_catalog.-) c.hot_rows AS moved,
  (SELECT pg_catalog.count(*) FROM chosen) AS locked, found.rows AS found, pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_insert_lsn(), mine.began_at)::pg_catalog.float8 AS wal_bytes,
  extract(epoch FROM pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) pg_catalog.statement_timestamp())::pg_catalog.float8
    AS seconds;
