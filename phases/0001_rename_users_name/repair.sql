-- ~ put the sync trigger back as it must be until ready
--   instant, reversible; locks: ACCESS EXCLUSIVE on public.users
LOCK TABLE public.users IN SHARE UPDATE EXCLUSIVE MODE;
LOCK TABLE public.users IN ACCESS EXCLUSIVE MODE;
DROP TRIGGER IF EXISTS "~ec_0001_rename_users_name" ON public.users;
CREATE OR REPLACE FUNCTION expandcontract_sync."~ec_0001_rename_users_name"() RETURNS trigger LANGUAGE plpgsql AS $ec$
-- Keeps name and display_name of public.users in sync, whoever writes. Until ready: a row may be unfilled, and NULL in the new side never goes back.
DECLARE
    old_given boolean;
    new_given boolean;
    was_new text;
BEGIN
    IF TG_OP = 'INSERT' THEN
        new_given := NOT (NEW.display_name IS NOT DISTINCT FROM NULL::text);
        old_given := NOT (NEW.name IS NOT DISTINCT FROM NULL::text);
    ELSE
        was_new := OLD.display_name;
        IF was_new IS NULL THEN
            was_new := OLD.name;
        END IF;
        new_given := NOT (NEW.display_name IS NOT DISTINCT FROM was_new) AND NEW.display_name IS NOT NULL;
        old_given := NOT (NEW.name IS NOT DISTINCT FROM OLD.name);
    END IF;
    IF new_given THEN
        IF old_given THEN
            PERFORM expandcontract_sync.note_conflict('0001_rename_users_name', 'both written', pg_catalog.jsonb_build_object('id', NEW.id)::text, pg_catalog.format('%s', NEW.name), pg_catalog.format('%s', NEW.display_name), current_user, 'the new side won');
        END IF;
        NEW.name := NEW.display_name;
        IF pg_catalog.current_setting('expandcontract.new_b97e7587f2', true) IS DISTINCT FROM (pg_catalog.current_setting('application_name') || ' ' || pg_catalog.to_char(pg_catalog.now(), 'YYYYMMDDHH24MI')) THEN
            PERFORM pg_catalog.set_config('expandcontract.new_b97e7587f2', pg_catalog.current_setting('application_name') || ' ' || pg_catalog.to_char(pg_catalog.now(), 'YYYYMMDDHH24MI'), false);
            PERFORM expandcontract_sync.note_use('0001_rename_users_name', 'new', current_user);
        END IF;
    ELSE
        NEW.display_name := NEW.name;
        IF old_given THEN
            IF pg_catalog.current_setting('expandcontract.old_b97e7587f2', true) IS DISTINCT FROM (pg_catalog.current_setting('application_name') || ' ' || pg_catalog.to_char(pg_catalog.now(), 'YYYYMMDDHH24MI')) THEN
                PERFORM pg_catalog.set_config('expandcontract.old_b97e7587f2', pg_catalog.current_setting('application_name') || ' ' || pg_catalog.to_char(pg_catalog.now(), 'YYYYMMDDHH24MI'), false);
                PERFORM expandcontract_sync.note_use('0001_rename_users_name', 'old', current_user);
            END IF;
        END IF;
    END IF;
    RETURN NEW;
END
$ec$;
GRANT EXECUTE ON FUNCTION expandcontract_sync."~ec_0001_rename_users_name"() TO PUBLIC;
CREATE TRIGGER "~ec_0001_rename_users_name" BEFORE INSERT OR UPDATE ON public.users FOR EACH ROW WHEN (NOT (NEW.display_name IS NOT DISTINCT FROM NEW.name)) EXECUTE FUNCTION expandcontract_sync."~ec_0001_rename_users_name"();
ALTER TABLE public.users ENABLE ALWAYS TRIGGER "~ec_0001_rename_users_name";

-- ~ put the sync trigger back as it must be from ready on
--   instant, reversible; locks: ACCESS EXCLUSIVE on public.users
LOCK TABLE public.users IN SHARE UPDATE EXCLUSIVE MODE;
LOCK TABLE public.users IN ACCESS EXCLUSIVE MODE;
DROP TRIGGER IF EXISTS "~ec_0001_rename_users_name" ON public.users;
CREATE OR REPLACE FUNCTION expandcontract_sync."~ec_0001_rename_users_name"() RETURNS trigger LANGUAGE plpgsql AS $ec$
-- Keeps name and display_name of public.users in sync, whoever writes. From ready on.
DECLARE
    old_given boolean;
    new_given boolean;
BEGIN
    IF TG_OP = 'INSERT' THEN
        new_given := NOT (NEW.display_name IS NOT DISTINCT FROM NULL::text);
        old_given := NOT (NEW.name IS NOT DISTINCT FROM NULL::text);
    ELSE
        new_given := NOT (NEW.display_name IS NOT DISTINCT FROM OLD.display_name);
        old_given := NOT (NEW.name IS NOT DISTINCT FROM OLD.name);
    END IF;
    IF new_given THEN
        IF old_given THEN
            PERFORM expandcontract_sync.note_conflict('0001_rename_users_name', 'both written', pg_catalog.jsonb_build_object('id', NEW.id)::text, pg_catalog.format('%s', NEW.name), pg_catalog.format('%s', NEW.display_name), current_user, 'the new side won');
        END IF;
        NEW.name := NEW.display_name;
        IF pg_catalog.current_setting('expandcontract.new_b97e7587f2', true) IS DISTINCT FROM (pg_catalog.current_setting('application_name') || ' ' || pg_catalog.to_char(pg_catalog.now(), 'YYYYMMDDHH24MI')) THEN
            PERFORM pg_catalog.set_config('expandcontract.new_b97e7587f2', pg_catalog.current_setting('application_name') || ' ' || pg_catalog.to_char(pg_catalog.now(), 'YYYYMMDDHH24MI'), false);
            PERFORM expandcontract_sync.note_use('0001_rename_users_name', 'new', current_user);
        END IF;
    ELSE
        NEW.display_name := NEW.name;
        IF old_given THEN
            IF pg_catalog.current_setting('expandcontract.old_b97e7587f2', true) IS DISTINCT FROM (pg_catalog.current_setting('application_name') || ' ' || pg_catalog.to_char(pg_catalog.now(), 'YYYYMMDDHH24MI')) THEN
                PERFORM pg_catalog.set_config('expandcontract.old_b97e7587f2', pg_catalog.current_setting('application_name') || ' ' || pg_catalog.to_char(pg_catalog.now(), 'YYYYMMDDHH24MI'), false);
                PERFORM expandcontract_sync.note_use('0001_rename_users_name', 'old', current_user);
            END IF;
        END IF;
    END IF;
    RETURN NEW;
END
$ec$;
GRANT EXECUTE ON FUNCTION expandcontract_sync."~ec_0001_rename_users_name"() TO PUBLIC;
CREATE TRIGGER "~ec_0001_rename_users_name" BEFORE INSERT OR UPDATE ON public.users FOR EACH ROW WHEN (NOT (NEW.display_name IS NOT DISTINCT FROM NEW.name)) EXECUTE FUNCTION expandcontract_sync."~ec_0001_rename_users_name"();
ALTER TABLE public.users ENABLE ALWAYS TRIGGER "~ec_0001_rename_users_name";

-- ~ put back what keeps "~ec_name" current after contract
--   instant, reversible; locks: ACCESS EXCLUSIVE on public.users
LOCK TABLE public.users IN SHARE UPDATE EXCLUSIVE MODE;
LOCK TABLE public.users IN ACCESS EXCLUSIVE MODE;
DROP TRIGGER IF EXISTS "~ec_0001_rename_users_name" ON public.users;
CREATE OR REPLACE FUNCTION expandcontract_sync."~ek_0001_rename_users_name"() RETURNS trigger LANGUAGE plpgsql AS $ec$
-- Keeps "~ec_name" of public.users, the old side that contract hid, current for undo. It never makes a write fail.
BEGIN
    IF TG_OP = 'INSERT' AND NEW."~ec_name" IS NOT NULL AND (NEW.display_name IS NOT DISTINCT FROM (NULL::text)::text) THEN
        -- An INSERT without a list of columns means the new side, and reached the hidden one.
        NEW.display_name := NEW."~ec_name";
    ELSIF TG_OP = 'INSERT' OR NOT (NEW.display_name IS NOT DISTINCT FROM OLD.display_name) THEN
        NEW."~ec_name" := NEW.display_name;
    END IF;
    RETURN NEW;
END
$ec$;
GRANT EXECUTE ON FUNCTION expandcontract_sync."~ek_0001_rename_users_name"() TO PUBLIC;
CREATE TRIGGER "~ec_0001_rename_users_name" BEFORE INSERT OR UPDATE ON public.users FOR EACH ROW WHEN (NOT (NEW.display_name IS NOT DISTINCT FROM NEW."~ec_name")) EXECUTE FUNCTION expandcontract_sync."~ek_0001_rename_users_name"();
ALTER TABLE public.users ENABLE ALWAYS TRIGGER "~ec_0001_rename_users_name";
