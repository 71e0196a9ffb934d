-- ~ bring title back, in sync as before
--   instant, reversible; locks: ACCESS EXCLUSIVE on public.articles
LOCK TABLE public.articles IN SHARE UPDATE EXCLUSIVE MODE;
LOCK TABLE public.articles IN ACCESS EXCLUSIVE MODE;
DROP TRIGGER IF EXISTS "~ec_0004_change_articles_title_type" ON public.articles;
DROP FUNCTION IF EXISTS expandcontract_sync."~ek_0004_change_articles_title_type"();
ALTER TABLE public.articles RENAME COLUMN "~ec_title" TO title;
ALTER TABLE public.articles ALTER COLUMN plain_title DROP NOT NULL;
ALTER TABLE public.articles ADD CONSTRAINT articles_title_not_null NOT NULL title NOT VALID;
CREATE OR REPLACE FUNCTION expandcontract_sync."~ec_0004_change_articles_title_type"() RETURNS trigger LANGUAGE plpgsql AS $ec$
-- plain_title of public.articles is computed from title outside of the database. What was made of another title never stays: the row is unfilled then.
DECLARE
    old_given boolean;
    new_given boolean;
BEGIN
    IF TG_OP OPERATOR(pg_catalog.=) 'INSERT' THEN
        new_given := NOT (NEW.plain_title IS NOT DISTINCT FROM NULL);
        old_given := NOT (NEW.title IS NOT DISTINCT FROM NULL);
    ELSE
        new_given := NOT (CASE WHEN NEW.plain_title IS NULL THEN OLD.plain_title IS NULL ELSE COALESCE(NEW.plain_title OPERATOR(pg_catalog.=) OLD.plain_title, false) END) AND NEW.plain_title IS NOT NULL;
        old_given := NOT (CASE WHEN NEW.title IS NULL THEN OLD.title IS NULL ELSE COALESCE(NEW.title OPERATOR(pg_catalog.=) OLD.title, false) END);
    END IF;
    IF pg_catalog.current_setting('expandcontract.filling', true) OPERATOR(pg_catalog.=) 'on' THEN
        -- Our own write of a value that was made of OLD: another trigger may have changed title with it.
        IF old_given AND TG_OP OPERATOR(pg_catalog.=) 'UPDATE' THEN
            NEW.plain_title := NULL;
        END IF;
    ELSIF new_given THEN
        IF COALESCE(pg_catalog.current_setting('expandcontract.new_98fd43bd0e_ready', true), '') OPERATOR(pg_catalog.<>) pg_catalog.concat(pg_catalog.current_setting('application_name'), ' ', pg_catalog.to_char(pg_catalog.now(), 'YYYYMMDDHH24MI')) THEN
            PERFORM pg_catalog.set_config('expandcontract.new_98fd43bd0e_ready', pg_catalog.concat(pg_catalog.current_setting('application_name'), ' ', pg_catalog.to_char(pg_catalog.now(), 'YYYYMMDDHH24MI')), false);
            BEGIN PERFORM expandcontract_sync.note_use('0004_change_articles_title_type', 'new', current_user); EXCEPTION WHEN OTHERS THEN NULL; END;
        END IF;
    ELSIF old_given THEN
        NEW.plain_title := NULL;
        IF COALESCE(pg_catalog.current_setting('expandcontract.old_98fd43bd0e_ready', true), '') OPERATOR(pg_catalog.<>) pg_catalog.concat(pg_catalog.current_setting('application_name'), ' ', pg_catalog.to_char(pg_catalog.clock_timestamp(), 'YYYYMMDDHH24MI')) THEN
                PERFORM pg_catalog.set_config('expandcontract.old_98fd43bd0e_ready', pg_catalog.concat(pg_catalog.current_setting('application_name'), ' ', pg_catalog.to_char(pg_catalog.clock_timestamp(), 'YYYYMMDDHH24MI')), false);
                BEGIN PERFORM expandcontract_sync.note_use('0004_change_articles_title_type', 'old', current_user); EXCEPTION WHEN OTHERS THEN NULL; END;
            END IF;
    END IF;
    RETURN NEW;
EXCEPTION
    WHEN syntax_error_or_access_rule_violation OR data_exception OR invalid_schema_name THEN
        IF COALESCE(pg_catalog.current_setting('expandcontract.fault_98fd43bd0e', true), '') OPERATOR(pg_catalog.<>) pg_catalog.concat(pg_catalog.current_setting('application_name'), ' ', pg_catalog.to_char(pg_catalog.now(), 'YYYYMMDDHH24MI')) THEN
            PERFORM pg_catalog.set_config('expandcontract.fault_98fd43bd0e', pg_catalog.concat(pg_catalog.current_setting('application_name'), ' ', pg_catalog.to_char(pg_catalog.now(), 'YYYYMMDDHH24MI')), false);
            BEGIN PERFORM expandcontract_sync.note_conflict('0004_change_articles_title_type', 'does not fit', NULL, NULL, NULL, current_user, pg_catalog.concat('rows are not kept in sync: ', SQLERRM)); EXCEPTION WHEN OTHERS THEN NULL; END;
        END IF;
        RETURN NEW;
END
$ec$;
GRANT EXECUTE ON FUNCTION expandcontract_sync."~ec_0004_change_articles_title_type"() TO PUBLIC;
CREATE TRIGGER "~ec_0004_change_articles_title_type" BEFORE INSERT OR UPDATE ON public.articles FOR EACH ROW EXECUTE FUNCTION expandcontract_sync."~ec_0004_change_articles_title_type"();
ALTER TABLE public.articles ENABLE ALWAYS TRIGGER "~ec_0004_change_articles_title_type";

-- = check all rows against articles_title_not_null
--   by size, reversible; locks: SHARE UPDATE EXCLUSIVE on public.articles
ALTER TABLE public.articles VALIDATE CONSTRAINT articles_title_not_null;
