-- ~ hide title as "~ec_title"
--   instant, reversible; locks: ACCESS EXCLUSIVE on public.articles
LOCK TABLE public.articles IN SHARE UPDATE EXCLUSIVE MODE;
LOCK TABLE public.articles IN ACCESS EXCLUSIVE MODE;
DROP TRIGGER "~ec_0004_change_articles_title_type" ON public.articles;
ALTER TABLE public.articles RENAME COLUMN title TO "~ec_title";
ALTER TABLE public.articles ALTER COLUMN "~ec_title" DROP NOT NULL;
ALTER TABLE public.articles VALIDATE CONSTRAINT "~ec_filled_plain_title";
ALTER TABLE public.articles ALTER COLUMN plain_title SET NOT NULL;
ALTER TABLE public.articles DROP CONSTRAINT "~ec_filled_plain_title";
DROP FUNCTION expandcontract_sync."~ec_0004_change_articles_title_type"();
