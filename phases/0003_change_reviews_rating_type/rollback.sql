-- + keep in the ledger what is written to "~ec_new_rating" from now on
--   instant, reversible; locks: SHARE ROW EXCLUSIVE on public.reviews
LOCK TABLE public.reviews IN SHARE UPDATE EXCLUSIVE MODE;
LOCK TABLE public.reviews IN SHARE ROW EXCLUSIVE MODE;
CREATE OR REPLACE TRIGGER "~er_0003_change_reviews_rating_type" AFTER INSERT OR UPDATE ON public.reviews FOR EACH ROW WHEN (NEW."~ec_new_rating" IS NOT NULL AND NOT (CASE WHEN NEW."~ec_new_rating" IS NULL THEN expandcontract_sync."0003_change_reviews_rating_type_forward"(NEW.rating) IS NULL ELSE COALESCE(NEW."~ec_new_rating" OPERATOR(pg_catalog.=) expandcontract_sync."0003_change_reviews_rating_type_forward"(NEW.rating), false) END)) EXECUTE FUNCTION expandcontract_sync.keep_new('0003_change_reviews_rating_type', 'all', 'rating', '~ec_new_rating', 'id');
ALTER TABLE public.reviews ENABLE ALWAYS TRIGGER "~er_0003_change_reviews_rating_type";
CREATE OR REPLACE TRIGGER "~es_0003_change_reviews_rating_type" AFTER UPDATE ON public.reviews FOR EACH ROW WHEN (OLD."~ec_new_rating" IS NOT NULL AND NOT (CASE WHEN OLD."~ec_new_rating" IS NULL THEN expandcontract_sync."0003_change_reviews_rating_type_forward"(OLD.rating) IS NULL ELSE COALESCE(OLD."~ec_new_rating" OPERATOR(pg_catalog.=) expandcontract_sync."0003_change_reviews_rating_type_forward"(OLD.rating), false) END) AND NOT (NEW."~ec_new_rating" IS NOT NULL AND NOT (CASE WHEN NEW."~ec_new_rating" IS NULL THEN expandcontract_sync."0003_change_reviews_rating_type_forward"(NEW.rating) IS NULL ELSE COALESCE(NEW."~ec_new_rating" OPERATOR(pg_catalog.=) expandcontract_sync."0003_change_reviews_rating_type_forward"(NEW.rating), false) END))) EXECUTE FUNCTION expandcontract_sync.keep_new('0003_change_reviews_rating_type', 'all', 'rating', '~ec_new_rating', 'id');
ALTER TABLE public.reviews ENABLE ALWAYS TRIGGER "~es_0003_change_reviews_rating_type";

-- = keep in the ledger what only "~ec_new_rating" holds
--   by size, reversible; locks: ACCESS SHARE on public.reviews
WITH mine AS MATERIALIZED (
  SELECT c.id, c.change_id
  FROM expandcontract.chunk c
  WHERE c.id OPERATOR(pg_catalog.=) $1 AND c.token OPERATOR(pg_catalog.=) $2 AND c.status OPERATOR(pg_catalog.=) 'running'
    AND c.filenode OPERATOR(pg_catalog.=) pg_catalog.pg_relation_filenode('public.reviews'::pg_catalog.regclass)
  FOR UPDATE
),
kept AS (
  INSERT INTO expandcontract.conflict (change_id, kind, key, old_value, new_value, role, sentence, seen_in)
  SELECT mine.change_id, 'kept', pg_catalog.jsonb_build_object('id', expandcontract_sync.as_key(t.id)) AS key, expandcontract_sync.as_text(t.rating) AS old, expandcontract_sync.as_text(t."~ec_new_rating") AS new, CURRENT_USER,
         'only the new side held this value when the change was rolled back', pg_catalog.pg_current_snapshot()::pg_catalog.text
  FROM ONLY public.reviews t, mine
  WHERE t.ctid OPERATOR(pg_catalog.>=) $3 AND t.ctid OPERATOR(pg_catalog.<) $4 AND (t."~ec_new_rating" IS NOT NULL AND NOT (CASE WHEN t."~ec_new_rating" IS NULL THEN expandcontract_sync."0003_change_reviews_rating_type_forward"(t.rating) IS NULL ELSE COALESCE(t."~ec_new_rating" OPERATOR(pg_catalog.=) expandcontract_sync."0003_change_reviews_rating_type_forward"(t.rating), false) END))
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

-- - remove "~ec_new_rating" and what keeps it in sync
--   instant, reversible; locks: ACCESS EXCLUSIVE on public.reviews
LOCK TABLE public.reviews IN SHARE UPDATE EXCLUSIVE MODE;
LOCK TABLE public.reviews IN ACCESS EXCLUSIVE MODE;
DROP TRIGGER IF EXISTS "~er_0003_change_reviews_rating_type" ON public.reviews;
DROP TRIGGER IF EXISTS "~es_0003_change_reviews_rating_type" ON public.reviews;
DROP TRIGGER IF EXISTS "!ec_0003_change_reviews_rating_type" ON public.reviews;
DROP TRIGGER IF EXISTS "~ec_0003_change_reviews_rating_type" ON public.reviews;
DROP TRIGGER IF EXISTS "!es_0003_change_reviews_rating_type" ON public.reviews;
DROP FUNCTION IF EXISTS expandcontract_sync."~ec_0003_change_reviews_rating_type"();
DROP FUNCTION IF EXISTS expandcontract_sync."~ek_0003_change_reviews_rating_type"();
ALTER TABLE public.reviews DROP COLUMN IF EXISTS "~ec_new_rating";
DROP FUNCTION IF EXISTS expandcontract_sync."0003_change_reviews_rating_type_forward"(text);
DROP FUNCTION IF EXISTS expandcontract_sync."0003_change_reviews_rating_type_forward!"(text);
DROP FUNCTION IF EXISTS expandcontract_sync."0003_change_reviews_rating_type_back"(integer);
DROP FUNCTION IF EXISTS expandcontract_sync."0003_change_reviews_rating_type_back!"(integer);
