-- - drop the hidden column "~ec_name" with its values: there is no way back from here
--   instant, NOT REVERSIBLE; locks: ACCESS EXCLUSIVE on public.users
LOCK TABLE public.users IN SHARE UPDATE EXCLUSIVE MODE;
LOCK TABLE public.users IN ACCESS EXCLUSIVE MODE;
DROP TRIGGER IF EXISTS "!ec_0001_rename_users_name" ON public.users;
DROP TRIGGER IF EXISTS "~ec_0001_rename_users_name" ON public.users;
DROP FUNCTION IF EXISTS expandcontract_sync."~ec_0001_rename_users_name"();
DROP FUNCTION IF EXISTS expandcontract_sync."~ek_0001_rename_users_name"();
ALTER TABLE public.users DROP COLUMN "~ec_name";
