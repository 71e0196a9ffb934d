-- + new rows need a value in plain_title
--   instant, reversible; locks: ACCESS EXCLUSIVE on public.articles
LOCK TABLE public.articles IN SHARE UPDATE EXCLUSIVE MODE;
LOCK TABLE public.articles IN ACCESS EXCLUSIVE MODE;
ALTER TABLE public.articles ADD CONSTRAINT "~ec_nn_plain_title" CHECK (plain_title IS DISTINCT FROM NULL) NOT VALID;
--   taken back: ALTER TABLE public.articles DROP CONSTRAINT IF EXISTS "~ec_nn_plain_title";

-- = check all rows against "~ec_nn_plain_title"
--   by size, reversible; locks: SHARE UPDATE EXCLUSIVE on public.articles
ALTER TABLE public.articles VALIDATE CONSTRAINT "~ec_nn_plain_title";

-- ~ hide title as "~ec_title"
--   instant, reversible; locks: ACCESS EXCLUSIVE on public.articles
LOCK TABLE public.articles IN SHARE UPDATE EXCLUSIVE MODE;
LOCK TABLE public.articles IN ACCESS EXCLUSIVE MODE;
DROP TRIGGER "~ec_0004_change_articles_title_type" ON public.articles;
ALTER TABLE public.articles RENAME COLUMN title TO "~ec_title";
ALTER TABLE public.articles ALTER COLUMN "~ec_title" DROP NOT NULL;
ALTER TABLE public.articles ALTER COLUMN plain_title SET NOT NULL;
ALTER TABLE public.articles DROP CONSTRAINT "~ec_nn_plain_title";
DROP FUNCTION expandcontract_sync."~ec_0004_change_articles_title_type"();
