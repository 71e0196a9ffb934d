-- - give public.reviews its name back
--   instant, reversible; locks: ACCESS EXCLUSIVE on public.reviews
LOCK TABLE public.reviews IN SHARE UPDATE EXCLUSIVE MODE;
LOCK TABLE public.reviews IN ACCESS EXCLUSIVE MODE;
DO $ec$ BEGIN
    IF EXISTS (SELECT FROM pg_catalog.pg_class c
               WHERE c.oid = pg_catalog.to_regclass('public.reviews') AND c.relkind = 'v') THEN
        DROP VIEW public.reviews;
    END IF;
    IF pg_catalog.to_regclass('public.reviews') IS NULL AND pg_catalog.to_regclass('public.ratings') IS NOT NULL THEN
        ALTER TABLE public.ratings RENAME TO reviews;
    END IF;
END $ec$;
