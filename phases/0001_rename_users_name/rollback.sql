-- - remove display_name and what keeps it in sync
--   instant, reversible; locks: ACCESS EXCLUSIVE on public.users
LOCK TABLE public.users IN SHARE UPDATE EXCLUSIVE MODE;
LOCK TABLE public.users IN ACCESS EXCLUSIVE MODE;
DROP TRIGGER IF EXISTS "~ec_0001_rename_users_name" ON public.users;
DROP FUNCTION IF EXISTS expandcontract_sync."~ec_0001_rename_users_name"();
DROP FUNCTION IF EXISTS expandcontract_sync."~ek_0001_rename_users_name"();
ALTER TABLE public.users DROP COLUMN IF EXISTS display_name;
