-- - nobody is noted any more who writes rows that break it
--   instant, reversible; locks: ACCESS EXCLUSIVE on public.articles
LOCK TABLE public.articles IN SHARE UPDATE EXCLUSIVE MODE;
LOCK TABLE public.articles IN ACCESS EXCLUSIVE MODE;
DROP TRIGGER IF EXISTS "~ec_0010_add_title_length_to_articles" ON public.articles;
DROP FUNCTION IF EXISTS expandcontract_sync."~ec_0010_add_title_length_to_articles"();
DROP FUNCTION IF EXISTS expandcontract_sync."0010_add_title_length_to_articles_breaks"(pg_catalog.text);
