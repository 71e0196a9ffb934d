-- ~ put the sync trigger back as it must be until ready
--   instant, reversible; locks: ACCESS EXCLUSIVE on public.users
LOCK TABLE public.users IN SHARE UPDATE EXCLUSIVE MODE;
LOCK TABLE public.users IN ACCESS EXCLUSIVE MODE;
DROP TRIGGER IF EXISTS "!ec_0001_rename_users_name" ON public.users;
DROP TRIGGER IF EXISTS "~ec_0001_rename_users_name" ON public.users;
CREATE OR REPLACE FUNCTION expandcontract_sync."~ec_0001_rename_users_name"() RETURNS trigger LANGUAGE plpgsql AS $ec$
-- Keeps name and display_name of public.users in sync, whoever writes. Until ready: a row may be unfilled, and NULL in the new side never goes back.
DECLARE
    old_given boolean;
    new_given boolean;
    altered boolean := false;  -- by a trigger of the user, since our first one
    place pg_catalog.text;
    seen pg_catalog.text[];
    old_left boolean;
    new_left boolean;
    later boolean;
BEGIN
    IF TG_OP OPERATOR(pg_catalog.=) 'INSERT' THEN
        new_given := NOT (NEW.display_name IS NOT DISTINCT FROM NULL);
        old_given := NOT (NEW.name IS NOT DISTINCT FROM NULL);
        IF new_given AND NEW.name IS NOT NULL THEN
            later := expandcontract_sync.is_default(TG_RELID, 'display_name', NEW.display_name, NULL);
            IF later THEN
                new_given := false;
            ELSIF later IS NULL AND old_given THEN
                BEGIN PERFORM expandcontract_sync.note_conflict('0001_rename_users_name', 'both written', pg_catalog.jsonb_build_object('id', NEW.id)::pg_catalog.text, pg_catalog.format('%s', NEW.name), pg_catalog.format('%s', NEW.display_name), current_user, 'the old side won: the new one has a default that came later'); EXCEPTION WHEN OTHERS THEN NULL; END;
                new_given := false;
            ELSIF old_given AND expandcontract_sync.is_default(TG_RELID, 'name', NEW.name, NULL) THEN
                old_given := false;
            END IF;
        END IF;
    ELSE
        IF OLD.display_name IS NULL THEN
            OLD.display_name := OLD.name;
        END IF;
        new_given := NOT (CASE WHEN NEW.display_name IS NULL THEN OLD.display_name IS NULL ELSE COALESCE(NEW.display_name OPERATOR(pg_catalog.=) OLD.display_name, false) END) AND NEW.display_name IS NOT NULL;
        old_given := NOT (CASE WHEN NEW.name IS NULL THEN OLD.name IS NULL ELSE COALESCE(NEW.name OPERATOR(pg_catalog.=) OLD.name, false) END);
    END IF;
    IF TG_NARGS OPERATOR(pg_catalog.>) 0 THEN
        place := pg_catalog.concat(TG_RELID, OLD.ctid);
        seen := pg_catalog.string_to_array(pg_catalog.current_setting(pg_catalog.concat('expandcontract.left_b97e7587f2_', pg_catalog.pg_trigger_depth()), true), ' ');
        IF TG_ARGV[0] OPERATOR(pg_catalog.=) 'last' AND seen[1] OPERATOR(pg_catalog.=) place THEN
            old_left := seen[2] OPERATOR(pg_catalog.=) pg_catalog.md5(pg_catalog.format('%L', NEW.name));
            new_left := seen[3] OPERATOR(pg_catalog.=) pg_catalog.md5(pg_catalog.format('%L', NEW.display_name));
            IF old_left AND new_left THEN
                RETURN NEW;
            ELSIF (old_left OR new_left)
                AND (TG_OP OPERATOR(pg_catalog.=) 'UPDATE' OR old_given AND new_given)
            THEN
                altered := true;
                new_given := old_left;
                old_given := new_left;
            END IF;
        END IF;
        IF TG_ARGV[0] OPERATOR(pg_catalog.=) 'last' AND old_given AND new_given AND NOT altered
            AND (TG_OP OPERATOR(pg_catalog.=) 'INSERT' OR NOT COALESCE(seen[1] OPERATOR(pg_catalog.=) place, false))
        THEN
            BEGIN PERFORM expandcontract_sync.note_conflict('0001_rename_users_name', 'both written', pg_catalog.jsonb_build_object('id', NEW.id)::pg_catalog.text, pg_catalog.format('%s', NEW.name), pg_catalog.format('%s', NEW.display_name), current_user, 'the old side won: a trigger of the table changed it'); EXCEPTION WHEN OTHERS THEN NULL; END;
            altered := true;
            new_given := false;
        END IF;
    END IF;
    IF new_given THEN
        IF old_given AND NOT altered THEN
            BEGIN PERFORM expandcontract_sync.note_conflict('0001_rename_users_name', 'both written', pg_catalog.jsonb_build_object('id', NEW.id)::pg_catalog.text, pg_catalog.format('%s', NEW.name), pg_catalog.format('%s', NEW.display_name), current_user, 'the new side won'); EXCEPTION WHEN OTHERS THEN NULL; END;
        END IF;
        NEW.name := NEW.display_name;
        IF NOT altered AND COALESCE(pg_catalog.current_setting('expandcontract.new_b97e7587f2', true), '') OPERATOR(pg_catalog.<>) pg_catalog.concat(pg_catalog.current_setting('application_name'), ' ', pg_catalog.to_char(pg_catalog.now(), 'YYYYMMDDHH24MI')) THEN
            PERFORM pg_catalog.set_config('expandcontract.new_b97e7587f2', pg_catalog.concat(pg_catalog.current_setting('application_name'), ' ', pg_catalog.to_char(pg_catalog.now(), 'YYYYMMDDHH24MI')), false);
            BEGIN PERFORM expandcontract_sync.note_use('0001_rename_users_name', 'new', current_user); EXCEPTION WHEN OTHERS THEN NULL; END;
        END IF;
    ELSE
        IF TG_OP OPERATOR(pg_catalog.=) 'UPDATE' AND NOT old_given AND NEW.display_name IS NOT NULL THEN
            BEGIN PERFORM expandcontract_sync.note_conflict('0001_rename_users_name', 'overwritten', pg_catalog.jsonb_build_object('id', NEW.id)::pg_catalog.text, pg_catalog.format('%s', NEW.name), pg_catalog.format('%s', NEW.display_name), current_user, 'the two sides had drifted apart, and a write of another column filled the new one again'); EXCEPTION WHEN OTHERS THEN NULL; END;
        END IF;
        NEW.display_name := NEW.name;
        IF old_given THEN
            IF NOT altered AND COALESCE(pg_catalog.current_setting('expandcontract.old_b97e7587f2', true), '') OPERATOR(pg_catalog.<>) pg_catalog.concat(pg_catalog.current_setting('application_name'), ' ', pg_catalog.to_char(pg_catalog.clock_timestamp(), 'YYYYMMDDHH24MI')) THEN
                PERFORM pg_catalog.set_config('expandcontract.old_b97e7587f2', pg_catalog.concat(pg_catalog.current_setting('application_name'), ' ', pg_catalog.to_char(pg_catalog.clock_timestamp(), 'YYYYMMDDHH24MI')), false);
                BEGIN PERFORM expandcontract_sync.note_use('0001_rename_users_name', 'old', current_user); EXCEPTION WHEN OTHERS THEN NULL; END;
            END IF;
        END IF;
    END IF;
    IF TG_NARGS OPERATOR(pg_catalog.>) 0 AND TG_ARGV[0] OPERATOR(pg_catalog.=) 'first' THEN
        PERFORM pg_catalog.set_config(pg_catalog.concat('expandcontract.left_b97e7587f2_', pg_catalog.pg_trigger_depth()), pg_catalog.concat_ws(' ', place, pg_catalog.md5(pg_catalog.format('%L', NEW.name)), pg_catalog.md5(pg_catalog.format('%L', NEW.display_name))), true);
    END IF;
    RETURN NEW;
EXCEPTION
    WHEN syntax_error_or_access_rule_violation OR data_exception OR invalid_schema_name THEN
        IF COALESCE(pg_catalog.current_setting('expandcontract.fault_b97e7587f2', true), '') OPERATOR(pg_catalog.<>) pg_catalog.concat(pg_catalog.current_setting('application_name'), ' ', pg_catalog.to_char(pg_catalog.now(), 'YYYYMMDDHH24MI')) THEN
            PERFORM pg_catalog.set_config('expandcontract.fault_b97e7587f2', pg_catalog.concat(pg_catalog.current_setting('application_name'), ' ', pg_catalog.to_char(pg_catalog.now(), 'YYYYMMDDHH24MI')), false);
            BEGIN PERFORM expandcontract_sync.note_conflict('0001_rename_users_name', 'does not fit', NULL, NULL, NULL, current_user, pg_catalog.concat('rows are not kept in sync: ', SQLERRM)); EXCEPTION WHEN OTHERS THEN NULL; END;
        END IF;
        RETURN NEW;
END
$ec$;
GRANT EXECUTE ON FUNCTION expandcontract_sync."~ec_0001_rename_users_name"() TO PUBLIC;
CREATE TRIGGER "!ec_0001_rename_users_name" BEFORE INSERT OR UPDATE ON public.users FOR EACH ROW WHEN (NOT (CASE WHEN NEW.display_name IS NULL THEN NEW.name IS NULL ELSE COALESCE(NEW.display_name OPERATOR(pg_catalog.=) NEW.name, false) END)) EXECUTE FUNCTION expandcontract_sync."~ec_0001_rename_users_name"('first');
ALTER TABLE public.users ENABLE ALWAYS TRIGGER "!ec_0001_rename_users_name";
CREATE TRIGGER "~ec_0001_rename_users_name" BEFORE INSERT OR UPDATE ON public.users FOR EACH ROW WHEN (NOT (CASE WHEN NEW.display_name IS NULL THEN NEW.name IS NULL ELSE COALESCE(NEW.display_name OPERATOR(pg_catalog.=) NEW.name, false) END)) EXECUTE FUNCTION expandcontract_sync."~ec_0001_rename_users_name"('last');
ALTER TABLE public.users ENABLE ALWAYS TRIGGER "~ec_0001_rename_users_name";

-- ~ put the sync trigger back as it must be from ready on
--   instant, reversible; locks: ACCESS EXCLUSIVE on public.users
LOCK TABLE public.users IN SHARE UPDATE EXCLUSIVE MODE;
LOCK TABLE public.users IN ACCESS EXCLUSIVE MODE;
DROP TRIGGER IF EXISTS "!ec_0001_rename_users_name" ON public.users;
DROP TRIGGER IF EXISTS "~ec_0001_rename_users_name" ON public.users;
CREATE OR REPLACE FUNCTION expandcontract_sync."~ec_0001_rename_users_name"() RETURNS trigger LANGUAGE plpgsql AS $ec$
-- Keeps name and display_name of public.users in sync, whoever writes. From ready on.
DECLARE
    old_given boolean;
    new_given boolean;
    altered boolean := false;  -- by a trigger of the user, since our first one
    place pg_catalog.text;
    seen pg_catalog.text[];
    old_left boolean;
    new_left boolean;
    later boolean;
BEGIN
    IF TG_OP OPERATOR(pg_catalog.=) 'INSERT' THEN
        new_given := NOT (NEW.display_name IS NOT DISTINCT FROM NULL);
        old_given := NOT (NEW.name IS NOT DISTINCT FROM NULL);
        IF new_given AND NEW.name IS NOT NULL THEN
            later := expandcontract_sync.is_default(TG_RELID, 'display_name', NEW.display_name, NULL);
            IF later THEN
                new_given := false;
            ELSIF later IS NULL AND old_given THEN
                BEGIN PERFORM expandcontract_sync.note_conflict('0001_rename_users_name', 'both written', pg_catalog.jsonb_build_object('id', NEW.id)::pg_catalog.text, pg_catalog.format('%s', NEW.name), pg_catalog.format('%s', NEW.display_name), current_user, 'the old side won: the new one has a default that came later'); EXCEPTION WHEN OTHERS THEN NULL; END;
                new_given := false;
            ELSIF old_given AND expandcontract_sync.is_default(TG_RELID, 'name', NEW.name, NULL) THEN
                old_given := false;
            END IF;
        END IF;
    ELSE
        new_given := NOT (CASE WHEN NEW.display_name IS NULL THEN OLD.display_name IS NULL ELSE COALESCE(NEW.display_name OPERATOR(pg_catalog.=) OLD.display_name, false) END);
        old_given := NOT (CASE WHEN NEW.name IS NULL THEN OLD.name IS NULL ELSE COALESCE(NEW.name OPERATOR(pg_catalog.=) OLD.name, false) END);
    END IF;
    IF TG_NARGS OPERATOR(pg_catalog.>) 0 THEN
        place := pg_catalog.concat(TG_RELID, OLD.ctid);
        seen := pg_catalog.string_to_array(pg_catalog.current_setting(pg_catalog.concat('expandcontract.left_b97e7587f2_', pg_catalog.pg_trigger_depth()), true), ' ');
        IF TG_ARGV[0] OPERATOR(pg_catalog.=) 'last' AND seen[1] OPERATOR(pg_catalog.=) place THEN
            old_left := seen[2] OPERATOR(pg_catalog.=) pg_catalog.md5(pg_catalog.format('%L', NEW.name));
            new_left := seen[3] OPERATOR(pg_catalog.=) pg_catalog.md5(pg_catalog.format('%L', NEW.display_name));
            IF old_left AND new_left THEN
                RETURN NEW;
            ELSIF (old_left OR new_left)
                AND (TG_OP OPERATOR(pg_catalog.=) 'UPDATE' OR old_given AND new_given)
            THEN
                altered := true;
                new_given := old_left;
                old_given := new_left;
            END IF;
        END IF;
        IF TG_ARGV[0] OPERATOR(pg_catalog.=) 'last' AND old_given AND new_given AND NOT altered
            AND (TG_OP OPERATOR(pg_catalog.=) 'INSERT' OR NOT COALESCE(seen[1] OPERATOR(pg_catalog.=) place, false))
        THEN
            BEGIN PERFORM expandcontract_sync.note_conflict('0001_rename_users_name', 'both written', pg_catalog.jsonb_build_object('id', NEW.id)::pg_catalog.text, pg_catalog.format('%s', NEW.name), pg_catalog.format('%s', NEW.display_name), current_user, 'the old side won: a trigger of the table changed it'); EXCEPTION WHEN OTHERS THEN NULL; END;
            altered := true;
            new_given := false;
        END IF;
    END IF;
    IF new_given THEN
        IF old_given AND NOT altered THEN
            BEGIN PERFORM expandcontract_sync.note_conflict('0001_rename_users_name', 'both written', pg_catalog.jsonb_build_object('id', NEW.id)::pg_catalog.text, pg_catalog.format('%s', NEW.name), pg_catalog.format('%s', NEW.display_name), current_user, 'the new side won'); EXCEPTION WHEN OTHERS THEN NULL; END;
        END IF;
        NEW.name := NEW.display_name;
        IF NOT altered AND COALESCE(pg_catalog.current_setting('expandcontract.new_b97e7587f2_ready', true), '') OPERATOR(pg_catalog.<>) pg_catalog.concat(pg_catalog.current_setting('application_name'), ' ', pg_catalog.to_char(pg_catalog.now(), 'YYYYMMDDHH24MI')) THEN
            PERFORM pg_catalog.set_config('expandcontract.new_b97e7587f2_ready', pg_catalog.concat(pg_catalog.current_setting('application_name'), ' ', pg_catalog.to_char(pg_catalog.now(), 'YYYYMMDDHH24MI')), false);
            BEGIN PERFORM expandcontract_sync.note_use('0001_rename_users_name', 'new', current_user); EXCEPTION WHEN OTHERS THEN NULL; END;
        END IF;
    ELSE
        IF TG_OP OPERATOR(pg_catalog.=) 'UPDATE' AND NOT old_given AND NEW.display_name IS NOT NULL THEN
            BEGIN PERFORM expandcontract_sync.note_conflict('0001_rename_users_name', 'overwritten', pg_catalog.jsonb_build_object('id', NEW.id)::pg_catalog.text, pg_catalog.format('%s', NEW.name), pg_catalog.format('%s', NEW.display_name), current_user, 'the two sides had drifted apart, and a write of another column filled the new one again'); EXCEPTION WHEN OTHERS THEN NULL; END;
        END IF;
        NEW.display_name := NEW.name;
        IF old_given THEN
            IF NOT altered AND COALESCE(pg_catalog.current_setting('expandcontract.old_b97e7587f2_ready', true), '') OPERATOR(pg_catalog.<>) pg_catalog.concat(pg_catalog.current_setting('application_name'), ' ', pg_catalog.to_char(pg_catalog.clock_timestamp(), 'YYYYMMDDHH24MI')) THEN
                PERFORM pg_catalog.set_config('expandcontract.old_b97e7587f2_ready', pg_catalog.concat(pg_catalog.current_setting('application_name'), ' ', pg_catalog.to_char(pg_catalog.clock_timestamp(), 'YYYYMMDDHH24MI')), false);
                BEGIN PERFORM expandcontract_sync.note_use('0001_rename_users_name', 'old', current_user); EXCEPTION WHEN OTHERS THEN NULL; END;
            END IF;
        END IF;
    END IF;
    IF TG_NARGS OPERATOR(pg_catalog.>) 0 AND TG_ARGV[0] OPERATOR(pg_catalog.=) 'first' THEN
        PERFORM pg_catalog.set_config(pg_catalog.concat('expandcontract.left_b97e7587f2_', pg_catalog.pg_trigger_depth()), pg_catalog.concat_ws(' ', place, pg_catalog.md5(pg_catalog.format('%L', NEW.name)), pg_catalog.md5(pg_catalog.format('%L', NEW.display_name))), true);
    END IF;
    RETURN NEW;
EXCEPTION
    WHEN syntax_error_or_access_rule_violation OR data_exception OR invalid_schema_name THEN
        IF COALESCE(pg_catalog.current_setting('expandcontract.fault_b97e7587f2', true), '') OPERATOR(pg_catalog.<>) pg_catalog.concat(pg_catalog.current_setting('application_name'), ' ', pg_catalog.to_char(pg_catalog.now(), 'YYYYMMDDHH24MI')) THEN
            PERFORM pg_catalog.set_config('expandcontract.fault_b97e7587f2', pg_catalog.concat(pg_catalog.current_setting('application_name'), ' ', pg_catalog.to_char(pg_catalog.now(), 'YYYYMMDDHH24MI')), false);
            BEGIN PERFORM expandcontract_sync.note_conflict('0001_rename_users_name', 'does not fit', NULL, NULL, NULL, current_user, pg_catalog.concat('rows are not kept in sync: ', SQLERRM)); EXCEPTION WHEN OTHERS THEN NULL; END;
        END IF;
        RETURN NEW;
END
$ec$;
GRANT EXECUTE ON FUNCTION expandcontract_sync."~ec_0001_rename_users_name"() TO PUBLIC;
CREATE TRIGGER "!ec_0001_rename_users_name" BEFORE INSERT OR UPDATE ON public.users FOR EACH ROW WHEN (NOT (CASE WHEN NEW.display_name IS NULL THEN NEW.name IS NULL ELSE COALESCE(NEW.display_name OPERATOR(pg_catalog.=) NEW.name, false) END)) EXECUTE FUNCTION expandcontract_sync."~ec_0001_rename_users_name"('first');
ALTER TABLE public.users ENABLE ALWAYS TRIGGER "!ec_0001_rename_users_name";
CREATE TRIGGER "~ec_0001_rename_users_name" BEFORE INSERT OR UPDATE ON public.users FOR EACH ROW WHEN (NOT (CASE WHEN NEW.display_name IS NULL THEN NEW.name IS NULL ELSE COALESCE(NEW.display_name OPERATOR(pg_catalog.=) NEW.name, false) END)) EXECUTE FUNCTION expandcontract_sync."~ec_0001_rename_users_name"('last');
ALTER TABLE public.users ENABLE ALWAYS TRIGGER "~ec_0001_rename_users_name";

-- ~ put back what keeps "~ec_name" current after contract
--   instant, reversible; locks: ACCESS EXCLUSIVE on public.users
LOCK TABLE public.users IN SHARE UPDATE EXCLUSIVE MODE;
LOCK TABLE public.users IN ACCESS EXCLUSIVE MODE;
DROP TRIGGER IF EXISTS "!ec_0001_rename_users_name" ON public.users;
DROP TRIGGER IF EXISTS "~ec_0001_rename_users_name" ON public.users;
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

-- - keep no more of what is written to display_name: the rollback was given up
--   instant, reversible; locks: ACCESS EXCLUSIVE on public.users
LOCK TABLE public.users IN SHARE UPDATE EXCLUSIVE MODE;
LOCK TABLE public.users IN ACCESS EXCLUSIVE MODE;
DROP TRIGGER IF EXISTS "~er_0001_rename_users_name" ON public.users;
DROP TRIGGER IF EXISTS "~es_0001_rename_users_name" ON public.users;
