-- - drop the hidden column "~ec_rating" with its values: there is no way back from here
--   instant, NOT REVERSIBLE; locks: ACCESS EXCLUSIVE on public.reviews
LOCK TABLE public.reviews IN SHARE UPDATE EXCLUSIVE MODE;
LOCK TABLE public.reviews IN ACCESS EXCLUSIVE MODE;
DROP TRIGGER IF EXISTS "!ec_0003_change_reviews_rating_type" ON public.reviews;
DROP TRIGGER IF EXISTS "~ec_0003_change_reviews_rating_type" ON public.reviews;
DROP TRIGGER IF EXISTS "!es_0003_change_reviews_rating_type" ON public.reviews;
DROP FUNCTION IF EXISTS expandcontract_sync."~ec_0003_change_reviews_rating_type"();
DROP FUNCTION IF EXISTS expandcontract_sync."~ek_0003_change_reviews_rating_type"();
ALTER TABLE public.reviews DROP COLUMN "~ec_rating";
DROP FUNCTION IF EXISTS expandcontract_sync."0003_change_reviews_rating_type_forward"(text);
DROP FUNCTION IF EXISTS expandcontract_sync."0003_change_reviews_rating_type_forward!"(text);
DROP FUNCTION IF EXISTS expandcontract_sync."0003_change_reviews_rating_type_back"(integer);
DROP FUNCTION IF EXISTS expandcontract_sync."0003_change_reviews_rating_type_back!"(integer);
