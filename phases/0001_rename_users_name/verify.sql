-- = compare name and display_name in every row
--   by size, reversible; locks: ACCESS SHARE on public.users
WITH mine AS MATERIALIZED (
  SELECT c.id, c.change_id
  FROM expandcontract.chunk c
  WHERE c.id OPERATOR(pg_catalog.=) $1 AND c.token OPERATOR(pg_catalog.=) $2 AND c.status OPERATOR(pg_catalog.=) 'running'
    AND c.filenode OPERATOR(pg_catalog.=) pg_catalog.pg_relation_filenode('public.users'::pg_catalog.regclass)
  FOR UPDATE
),
seen AS MATERIALIZED (
  SELECT pg_catalog.count(*) AS rows,
         pg_catalog.count(*) FILTER (WHERE (NOT (CASE WHEN t.display_name IS NULL THEN t.name IS NULL ELSE COALESCE(t.display_name OPERATOR(pg_catalog.=) t.name, false) END)) OR ((t.display_name IS NOT DISTINCT FROM NULL))) AS mismatches
  FROM ONLY public.users t
  WHERE t.ctid OPERATOR(pg_catalog.>=) $3 AND t.ctid OPERATOR(pg_catalog.<) (SELECT $4::pg_catalog.tid FROM mine)
)
UPDATE expandcontract.chunk c
SET leased_until = pg_catalog.clock_timestamp() OPERATOR(pg_catalog.+) INTERVAL '10 seconds', updated_at = pg_catalog.clock_timestamp(),
    batch = $6,
    rows = c.rows OPERATOR(pg_catalog.+) seen.rows,
    mismatches = c.mismatches OPERATOR(pg_catalog.+) seen.mismatches,
    next_block = $5
FROM mine, seen
WHERE c.id OPERATOR(pg_catalog.=) mine.id
RETURNING seen.rows, seen.mismatches;
UPDATE expandcontract.chunk c
SET unfit = c.unfit OPERATOR(pg_catalog.+) LEAST($5, (
  SELECT pg_catalog.count(*)
  FROM ONLY public.users t
  WHERE t.ctid OPERATOR(pg_catalog.>=) $3 AND t.ctid OPERATOR(pg_catalog.<) $4 AND ((false) OR ((t.display_name IS NOT DISTINCT FROM NULL)))
)), samples = c.samples OPERATOR(pg_catalog.||) COALESCE((
  SELECT pg_catalog.jsonb_agg(named.key)
  FROM (
    SELECT pg_catalog.jsonb_build_object('id', (t.id)::pg_catalog.text) AS key
    FROM ONLY public.users t
    WHERE t.ctid OPERATOR(pg_catalog.>=) $3 AND t.ctid OPERATOR(pg_catalog.<) $4 AND ((NOT (CASE WHEN t.display_name IS NULL THEN t.name IS NULL ELSE COALESCE(t.display_name OPERATOR(pg_catalog.=) t.name, false) END)) OR ((t.display_name IS NOT DISTINCT FROM NULL)))
    LIMIT 10 OPERATOR(pg_catalog.-) pg_catalog.jsonb_array_length(c.samples)
  ) named
), '[]')
WHERE c.id OPERATOR(pg_catalog.=) $1 AND c.token OPERATOR(pg_catalog.=) $2;
