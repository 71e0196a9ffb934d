-- ~ drop title_length
--   instant, reversible; locks: ACCESS EXCLUSIVE on public.articles
LOCK TABLE public.articles IN SHARE UPDATE EXCLUSIVE MODE;
LOCK TABLE public.articles IN ACCESS EXCLUSIVE MODE;
ALTER TABLE public.articles DROP CONSTRAINT IF EXISTS title_length;
