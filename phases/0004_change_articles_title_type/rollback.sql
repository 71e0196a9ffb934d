-- + keep in the ledger what is written to plain_title from now on
--   instant, reversible; locks: SHARE ROW EXCLUSIVE on public.articles
LOCK TABLE public.articles IN SHARE UPDATE EXCLUSIVE MODE;
LOCK TABLE public.articles IN SHARE ROW EXCLUSIVE MODE;
CREATE OR REPLACE TRIGGER "~er_0004_change_articles_title_type" AFTER INSERT OR UPDATE ON public.articles FOR EACH ROW WHEN (NEW.plain_title IS NOT NULL) EXECUTE FUNCTION expandcontract_sync.keep_new('0004_change_articles_title_type', 'seen', 'title', 'plain_title', 'id');
ALTER TABLE public.articles ENABLE ALWAYS TRIGGER "~er_0004_change_articles_title_type";
CREATE OR REPLACE TRIGGER "~es_0004_change_articles_title_type" AFTER UPDATE ON public.articles FOR EACH ROW WHEN (OLD.plain_title IS NOT NULL AND NOT (NEW.plain_title IS NOT NULL)) EXECUTE FUNCTION expandcontract_sync.keep_new('0004_change_articles_title_type', 'seen', 'title', 'plain_title', 'id');
ALTER TABLE public.articles ENABLE ALWAYS TRIGGER "~es_0004_change_articles_title_type";

-- = keep in the ledger what only plain_title holds
--   by size, reversible; locks: ACCESS SHARE on public.articles
WITH mine AS MATERIALIZED (
  SELECT c.id, c.change_id
  FROM expandcontract.chunk c
  WHERE c.id OPERATOR(pg_catalog.=) $1 AND c.token OPERATOR(pg_catalog.=) $2 AND c.status OPERATOR(pg_catalog.=) 'running'
    AND c.filenode OPERATOR(pg_catalog.=) pg_catalog.pg_relation_filenode('public.articles'::pg_catalog.regclass)
  FOR UPDATE
),
kept AS (
  INSERT INTO expandcontract.conflict (change_id, kind, key, old_value, new_value, role, sentence, seen_in)
  SELECT mine.change_id, 'kept', pg_catalog.jsonb_build_object('id', expandcontract_sync.as_key(t.id)) AS key, expandcontract_sync.as_text(t.title) AS old, expandcontract_sync.as_text(t.plain_title) AS new, CURRENT_USER,
         'only the new side held this value when the change was rolled back', pg_catalog.pg_current_snapshot()::pg_catalog.text
  FROM ONLY public.articles t, mine
  WHERE t.ctid OPERATOR(pg_catalog.>=) $3 AND t.ctid OPERATOR(pg_catalog.<) $4 AND (t.plain_title IS NOT NULL AND EXISTS (SELECT FROM expandcontract.old_use u JOIN expandcontract.change c ON c.id OPERATOR(pg_catalog.=) u.change_id WHERE c.name OPERATOR(pg_catalog.=) '0004_change_articles_title_type' AND u.side OPERATOR(pg_catalog.=) 'new'))
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

-- - remove plain_title and what keeps it in sync
--   instant, reversible; locks: ACCESS EXCLUSIVE on public.articles
LOCK TABLE public.articles IN SHARE UPDATE EXCLUSIVE MODE;
LOCK TABLE public.articles IN ACCESS EXCLUSIVE MODE;
DROP TRIGGER IF EXISTS "~er_0004_change_articles_title_type" ON public.articles;
DROP TRIGGER IF EXISTS "~es_0004_change_articles_title_type" ON public.articles;
DROP TRIGGER IF EXISTS "~ec_0004_change_articles_title_type" ON public.articles;
DROP FUNCTION IF EXISTS expandcontract_sync."~ec_0004_change_articles_title_type"();
DROP FUNCTION IF EXISTS expandcontract_sync."~ek_0004_change_articles_title_type"();
ALTER TABLE public.articles DROP COLUMN IF EXISTS plain_title;
