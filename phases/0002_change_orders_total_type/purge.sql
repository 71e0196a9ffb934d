-- - drop the hidden column "~ec_total" with its values: there is no way back from here
--   instant, NOT REVERSIBLE; locks: ACCESS EXCLUSIVE on public.ledger_entries, ACCESS EXCLUSIVE on public.orders
LOCK TABLE public.ledger_entries, public.orders IN SHARE UPDATE EXCLUSIVE MODE;
LOCK TABLE public.ledger_entries, public.orders IN ACCESS EXCLUSIVE MODE;
DROP TRIGGER IF EXISTS "!ec_0002_change_orders_total_type" ON public.orders;
DROP TRIGGER IF EXISTS "~ec_0002_change_orders_total_type" ON public.orders;
DROP TRIGGER IF EXISTS "!es_0002_change_orders_total_type" ON public.orders;
DROP FUNCTION IF EXISTS expandcontract_sync."~ec_0002_change_orders_total_type"();
DROP FUNCTION IF EXISTS expandcontract_sync."~ek_0002_change_orders_total_type"();
DROP FUNCTION IF EXISTS expandcontract_sync."~ex_0002_change_orders_total_type";
ALTER TABLE public.orders DROP COLUMN "~ec_total";
DROP FUNCTION IF EXISTS expandcontract_sync."0002_change_orders_total_type_forward"(integer);
DROP FUNCTION IF EXISTS expandcontract_sync."0002_change_orders_total_type_back"(bigint);
