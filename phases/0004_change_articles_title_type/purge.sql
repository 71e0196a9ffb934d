-- - drop the hidden column "~ec_title" with its values: there is no way back from here
--   instant, NOT REVERSIBLE; locks: ACCESS EXCLUSIVE on public.articles
LOCK TABLE public.articles IN SHARE UPDATE EXCLUSIVE MODE;
LOCK TABLE public.articles IN ACCESS EXCLUSIVE MODE;
DROP TRIGGER IF EXISTS "~ec_0004_change_articles_title_type" ON public.articles;
DROP FUNCTION IF EXISTS expandcontract_sync."~ec_0004_change_articles_title_type"();
DROP FUNCTION IF EXISTS expandcontract_sync."~ek_0004_change_articles_title_type"();
ALTER TABLE public.articles DROP COLUMN "~ec_title";
