-- + have the expressions parsed, once and for all
--   instant, reversible; locks: none
CREATE OR REPLACE FUNCTION expandcontract_sync."0041_update_articles_where"(title pg_catalog.text) RETURNS boolean LANGUAGE sql BEGIN ATOMIC
 SELECT (title <> TRIM(BOTH FROM title));
END;
GRANT EXECUTE ON FUNCTION expandcontract_sync."0041_update_articles_where"(pg_catalog.text) TO PUBLIC;
CREATE OR REPLACE FUNCTION expandcontract_sync."0041_update_articles_set_1"(title pg_catalog.text) RETURNS pg_catalog.text LANGUAGE sql BEGIN ATOMIC
 SELECT TRIM(BOTH FROM title) AS btrim;
END;
GRANT EXECUTE ON FUNCTION expandcontract_sync."0041_update_articles_set_1"(pg_catalog.text) TO PUBLIC;
