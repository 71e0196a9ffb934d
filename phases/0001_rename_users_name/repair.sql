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
    was_new pg_catalog.text;
BEGIN
    IF TG_OP OPERATOR(pg_catalog.=) 'INSERT' THEN
        new_given := NOT (CASE WHEN NEW.display_name IS NULL THEN NULL::pg_catalog.text IS NULL ELSE COALESCE(NEW.display_name OPERATOR(pg_catalog.=) NULL::pg_catalog.text, false) END);
        old_given := NOT (CASE WHEN NEW.name IS NULL THEN NULL::pg_catalog.text IS NULL ELSE COALESCE(NEW.name OPERATOR(pg_catalog.=) NULL::pg_catalog.text, false) END);
    ELSE
        was_new := OLD.display_name;
        IF was_new IS NULL THEN
            was_new := OLD.name;
        END IF;
        new_given := NOT (CASE WHEN NEW.display_name IS NULL THEN was_new IS NULL ELSE COALESCE(NEW.display_name OPERATOR(pg_catalog.=) was_new, false) END) AND NEW.display_name IS NOT NULL;
        old_given := NOT (CASE WHEN NEW.name IS NULL THEN OLD.name IS NULL ELSE COALESCE(NEW.name OPERATOR(pg_catalog.=) OLD.name, false) END);
    END IF;
    IF new_given THEN
        IF old_given THEN
            PERFORM expandcontract_sync.note_conflict('0001_rename_users_name', 'both written', pg_catalog.jsonb_build_object('id', NEW.id)::pg_catalog.text, pg_catalog.format('%s', NEW.name), pg_catalog.format('%s', NEW.display_name), current_user, 'the new side won');
        END IF;
        NEW.name := NEW.display_name;
        IF COALESCE(pg_catalog.current_setting('expandcontract.new_b97e7587f2', true), '') OPERATOR(pg_catalog.<>) pg_catalog.concat(pg_catalog.current_setting('application_name'), ' ', pg_catalog.to_char(pg_catalog.now(), 'YYYYMMDDHH24MI')) THEN
            PERFORM pg_catalog.set_config('expandcontract.new_b97e7587f2', pg_catalog.concat(pg_catalog.current_setting('application_name'), ' ', pg_catalog.to_char(pg_catalog.now(), 'YYYYMMDDHH24MI')), false);
            PERFORM expandcontract_sync.note_use('0001_rename_users_name', 'new', current_user);
        END IF;
    ELSE
        NEW.display_name := NEW.name;
        IF old_given THEN
            IF COALESCE(pg_catalog.current_setting('expandcontract.old_b97e7587f2', true), '') OPERATOR(pg_catalog.<>) pg_catalog.concat(pg_catalog.current_setting('application_name'), ' ', pg_catalog.to_char(pg_catalog.now(), 'YYYYMMDDHH24MI')) THEN
                PERFORM pg_catalog.set_config('expandcontract.old_b97e7587f2', pg_catalog.concat(pg_catalog.current_setting('application_name'), ' ', pg_catalog.to_char(pg_catalog.now(), 'YYYYMMDDHH24MI')), false);
                PERFORM expandcontract_sync.note_use('0001_rename_users_name', 'old', current_user);
            END IF;
        END IF;
    END IF;
    RETURN NEW;
END
$ec$;
GRANT EXECUTE ON FUNCTION expandcontract_sync."~ec_0001_rename_users_name"() TO PUBLIC;
CREATE TRIGGER "~ec_0001_rename_users_name" BEFORE INSERT OR UPDATE ON public.users FOR EACH ROW WHEN (NOT (CASE WHEN NEW.display_name IS NULL THEN NEW.name IS NULL ELSE COALESCE(NEW.display_name OPERATOR(pg_catalog.=) NEW.name, false) END)) EXECUTE FUNCTION expandcontract_sync."~ec_0001_rename_users_name"();
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
    IF TG_OP OPERATOR(pg_catalog.=) 'INSERT' THEN
        new_given := NOT (CASE WHEN NEW.display_name IS NULL THEN NULL::pg_catalog.text IS NULL ELSE COALESCE(NEW.display_name OPERATOR(pg_catalog.=) NULL::pg_catalog.text, false) END);
        old_given := NOT (CASE WHEN NEW.name IS NULL THEN NULL::pg_catalog.text IS NULL ELSE COALESCE(NEW.name OPERATOR(pg_catalog.=) NULL::pg_catalog.text, false) END);
    ELSE
        new_given := NOT (CASE WHEN NEW.display_name IS NULL THEN OLD.display_name IS NULL ELSE COALESCE(NEW.display_name OPERATOR(pg_catalog.=) OLD.display_name, false) END);
        old_given := NOT (CASE WHEN NEW.name IS NULL THEN OLD.name IS NULL ELSE COALESCE(NEW.name OPERATOR(pg_catalog.=) OLD.name, false) END);
    END IF;
    IF new_given THEN
        IF old_given THEN
            PERFORM expandcontract_sync.note_conflict('0001_rename_users_name', 'both written', pg_catalog.jsonb_build_object('id', NEW.id)::pg_catalog.text, pg_catalog.format('%s', NEW.name), pg_catalog.format('%s', NEW.display_name), current_user, 'the new side won');
        END IF;
        NEW.name := NEW.display_name;
        IF COALESCE(pg_catalog.current_setting('expandcontract.new_b97e7587f2_ready', true), '') OPERATOR(pg_catalog.<>) pg_catalog.concat(pg_catalog.current_setting('application_name'), ' ', pg_catalog.to_char(pg_catalog.now(), 'YYYYMMDDHH24MI')) THEN
            PERFORM pg_catalog.set_config('expandcontract.new_b97e7587f2_ready', pg_catalog.concat(pg_catalog.current_setting('application_name'), ' ', pg_catalog.to_char(pg_catalog.now(), 'YYYYMMDDHH24MI')), false);
            PERFORM expandcontract_sync.note_use('0001_rename_users_name', 'new', current_user);
        END IF;
    ELSE
        NEW.display_name := NEW.name;
        IF old_given THEN
            IF COALESCE(pg_catalog.current_setting('expandcontract.old_b97e7587f2_ready', true), '') OPERATOR(pg_catalog.<>) pg_catalog.concat(pg_catalog.current_setting('application_name'), ' ', pg_catalog.to_char(pg_catalog.now(), 'YYYYMMDDHH24MI')) THEN
                PERFORM pg_catalog.set_config('expandcontract.old_b97e7587f2_ready', pg_catalog.concat(pg_catalog.current_setting('application_name'), ' ', pg_catalog.to_char(pg_catalog.now(), 'YYYYMMDDHH24MI')), false);
                PERFORM expandcontract_sync.note_use('0001_rename_users_name', 'old', current_user);
            END IF;
        END IF;
    END IF;
    RETURN NEW;
END
$ec$;
GRANT EXECUTE ON FUNCTION expandcontract_sync."~ec_0001_rename_users_name"() TO PUBLIC;
CREATE TRIGGER "~ec_0001_rename_users_name" BEFORE INSERT OR UPDATE ON public.users FOR EACH ROW WHEN (NOT (CASE WHEN NEW.display_name IS NULL THEN NEW.name IS NULL ELSE COALESCE(NEW.display_name OPERATOR(pg_catalog.=) NEW.name, false) END)) EXECUTE FUNCTION expandcontract_sync."~ec_0001_rename_users_name"();
ALTER TABLE public.users ENABLE ALWAYS TRIGGER "~ec_0001_rename_users_name";

-- ~ put back what keeps "~ec_name" current after contract
--   instant, reversible; locks: ACCESS EXCLUSIVE on public.users
LOCK TABLE public.users IN SHARE UPDATE EXCLUSIVE MODE;
LOCK TABLE public.users IN ACCESS EXCLUSIVE MODE;
DROP TRIGGER IF EXISTS "~ec_0001_rename_users_name" ON public.users;
CREATE OR REPLACE FUNCTION expandcontract_sync."~ek_0001_rename_users_name"() RETURNS trigger LANGUAGE plpgsql AS $ec$
-- Keeps "~ec_name" of public.users, the old side that contract hid, current for undo. It never makes a write fail.
BEGIN
    IF TG_OP OPERATOR(pg_catalog.=) 'INSERT' AND NEW."~ec_name" IS NOT NULL AND (CASE WHEN NEW.display_name IS NULL THEN NULL::pg_catalog.text IS NULL ELSE COALESCE(NEW.display_name OPERATOR(pg_catalog.=) NULL::pg_catalog.text, false) END) THEN
        -- An INSERT without a list of columns means the new side, and reached the hidden one.
        NEW.display_name := NEW."~ec_name";
    ELSIF TG_OP OPERATOR(pg_catalog.=) 'INSERT' OR NOT (CASE WHEN NEW.display_name IS NULL THEN OLD.display_name IS NULL ELSE COALESCE(NEW.display_name OPERATOR(pg_catalog.=) OLD.display_name, false) END) THEN
        NEW."~ec_name" := NEW.display_name;
    END IF;
    RETURN NEW;
END
$ec$;
GRANT EXECUTE ON FUNCTION expandcontract_sync."~ek_0001_rename_users_name"() TO PUBLIC;
CREATE TRIGGER "~ec_0001_rename_users_name" BEFORE INSERT OR UPDATE ON public.users FOR EACH ROW WHEN (NOT (CASE WHEN NEW.display_name IS NULL THEN NEW."~ec_name" IS NULL ELSE COALESCE(NEW.display_name OPERATOR(pg_catalog.=) NEW."~ec_name", false) END)) EXECUTE FUNCTION expandcontract_sync."~ek_0001_rename_users_name"();
ALTER TABLE public.users ENABLE ALWAYS TRIGGER "~ec_0001_rename_users_name";

-- - keep no more of what is written to display_name: the rollback was given up
--   instant, reversible; locks: ACCESS EXCLUSIVE on public.users
LOCK TABLE public.users IN SHARE UPDATE EXCLUSIVE MODE;
LOCK TABLE public.users IN ACCESS EXCLUSIVE MODE;
DROP TRIGGER IF EXISTS "~er_0001_rename_users_name" ON public.users;
DROP TRIGGER IF EXISTS "~es_0001_rename_users_name" ON public.users;
