-- ~ put back what notes who writes rows that break CHECK (length(title) BETWEEN 1 AND 200)
--   instant, reversible; locks: ACCESS EXCLUSIVE on public.articles
LOCK TABLE public.articles IN SHARE UPDATE EXCLUSIVE MODE;
LOCK TABLE public.articles IN ACCESS EXCLUSIVE MODE;
DROP TRIGGER IF EXISTS "~ec_0010_add_title_length_to_articles" ON public.articles;
CREATE OR REPLACE FUNCTION expandcontract_sync."0010_add_title_length_to_articles_breaks"(title pg_catalog.text) RETURNS boolean LANGUAGE sql RETURN (((length(title) >= 1) AND (length(title) <= 200))) IS FALSE;
GRANT EXECUTE ON FUNCTION expandcontract_sync."0010_add_title_length_to_articles_breaks"(pg_catalog.text) TO PUBLIC;
CREATE OR REPLACE FUNCTION expandcontract_sync."~ec_0010_add_title_length_to_articles"() RETURNS trigger LANGUAGE plpgsql AS $ec$
-- Notes who writes rows that will be refused: CHECK (length(title) BETWEEN 1 AND 200). It changes no row, and never makes a makes a write fail.
BEGIN
    IF expandcontract_sync."0010_add_title_length_to_articles_breaks"(NEW.title) THEN
        IF COALESCE(pg_catalog.current_setting('expandcontract.old_7e679402e0_ready', true), '') OPERATOR(pg_catalog.<>) pg_catalog.concat(pg_catalog.current_setting('application_name'), ' ', pg_catalog.to_char(pg_catalog.clock_timestamp(), 'YYYYMMDDHH24MI')) THEN
                PERFORM pg_catalog.set_config('expandcontract.old_7e679402e0_ready', pg_catalog.concat(pg_catalog.current_setting('application_name'), ' ', pg_catalog.to_char(pg_catalog.clock_timestamp(), 'YYYYMMDDHH24MI')), false);
                BEGIN PERFORM expandcontract_sync.note_use('0010_add_title_length_to_articles', 'old', current_user); EXCEPTION WHEN OTHERS THEN NULL; END;
            END IF;
    END IF;
    RETURN NEW;
EXCEPTION WHEN OTHERS THEN
    RETURN NEW;
END
$ec$;
GRANT EXECUTE ON FUNCTION expandcontract_sync."~ec_0010_add_title_length_to_articles"() TO PUBLIC;
CREATE TRIGGER "~ec_0010_add_title_length_to_articles" BEFORE INSERT OR UPDATE ON public.articles FOR EACH ROW EXECUTE FUNCTION expandcontract_sync."~ec_0010_add_title_length_to_articles"();
ALTER TABLE public.articles ENABLE ALWAYS TRIGGER "~ec_0010_add_title_length_to_articles";
