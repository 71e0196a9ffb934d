-- - drop what the expressions were parsed into; rows stay as they are
--   instant, reversible; locks: ACCESS SHARE on public.articles
LOCK TABLE public.articles IN ACCESS SHARE MODE;
DROP FUNCTION IF EXISTS expandcontract_sync."0041_update_articles_where"(pg_catalog.text);
DROP FUNCTION IF EXISTS expandcontract_sync."0041_update_articles_set_1"(pg_catalog.text);
