-- + build index reviews_product_lower_idx without stopping anybody
--   by size, reversible; locks: SHARE UPDATE EXCLUSIVE on public.reviews
CREATE INDEX CONCURRENTLY reviews_product_lower_idx ON public.reviews USING btree (product, lower(rating) DESC) WHERE (rating IS NOT NULL);
