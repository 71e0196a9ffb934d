-- - drop index reviews_product_lower_idx without stopping anybody
--   instant, reversible; locks: SHARE UPDATE EXCLUSIVE on public.reviews
DROP INDEX CONCURRENTLY IF EXISTS public.reviews_product_lower_idx;

-- - close the change; nothing is left of reviews_product_lower_idx
--   instant, reversible; locks: none
