-- + add column "~ec_new_rating" integer
--   instant, reversible; locks: ACCESS EXCLUSIVE on public.reviews
LOCK TABLE public.reviews IN SHARE UPDATE EXCLUSIVE MODE;
LOCK TABLE public.reviews IN ACCESS EXCLUSIVE MODE;
ALTER TABLE public.reviews ADD COLUMN "~ec_new_rating" integer;
