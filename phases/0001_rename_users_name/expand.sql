-- + add column display_name text
--   instant, reversible; locks: ACCESS EXCLUSIVE on public.users
LOCK TABLE public.users IN SHARE UPDATE EXCLUSIVE MODE;
LOCK TABLE public.users IN ACCESS EXCLUSIVE MODE;
ALTER TABLE public.users ADD COLUMN display_name text;
