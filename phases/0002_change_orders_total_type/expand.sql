-- + add column total_cents bigint
--   instant, reversible; locks: ACCESS EXCLUSIVE on public.orders
LOCK TABLE public.orders IN SHARE UPDATE EXCLUSIVE MODE;
LOCK TABLE public.orders IN ACCESS EXCLUSIVE MODE;
ALTER TABLE public.orders ADD COLUMN total_cents bigint;
