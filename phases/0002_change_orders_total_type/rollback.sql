-- + keep in the ledger what is written to total_cents from now on
--   instant, reversible; locks: SHARE ROW EXCLUSIVE on public.orders
LOCK TABLE public.orders IN SHARE UPDATE EXCLUSIVE MODE;
LOCK TABLE public.orders IN SHARE ROW EXCLUSIVE MODE;
CREATE OR REPLACE TRIGGER "~er_0002_change_orders_total_type" AFTER INSERT OR UPDATE ON public.orders FOR EACH ROW WHEN (NEW.total_cents IS NOT NULL AND NOT (CASE WHEN NEW.total_cents IS NULL THEN expandcontract_sync."0002_change_orders_total_type_forward"(NEW.total) IS NULL ELSE COALESCE(NEW.total_cents OPERATOR(pg_catalog.=) expandcontract_sync."0002_change_orders_total_type_forward"(NEW.total), false) END)) EXECUTE FUNCTION expandcontract_sync.keep_new('0002_change_orders_total_type', 'all', 'total', 'total_cents', 'id');
ALTER TABLE public.orders ENABLE ALWAYS TRIGGER "~er_0002_change_orders_total_type";
CREATE OR REPLACE TRIGGER "~es_0002_change_orders_total_type" AFTER UPDATE ON public.orders FOR EACH ROW WHEN (OLD.total_cents IS NOT NULL AND NOT (CASE WHEN OLD.total_cents IS NULL THEN expandcontract_sync."0002_change_orders_total_type_forward"(OLD.total) IS NULL ELSE COALESCE(OLD.total_cents OPERATOR(pg_catalog.=) expandcontract_sync."0002_change_orders_total_type_forward"(OLD.total), false) END) AND NOT (NEW.total_cents IS NOT NULL AND NOT (CASE WHEN NEW.total_cents IS NULL THEN expandcontract_sync."0002_change_orders_total_type_forward"(NEW.total) IS NULL ELSE COALESCE(NEW.total_cents OPERATOR(pg_catalog.=) expandcontract_sync."0002_change_orders_total_type_forward"(NEW.total), false) END))) EXECUTE FUNCTION expandcontract_sync.keep_new('0002_change_orders_total_type', 'all', 'total', 'total_cents', 'id');
ALTER TABLE public.orders ENABLE ALWAYS TRIGGER "~es_0002_change_orders_total_type";

-- = keep in the ledger what only total_cents holds
--   by size, reversible; locks: ACCESS SHARE on public.orders
WITH mine AS MATERIALIZED (
  SELECT c.id, c.change_id
  FROM expandcontract.chunk c
  WHERE c.id OPERATOR(pg_catalog.=) $1 AND c.token OPERATOR(pg_catalog.=) $2 AND c.status OPERATOR(pg_catalog.=) 'running'
    AND c.filenode OPERATOR(pg_catalog.=) pg_catalog.pg_relation_filenode('public.orders'::pg_catalog.regclass)
  FOR UPDATE
),
kept AS (
  INSERT INTO expandcontract.conflict (change_id, kind, key, old_value, new_value, role, sentence, seen_in)
  SELECT mine.change_id, 'kept', pg_catalog.jsonb_build_object('id', expandcontract_sync.as_key(t.id)) AS key, expandcontract_sync.as_text(t.total) AS old, expandcontract_sync.as_text(t.total_cents) AS new, CURRENT_USER,
         'only the new side held this value when the change was rolled back', pg_catalog.pg_current_snapshot()::pg_catalog.text
  FROM ONLY public.orders t, mine
  WHERE t.ctid OPERATOR(pg_catalog.>=) $3 AND t.ctid OPERATOR(pg_catalog.<) $4 AND (t.total_cents IS NOT NULL AND NOT (CASE WHEN t.total_cents IS NULL THEN expandcontract_sync."0002_change_orders_total_type_forward"(t.total) IS NULL ELSE COALESCE(t.total_cents OPERATOR(pg_catalog.=) expandcontract_sync."0002_change_orders_total_type_forward"(t.total), false) END))
  RETURNING 1
),
seen AS MATERIALIZED (
  SELECT pg_catalog.count(*) AS rows, 0::pg_catalog.int8 AS mismatches FROM kept
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

-- - remove total_cents and what keeps it in sync
--   instant, reversible; locks: ACCESS EXCLUSIVE on public.ledger_entries, ACCESS EXCLUSIVE on public.orders
LOCK TABLE public.ledger_entries, public.orders IN SHARE UPDATE EXCLUSIVE MODE;
LOCK TABLE public.ledger_entries, public.orders IN ACCESS EXCLUSIVE MODE;
DROP TRIGGER IF EXISTS "~er_0002_change_orders_total_type" ON public.orders;
DROP TRIGGER IF EXISTS "~es_0002_change_orders_total_type" ON public.orders;
DROP TRIGGER IF EXISTS "!ec_0002_change_orders_total_type" ON public.orders;
DROP TRIGGER IF EXISTS "~ec_0002_change_orders_total_type" ON public.orders;
DROP TRIGGER IF EXISTS "!es_0002_change_orders_total_type" ON public.orders;
DROP FUNCTION IF EXISTS expandcontract_sync."~ec_0002_change_orders_total_type"();
DROP FUNCTION IF EXISTS expandcontract_sync."~ek_0002_change_orders_total_type"();
DROP FUNCTION IF EXISTS expandcontract_sync."~ex_0002_change_orders_total_type";
ALTER TABLE public.orders DROP COLUMN IF EXISTS total_cents;
DROP FUNCTION IF EXISTS expandcontract_sync."0002_change_orders_total_type_forward"(integer);
DROP FUNCTION IF EXISTS expandcontract_sync."0002_change_orders_total_type_back"(bigint);
