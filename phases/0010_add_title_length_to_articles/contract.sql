-- + new rows must keep title_length: CHECK (length(title) BETWEEN 1 AND 200)
--   instant, reversible; locks: ACCESS EXCLUSIVE on public.articles
LOCK TABLE public.articles IN SHARE UPDATE EXCLUSIVE MODE;
LOCK TABLE public.articles IN ACCESS EXCLUSIVE MODE;
ALTER TABLE public.articles ADD CONSTRAINT title_length CHECK (((length(title) >= 1) AND (length(title) <= 200))) NOT VALID;
--   taken back: ALTER TABLE public.articles DROP CONSTRAINT IF EXISTS title_length;

-- = check all rows against title_length
--   by size, reversible; locks: SHARE UPDATE EXCLUSIVE on public.articles
ALTER TABLE public.articles VALIDATE CONSTRAINT title_length;

-- ~ title_length stands, and all rows keep it
--   instant, reversible; locks: ACCESS EXCLUSIVE on public.articles
LOCK TABLE public.articles IN SHARE UPDATE EXCLUSIVE MODE;
LOCK TABLE public.articles IN ACCESS EXCLUSIVE MODE;
DROP TRIGGER IF EXISTS "~ec_0010_add_title_length_to_articles" ON public.articles;
DROP FUNCTION IF EXISTS expandcontract_sync."~ec_0010_add_title_length_to_articles"();
DROP FUNCTION IF EXISTS expandcontract_sync."0010_add_title_length_to_articles_breaks"(pg_catalog.text);
