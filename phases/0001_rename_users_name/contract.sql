-- + new rows need a value in display_name
--   instant, reversible; locks: ACCESS EXCLUSIVE on public.users
LOCK TABLE public.users IN SHARE UPDATE EXCLUSIVE MODE;
LOCK TABLE public.users IN ACCESS EXCLUSIVE MODE;
ALTER TABLE public.users ADD CONSTRAINT "~ec_nn_display_name" CHECK (display_name IS DISTINCT FROM NULL) NOT VALID;
--   taken back: ALTER TABLE public.users DROP CONSTRAINT IF EXISTS "~ec_nn_display_name";

-- = check all rows against "~ec_nn_display_name"
--   by size, reversible; locks: SHARE UPDATE EXCLUSIVE on public.users
ALTER TABLE public.users VALIDATE CONSTRAINT "~ec_nn_display_name";

-- ~ hide name as "~ec_name"
--   instant, reversible; locks: ACCESS EXCLUSIVE on public.users
LOCK TABLE public.users IN SHARE UPDATE EXCLUSIVE MODE;
LOCK TABLE public.users IN ACCESS EXCLUSIVE MODE;
DROP TRIGGER IF EXISTS "!ec_0001_rename_users_name" ON public.users;
DROP TRIGGER "~ec_0001_rename_users_name" ON public.users;
ALTER TABLE public.users RENAME COLUMN name TO "~ec_name";
ALTER TABLE public.users ALTER COLUMN "~ec_name" DROP NOT NULL;
ALTER TABLE public.users ALTER COLUMN display_name SET NOT NULL;
ALTER TABLE public.users DROP CONSTRAINT "~ec_nn_display_name";
CREATE OR REPLACE FUNCTION expandcontract_sync."~ek_0001_rename_users_name"() RETURNS trigger LANGUAGE plpgsql AS $ec$
-- Keeps "~ec_name" of public.users, the old side that contract hid, current for undo. It never makes a write fail.
BEGIN
    IF TG_OP OPERATOR(pg_catalog.=) 'INSERT' AND NEW."~ec_name" IS NOT NULL AND (CASE WHEN NEW.display_name IS NULL THEN NULL::pg_catalog.text IS NULL ELSE COALESCE(NEW.display_name OPERATOR(pg_catalog.=) NULL::pg_catalog.text, false) END) THEN
        -- An INSERT without a list of columns means the new side, and reached the hidden one.
        NEW.display_name := NEW."~ec_name";
    ELSIF TG_OP OPERATOR(pg_catalog.=) 'INSERT' AND NEW."~ec_name" IS NOT NULL AND (CASE WHEN NEW.display_name IS NULL THEN NEW."~ec_name" IS NULL ELSE COALESCE(NEW.display_name OPERATOR(pg_catalog.=) NEW."~ec_name", false) END) THEN
        -- Nobody gives both: a row that moves to another partition keeps what it had.
        RETURN NEW;
    ELSIF TG_OP OPERATOR(pg_catalog.=) 'UPDATE' AND (CASE WHEN NEW.display_name IS NULL THEN OLD.display_name IS NULL ELSE COALESCE(NEW.display_name OPERATOR(pg_catalog.=) OLD.display_name, false) END) AND NOT (CASE WHEN NEW."~ec_name" IS NULL THEN OLD."~ec_name" IS NULL ELSE COALESCE(NEW."~ec_name" OPERATOR(pg_catalog.=) OLD."~ec_name", false) END) THEN
        -- Through a view, a rule or a function that goes on with the hidden side.
        NEW.display_name := NEW."~ec_name";
    ELSIF TG_OP OPERATOR(pg_catalog.=) 'INSERT' OR NOT (CASE WHEN NEW.display_name IS NULL THEN OLD.display_name IS NULL ELSE COALESCE(NEW.display_name OPERATOR(pg_catalog.=) OLD.display_name, false) END) THEN
        NEW."~ec_name" := NEW.display_name;
    END IF;
    RETURN NEW;
EXCEPTION
    WHEN OTHERS THEN
        IF COALESCE(pg_catalog.current_setting('expandcontract.fault_b97e7587f2', true), '') OPERATOR(pg_catalog.<>) pg_catalog.concat(pg_catalog.current_setting('application_name'), ' ', pg_catalog.to_char(pg_catalog.now(), 'YYYYMMDDHH24MI')) THEN
            PERFORM pg_catalog.set_config('expandcontract.fault_b97e7587f2', pg_catalog.concat(pg_catalog.current_setting('application_name'), ' ', pg_catalog.to_char(pg_catalog.now(), 'YYYYMMDDHH24MI')), false);
            BEGIN PERFORM expandcontract_sync.note_conflict('0001_rename_users_name', 'does not fit', NULL, NULL, NULL, current_user, pg_catalog.concat('rows are not kept in sync: ', SQLERRM)); EXCEPTION WHEN OTHERS THEN NULL; END;
        END IF;
        RETURN NEW;
END
$ec$;
GRANT EXECUTE ON FUNCTION expandcontract_sync."~ek_0001_rename_users_name"() TO PUBLIC;
CREATE TRIGGER "~ec_0001_rename_users_name" BEFORE INSERT OR UPDATE ON public.users FOR EACH ROW WHEN (NOT (CASE WHEN NEW.display_name IS NULL THEN NEW."~ec_name" IS NULL ELSE COALESCE(NEW.display_name OPERATOR(pg_catalog.=) NEW."~ec_name", false) END)) EXECUTE FUNCTION expandcontract_sync."~ek_0001_rename_users_name"();
ALTER TABLE public.users ENABLE ALWAYS TRIGGER "~ec_0001_rename_users_name";
DROP FUNCTION expandcontract_sync."~ec_0001_rename_users_name"();
