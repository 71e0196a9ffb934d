-- ~ drop the view public.reviews
--   instant, reversible; locks: ACCESS EXCLUSIVE on public.reviews
LOCK TABLE public.reviews IN SHARE UPDATE EXCLUSIVE MODE;
LOCK TABLE public.reviews IN ACCESS EXCLUSIVE MODE;
DROP VIEW IF EXISTS public.reviews;
