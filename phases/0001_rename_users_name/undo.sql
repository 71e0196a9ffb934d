-- ~ bring name back, in sync as before
--   instant, reversible; locks: ACCESS EXCLUSIVE on public.users
LOCK TABLE public.users IN SHARE UPDATE EXCLUSIVE MODE;
LOCK TABLE public.users IN ACCESS EXCLUSIVE MODE;
DROP TRIGGER IF EXISTS "~ec_0001_rename_users_name" ON public.users;
DROP FUNCTION IF EXISTS expandcontract_sync."~ek_0001_rename_users_name"();
ALTER TABLE public.users RENAME COLUMN "~ec_name" TO name;
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

-- + new rows need a value in name
--   instant, reversible; locks: ACCESS EXCLUSIVE on public.users
LOCK TABLE public.users IN SHARE UPDATE EXCLUSIVE MODE;
LOCK TABLE public.users IN ACCESS EXCLUSIVE MODE;
ALTER TABLE public.users ADD CONSTRAINT users_name_not_null NOT NULL name NOT VALID;
--   taken back: ALTER TABLE public.users ALTER COLUMN name DROP NOT NULL;

-- = check all rows against users_name_not_null
--   by size, reversible; locks: SHARE UPDATE EXCLUSIVE on public.users
ALTER TABLE public.users VALIDATE CONSTRAINT users_name_not_null;
