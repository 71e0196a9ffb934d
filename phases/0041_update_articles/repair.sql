-- - drop what the expressions were parsed into
--   instant, reversible; locks: none
DROP FUNCTION IF EXISTS expandcontract_sync."0041_update_articles_where"(pg_catalog.text);
DROP FUNCTION IF EXISTS expandcontract_sync."0041_update_articles_set_1"(pg_catalog.text);
