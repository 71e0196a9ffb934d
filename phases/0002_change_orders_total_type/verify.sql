-- = compare total and total_cents in every row
--   by size, reversible; locks: ACCESS SHARE on public.orders
WITH mine AS MATERIALIZED (
  SELECT c.id, c.change_id
  FROM expandcontract.chunk c
  WHERE c.id OPERATOR(pg_catalog.=) $1 AND c.token OPERATOR(pg_catalog.=) $2 AND c.status OPERATOR(pg_catalog.=) 'running'
    AND c.filenode OPERATOR(pg_catalog.=) pg_catalog.pg_relation_filenode('public.orders'::pg_catalog.regclass)
  FOR UPDATE
),
seen AS MATERIALIZED (
  SELECT pg_catalog.count(*) AS rows,
         pg_catalog.count(*) FILTER (WHERE (NOT CASE WHEN (CASE WHEN t.total IS NULL THEN expandcontract_sync."0002_change_orders_total_type_back"(t.total_cents) IS NULL ELSE COALESCE(t.total OPERATOR(pg_catalog.=) expandcontract_sync."0002_change_orders_total_type_back"(t.total_cents), false) END) THEN t.total_cents IS NOT NULL OR (CASE WHEN t.total_cents IS NULL THEN expandcontract_sync."0002_change_orders_total_type_forward"(t.total) IS NULL ELSE COALESCE(t.total_cents OPERATOR(pg_catalog.=) expandcontract_sync."0002_change_orders_total_type_forward"(t.total), false) END) ELSE t.total IS NULL AND (CASE WHEN t.total_cents IS NULL THEN expandcontract_sync."0002_change_orders_total_type_forward"(t.total) IS NULL ELSE COALESCE(t.total_cents OPERATOR(pg_catalog.=) expandcontract_sync."0002_change_orders_total_type_forward"(t.total), false) END) END) OR (NOT coalesce((SELECT ((total_cents >= 0)) FROM (SELECT t.total_cents AS total_cents) AS held), true)) OR ((t.total_cents IS NOT DISTINCT FROM NULL)) OR (t.total_cents IS NOT NULL AND NOT EXISTS (SELECT FROM ONLY public.ledger_entries o WHERE o.amount OPERATOR(pg_catalog.=) t.total_cents))) AS mismatches
  FROM ONLY public.orders t
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
  FROM ONLY public.orders t
  WHERE t.ctid OPERATOR(pg_catalog.>=) $3 AND t.ctid OPERATOR(pg_catalog.<) $4 AND (((t.total IS NOT NULL AND (CASE WHEN t.total_cents IS NULL THEN expandcontract_sync."0002_change_orders_total_type_forward"(t.total) IS NULL ELSE COALESCE(t.total_cents OPERATOR(pg_catalog.=) expandcontract_sync."0002_change_orders_total_type_forward"(t.total), false) END) AND NOT (CASE WHEN t.total IS NULL THEN expandcontract_sync."0002_change_orders_total_type_back"(t.total_cents) IS NULL ELSE COALESCE(t.total OPERATOR(pg_catalog.=) expandcontract_sync."0002_change_orders_total_type_back"(t.total_cents), false) END))) OR ((NOT coalesce((SELECT ((total_cents >= 0)) FROM (SELECT t.total_cents AS total_cents) AS held), true)) OR ((t.total_cents IS NOT DISTINCT FROM NULL)) OR (t.total_cents IS NOT NULL AND NOT EXISTS (SELECT FROM ONLY public.ledger_entries o WHERE o.amount OPERATOR(pg_catalog.=) t.total_cents))))
)), samples = c.samples OPERATOR(pg_catalog.||) COALESCE((
  SELECT pg_catalog.jsonb_agg(named.key)
  FROM (
    SELECT pg_catalog.jsonb_build_object('id', (t.id)::pg_catalog.text) AS key
    FROM ONLY public.orders t
    WHERE t.ctid OPERATOR(pg_catalog.>=) $3 AND t.ctid OPERATOR(pg_catalog.<) $4 AND ((NOT CASE WHEN (CASE WHEN t.total IS NULL THEN expandcontract_sync."0002_change_orders_total_type_back"(t.total_cents) IS NULL ELSE COALESCE(t.total OPERATOR(pg_catalog.=) expandcontract_sync."0002_change_orders_total_type_back"(t.total_cents), false) END) THEN t.total_cents IS NOT NULL OR (CASE WHEN t.total_cents IS NULL THEN expandcontract_sync."0002_change_orders_total_type_forward"(t.total) IS NULL ELSE COALESCE(t.total_cents OPERATOR(pg_catalog.=) expandcontract_sync."0002_change_orders_total_type_forward"(t.total), false) END) ELSE t.total IS NULL AND (CASE WHEN t.total_cents IS NULL THEN expandcontract_sync."0002_change_orders_total_type_forward"(t.total) IS NULL ELSE COALESCE(t.total_cents OPERATOR(pg_catalog.=) expandcontract_sync."0002_change_orders_total_type_forward"(t.total), false) END) END) OR (NOT coalesce((SELECT ((total_cents >= 0)) FROM (SELECT t.total_cents AS total_cents) AS held), true)) OR ((t.total_cents IS NOT DISTINCT FROM NULL)) OR (t.total_cents IS NOT NULL AND NOT EXISTS (SELECT FROM ONLY public.ledger_entries o WHERE o.amount OPERATOR(pg_catalog.=) t.total_cents)))
    LIMIT 10 OPERATOR(pg_catalog.-) pg_catalog.jsonb_array_length(c.samples)
  ) named
), '[]')
WHERE c.id OPERATOR(pg_catalog.=) $1 AND c.token OPERATOR(pg_catalog.=) $2;
