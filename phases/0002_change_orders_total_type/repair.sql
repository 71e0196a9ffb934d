-- ~ put the sync trigger back as it must be until ready
--   instant, reversible; locks: ACCESS EXCLUSIVE on public.orders
LOCK TABLE public.orders IN SHARE UPDATE EXCLUSIVE MODE;
LOCK TABLE public.orders IN ACCESS EXCLUSIVE MODE;
DROP TRIGGER IF EXISTS "!ec_0002_change_orders_total_type" ON public.orders;
DROP TRIGGER IF EXISTS "~ec_0002_change_orders_total_type" ON public.orders;
DROP TRIGGER IF EXISTS "!es_0002_change_orders_total_type" ON public.orders;
CREATE OR REPLACE FUNCTION expandcontract_sync."0002_change_orders_total_type_forward"(total integer) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE BEGIN ATOMIC SELECT (total)::bigint; END;
GRANT EXECUTE ON FUNCTION expandcontract_sync."0002_change_orders_total_type_forward"(integer) TO PUBLIC;
CREATE OR REPLACE FUNCTION expandcontract_sync."0002_change_orders_total_type_back"(total_cents bigint) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE BEGIN ATOMIC SELECT (
CASE
    WHEN ((total_cents >= '-2147483648'::integer) AND (total_cents <= 2147483647)) THEN total_cents
    ELSE NULL::bigint
END)::integer; END;
GRANT EXECUTE ON FUNCTION expandcontract_sync."0002_change_orders_total_type_back"(bigint) TO PUBLIC;
CREATE OR REPLACE FUNCTION expandcontract_sync."~ex_0002_change_orders_total_type"(total integer) RETURNS boolean LANGUAGE sql STABLE BEGIN ATOMIC SELECT COALESCE(((total >= 0)), true); END;
GRANT EXECUTE ON FUNCTION expandcontract_sync."~ex_0002_change_orders_total_type" TO PUBLIC;
CREATE OR REPLACE FUNCTION expandcontract_sync."~ec_0002_change_orders_total_type"() RETURNS trigger LANGUAGE plpgsql AS $ec$
-- Keeps total and total_cents of public.orders in sync, whoever writes. Until ready: a row may be unfilled, and NULL in the new side never goes back.
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
    IF TG_WHEN OPERATOR(pg_catalog.=) 'AFTER' THEN
        -- What did not fit was stored, and not given up for a row that is there (ON CONFLICT).
        IF NEW.total IS NOT NULL THEN
            RAISE EXCEPTION USING ERRCODE = 'EC320', MESSAGE = 'the value does not fit total_cents bigint of public.orders', HINT = 'The schema change 0002_change_orders_total_type holds both columns in sync; a value that only one of them can hold is refused.';
        ELSE
            RAISE EXCEPTION USING ERRCODE = 'EC320', MESSAGE = 'the value does not fit total integer of public.orders', HINT = 'The schema change 0002_change_orders_total_type holds both columns in sync; a value that only one of them can hold is refused.';
        END IF;
        RETURN NULL;
    END IF;
    IF TG_OP OPERATOR(pg_catalog.=) 'INSERT' THEN
        new_given := NOT (NEW.total_cents IS NOT DISTINCT FROM NULL)
            AND NOT (CASE WHEN NEW.total_cents IS NULL THEN expandcontract_sync."0002_change_orders_total_type_forward"(NEW.total) IS NULL ELSE COALESCE(NEW.total_cents OPERATOR(pg_catalog.=) expandcontract_sync."0002_change_orders_total_type_forward"(NEW.total), false) END);
        old_given := NOT (CASE WHEN NEW.total IS NULL THEN (0)::integer IS NULL ELSE COALESCE(NEW.total OPERATOR(pg_catalog.=) (0)::integer, false) END);
        IF new_given AND NEW.total IS NOT NULL THEN
            later := expandcontract_sync.is_default(TG_RELID, 'total_cents', NEW.total_cents, NULL);
            IF later THEN
                new_given := false;
            ELSIF later IS NULL AND old_given THEN
                BEGIN PERFORM expandcontract_sync.note_conflict('0002_change_orders_total_type', 'both written', pg_catalog.jsonb_build_object('id', NEW.id)::pg_catalog.text, pg_catalog.format('%s', NEW.total), pg_catalog.format('%s', NEW.total_cents), current_user, 'the old side won: the new one has a default that came later'); EXCEPTION WHEN OTHERS THEN NULL; END;
                new_given := false;
            ELSIF old_given AND expandcontract_sync.is_default(TG_RELID, 'total', NEW.total, '0') THEN
                old_given := false;
            END IF;
        END IF;
    ELSE
        IF OLD.total_cents IS NULL THEN
            OLD.total_cents := expandcontract_sync."0002_change_orders_total_type_forward"(OLD.total);
        END IF;
        new_given := NOT (CASE WHEN NEW.total_cents IS NULL THEN OLD.total_cents IS NULL ELSE COALESCE(NEW.total_cents OPERATOR(pg_catalog.=) OLD.total_cents, false) END) AND NEW.total_cents IS NOT NULL
            AND NOT (CASE WHEN NEW.total_cents IS NULL THEN expandcontract_sync."0002_change_orders_total_type_forward"(NEW.total) IS NULL ELSE COALESCE(NEW.total_cents OPERATOR(pg_catalog.=) expandcontract_sync."0002_change_orders_total_type_forward"(NEW.total), false) END);
        old_given := NOT (CASE WHEN NEW.total IS NULL THEN OLD.total IS NULL ELSE COALESCE(NEW.total OPERATOR(pg_catalog.=) OLD.total, false) END);
    END IF;
    IF TG_NARGS OPERATOR(pg_catalog.>) 0 THEN
        place := pg_catalog.concat(TG_RELID, OLD.ctid);
        seen := pg_catalog.string_to_array(pg_catalog.current_setting(pg_catalog.concat('expandcontract.left_62d1b19fb0_', pg_catalog.pg_trigger_depth()), true), ' ');
        IF TG_ARGV[0] OPERATOR(pg_catalog.=) 'last' AND seen[1] OPERATOR(pg_catalog.=) place THEN
            old_left := seen[2] OPERATOR(pg_catalog.=) pg_catalog.md5(pg_catalog.format('%L', NEW.total));
            new_left := seen[3] OPERATOR(pg_catalog.=) pg_catalog.md5(pg_catalog.format('%L', NEW.total_cents));
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
            BEGIN PERFORM expandcontract_sync.note_conflict('0002_change_orders_total_type', 'both written', pg_catalog.jsonb_build_object('id', NEW.id)::pg_catalog.text, pg_catalog.format('%s', NEW.total), pg_catalog.format('%s', NEW.total_cents), current_user, 'the old side won: a trigger of the table changed it'); EXCEPTION WHEN OTHERS THEN NULL; END;
            altered := true;
            new_given := false;
        END IF;
    END IF;
    IF new_given THEN
        IF old_given AND NOT altered AND NOT ((CASE WHEN NEW.total_cents IS NULL THEN expandcontract_sync."0002_change_orders_total_type_forward"(NEW.total) IS NULL ELSE COALESCE(NEW.total_cents OPERATOR(pg_catalog.=) expandcontract_sync."0002_change_orders_total_type_forward"(NEW.total), false) END) OR (NEW.total_cents IS NOT NULL AND (CASE WHEN NEW.total IS NULL THEN expandcontract_sync."0002_change_orders_total_type_back"(NEW.total_cents) IS NULL ELSE COALESCE(NEW.total OPERATOR(pg_catalog.=) expandcontract_sync."0002_change_orders_total_type_back"(NEW.total_cents), false) END))) THEN
            BEGIN PERFORM expandcontract_sync.note_conflict('0002_change_orders_total_type', 'both written', pg_catalog.jsonb_build_object('id', NEW.id)::pg_catalog.text, pg_catalog.format('%s', NEW.total), pg_catalog.format('%s', NEW.total_cents), current_user, 'the new side won'); EXCEPTION WHEN OTHERS THEN NULL; END;
        END IF;
        NEW.total := expandcontract_sync."0002_change_orders_total_type_back"(NEW.total_cents);
            IF NEW.total IS NULL AND NEW.total_cents IS NOT NULL THEN
                IF TG_OP OPERATOR(pg_catalog.=) 'INSERT' AND EXISTS (
                    SELECT FROM pg_catalog.pg_trigger t
                    JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) t.tgrelid
                    WHERE t.tgrelid OPERATOR(pg_catalog.=) TG_RELID
                    AND t.tgname OPERATOR(pg_catalog.=) '!es_0002_change_orders_total_type'::pg_catalog.name
                    AND t.tgenabled OPERATOR(pg_catalog.=) 'A'::pg_catalog."char"
                    AND a.attname OPERATOR(pg_catalog.=) 'total'::pg_catalog.name
                    AND NOT a.attnotnull
                ) THEN
                    PERFORM pg_catalog.set_config(pg_catalog.concat('expandcontract.unfit_62d1b19fb0_', pg_catalog.pg_trigger_depth() OPERATOR(pg_catalog.-) 1), pg_catalog.concat(pg_catalog.md5(pg_catalog.format('%L', NEW.total)), pg_catalog.md5(pg_catalog.format('%L', NEW.total_cents))), true);
                ELSE
                    RAISE EXCEPTION USING ERRCODE = 'EC320', MESSAGE = 'the value does not fit total integer of public.orders', HINT = 'The schema change 0002_change_orders_total_type holds both columns in sync; a value that only one of them can hold is refused.';
                END IF;
            END IF;
        IF NOT altered AND COALESCE(pg_catalog.current_setting('expandcontract.new_62d1b19fb0', true), '') OPERATOR(pg_catalog.<>) pg_catalog.concat(pg_catalog.current_setting('application_name'), ' ', pg_catalog.to_char(pg_catalog.now(), 'YYYYMMDDHH24MI')) THEN
            PERFORM pg_catalog.set_config('expandcontract.new_62d1b19fb0', pg_catalog.concat(pg_catalog.current_setting('application_name'), ' ', pg_catalog.to_char(pg_catalog.now(), 'YYYYMMDDHH24MI')), false);
            BEGIN PERFORM expandcontract_sync.note_use('0002_change_orders_total_type', 'new', current_user); EXCEPTION WHEN OTHERS THEN NULL; END;
        END IF;
    ELSIF old_given OR NOT ((CASE WHEN NEW.total_cents IS NULL THEN expandcontract_sync."0002_change_orders_total_type_forward"(NEW.total) IS NULL ELSE COALESCE(NEW.total_cents OPERATOR(pg_catalog.=) expandcontract_sync."0002_change_orders_total_type_forward"(NEW.total), false) END) OR (NEW.total_cents IS NOT NULL AND (CASE WHEN NEW.total IS NULL THEN expandcontract_sync."0002_change_orders_total_type_back"(NEW.total_cents) IS NULL ELSE COALESCE(NEW.total OPERATOR(pg_catalog.=) expandcontract_sync."0002_change_orders_total_type_back"(NEW.total_cents), false) END))) THEN
        IF TG_OP OPERATOR(pg_catalog.=) 'UPDATE' AND NOT old_given AND NEW.total_cents IS NOT NULL THEN
            BEGIN PERFORM expandcontract_sync.note_conflict('0002_change_orders_total_type', 'overwritten', pg_catalog.jsonb_build_object('id', NEW.id)::pg_catalog.text, pg_catalog.format('%s', NEW.total), pg_catalog.format('%s', NEW.total_cents), current_user, 'the two sides had drifted apart, and a write of another column filled the new one again'); EXCEPTION WHEN OTHERS THEN NULL; END;
        END IF;
        NEW.total_cents := expandcontract_sync."0002_change_orders_total_type_forward"(NEW.total);
        IF old_given THEN
            IF NEW.total IS NOT NULL AND NOT (CASE WHEN NEW.total IS NULL THEN expandcontract_sync."0002_change_orders_total_type_back"(NEW.total_cents) IS NULL ELSE COALESCE(NEW.total OPERATOR(pg_catalog.=) expandcontract_sync."0002_change_orders_total_type_back"(NEW.total_cents), false) END) THEN
                IF TG_OP OPERATOR(pg_catalog.=) 'INSERT' AND EXISTS (
                    SELECT FROM pg_catalog.pg_trigger t
                    JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) t.tgrelid
                    WHERE t.tgrelid OPERATOR(pg_catalog.=) TG_RELID
                    AND t.tgname OPERATOR(pg_catalog.=) '!es_0002_change_orders_total_type'::pg_catalog.name
                    AND t.tgenabled OPERATOR(pg_catalog.=) 'A'::pg_catalog."char"
                    AND a.attname OPERATOR(pg_catalog.=) 'total_cents'::pg_catalog.name
                    AND NOT a.attnotnull
                ) THEN
                    PERFORM pg_catalog.set_config(pg_catalog.concat('expandcontract.unfit_62d1b19fb0_', pg_catalog.pg_trigger_depth() OPERATOR(pg_catalog.-) 1), pg_catalog.concat(pg_catalog.md5(pg_catalog.format('%L', NEW.total)), pg_catalog.md5(pg_catalog.format('%L', NEW.total_cents))), true);
                ELSE
                    RAISE EXCEPTION USING ERRCODE = 'EC320', MESSAGE = 'the value does not fit total_cents bigint of public.orders', HINT = 'The schema change 0002_change_orders_total_type holds both columns in sync; a value that only one of them can hold is refused.';
                END IF;
            END IF;
            IF NOT altered AND COALESCE(pg_catalog.current_setting('expandcontract.old_62d1b19fb0', true), '') OPERATOR(pg_catalog.<>) pg_catalog.concat(pg_catalog.current_setting('application_name'), ' ', pg_catalog.to_char(pg_catalog.clock_timestamp(), 'YYYYMMDDHH24MI')) THEN
                PERFORM pg_catalog.set_config('expandcontract.old_62d1b19fb0', pg_catalog.concat(pg_catalog.current_setting('application_name'), ' ', pg_catalog.to_char(pg_catalog.clock_timestamp(), 'YYYYMMDDHH24MI')), false);
                BEGIN PERFORM expandcontract_sync.note_use('0002_change_orders_total_type', 'old', current_user); EXCEPTION WHEN OTHERS THEN NULL; END;
            END IF;
        END IF;
    END IF;
    IF TG_NARGS OPERATOR(pg_catalog.>) 0 AND TG_ARGV[0] OPERATOR(pg_catalog.=) 'first' THEN
        PERFORM pg_catalog.set_config(pg_catalog.concat('expandcontract.left_62d1b19fb0_', pg_catalog.pg_trigger_depth()), pg_catalog.concat_ws(' ', place, pg_catalog.md5(pg_catalog.format('%L', NEW.total)), pg_catalog.md5(pg_catalog.format('%L', NEW.total_cents))), true);
    END IF;
    RETURN NEW;
EXCEPTION
    WHEN syntax_error_or_access_rule_violation OR data_exception OR invalid_schema_name THEN
        IF COALESCE(pg_catalog.current_setting('expandcontract.fault_62d1b19fb0', true), '') OPERATOR(pg_catalog.<>) pg_catalog.concat(pg_catalog.current_setting('application_name'), ' ', pg_catalog.to_char(pg_catalog.now(), 'YYYYMMDDHH24MI')) THEN
            PERFORM pg_catalog.set_config('expandcontract.fault_62d1b19fb0', pg_catalog.concat(pg_catalog.current_setting('application_name'), ' ', pg_catalog.to_char(pg_catalog.now(), 'YYYYMMDDHH24MI')), false);
            BEGIN PERFORM expandcontract_sync.note_conflict('0002_change_orders_total_type', 'does not fit', NULL, NULL, NULL, current_user, pg_catalog.concat('rows are not kept in sync: ', SQLERRM)); EXCEPTION WHEN OTHERS THEN NULL; END;
        END IF;
        RETURN NEW;
END
$ec$;
GRANT EXECUTE ON FUNCTION expandcontract_sync."~ec_0002_change_orders_total_type"() TO PUBLIC;
CREATE TRIGGER "!ec_0002_change_orders_total_type" BEFORE INSERT OR UPDATE ON public.orders FOR EACH ROW WHEN (NOT (NEW.total_cents IS NOT NULL AND NEW.total IS NOT NULL AND (CASE WHEN NEW.total IS NULL THEN expandcontract_sync."0002_change_orders_total_type_back"(NEW.total_cents) IS NULL ELSE COALESCE(NEW.total OPERATOR(pg_catalog.=) expandcontract_sync."0002_change_orders_total_type_back"(NEW.total_cents), false) END) OR NEW.total_cents IS NULL AND NEW.total IS NULL AND (CASE WHEN NEW.total_cents IS NULL THEN expandcontract_sync."0002_change_orders_total_type_forward"(NEW.total) IS NULL ELSE COALESCE(NEW.total_cents OPERATOR(pg_catalog.=) expandcontract_sync."0002_change_orders_total_type_forward"(NEW.total), false) END))) EXECUTE FUNCTION expandcontract_sync."~ec_0002_change_orders_total_type"('first');
ALTER TABLE public.orders ENABLE ALWAYS TRIGGER "!ec_0002_change_orders_total_type";
CREATE TRIGGER "~ec_0002_change_orders_total_type" BEFORE INSERT OR UPDATE ON public.orders FOR EACH ROW WHEN (NOT (NEW.total_cents IS NOT NULL AND NEW.total IS NOT NULL AND (CASE WHEN NEW.total IS NULL THEN expandcontract_sync."0002_change_orders_total_type_back"(NEW.total_cents) IS NULL ELSE COALESCE(NEW.total OPERATOR(pg_catalog.=) expandcontract_sync."0002_change_orders_total_type_back"(NEW.total_cents), false) END) OR NEW.total_cents IS NULL AND NEW.total IS NULL AND (CASE WHEN NEW.total_cents IS NULL THEN expandcontract_sync."0002_change_orders_total_type_forward"(NEW.total) IS NULL ELSE COALESCE(NEW.total_cents OPERATOR(pg_catalog.=) expandcontract_sync."0002_change_orders_total_type_forward"(NEW.total), false) END))) EXECUTE FUNCTION expandcontract_sync."~ec_0002_change_orders_total_type"('last');
ALTER TABLE public.orders ENABLE ALWAYS TRIGGER "~ec_0002_change_orders_total_type";
CREATE TRIGGER "!es_0002_change_orders_total_type" AFTER INSERT ON public.orders FOR EACH ROW WHEN (pg_catalog.current_setting(pg_catalog.concat('expandcontract.unfit_62d1b19fb0_', pg_catalog.pg_trigger_depth()), true) OPERATOR(pg_catalog.<>) '' AND pg_catalog.current_setting(pg_catalog.concat('expandcontract.unfit_62d1b19fb0_', pg_catalog.pg_trigger_depth()), true) OPERATOR(pg_catalog.=) pg_catalog.concat(pg_catalog.md5(pg_catalog.format('%L', NEW.total)), pg_catalog.md5(pg_catalog.format('%L', NEW.total_cents)))) EXECUTE FUNCTION expandcontract_sync."~ec_0002_change_orders_total_type"('stored');
ALTER TABLE public.orders ENABLE ALWAYS TRIGGER "!es_0002_change_orders_total_type";

-- ~ put the sync trigger back as it must be from ready on
--   instant, reversible; locks: ACCESS EXCLUSIVE on public.orders
LOCK TABLE public.orders IN SHARE UPDATE EXCLUSIVE MODE;
LOCK TABLE public.orders IN ACCESS EXCLUSIVE MODE;
DROP TRIGGER IF EXISTS "!ec_0002_change_orders_total_type" ON public.orders;
DROP TRIGGER IF EXISTS "~ec_0002_change_orders_total_type" ON public.orders;
DROP TRIGGER IF EXISTS "!es_0002_change_orders_total_type" ON public.orders;
CREATE OR REPLACE FUNCTION expandcontract_sync."0002_change_orders_total_type_forward"(total integer) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE BEGIN ATOMIC SELECT (total)::bigint; END;
GRANT EXECUTE ON FUNCTION expandcontract_sync."0002_change_orders_total_type_forward"(integer) TO PUBLIC;
CREATE OR REPLACE FUNCTION expandcontract_sync."0002_change_orders_total_type_back"(total_cents bigint) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE BEGIN ATOMIC SELECT (
CASE
    WHEN ((total_cents >= '-2147483648'::integer) AND (total_cents <= 2147483647)) THEN total_cents
    ELSE NULL::bigint
END)::integer; END;
GRANT EXECUTE ON FUNCTION expandcontract_sync."0002_change_orders_total_type_back"(bigint) TO PUBLIC;
CREATE OR REPLACE FUNCTION expandcontract_sync."~ex_0002_change_orders_total_type"(total integer) RETURNS boolean LANGUAGE sql STABLE BEGIN ATOMIC SELECT COALESCE(((total >= 0)), true); END;
GRANT EXECUTE ON FUNCTION expandcontract_sync."~ex_0002_change_orders_total_type" TO PUBLIC;
CREATE OR REPLACE FUNCTION expandcontract_sync."~ec_0002_change_orders_total_type"() RETURNS trigger LANGUAGE plpgsql AS $ec$
-- Keeps total and total_cents of public.orders in sync, whoever writes. From ready on.
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
    IF TG_WHEN OPERATOR(pg_catalog.=) 'AFTER' THEN
        -- What did not fit was stored, and not given up for a row that is there (ON CONFLICT).
        IF NEW.total IS NOT NULL THEN
            RAISE EXCEPTION USING ERRCODE = 'EC320', MESSAGE = 'the value does not fit total_cents bigint of public.orders', HINT = 'The schema change 0002_change_orders_total_type holds both columns in sync; a value that only one of them can hold is refused.';
        ELSE
            RAISE EXCEPTION USING ERRCODE = 'EC320', MESSAGE = 'the value does not fit total integer of public.orders', HINT = 'The schema change 0002_change_orders_total_type holds both columns in sync; a value that only one of them can hold is refused.';
        END IF;
        RETURN NULL;
    END IF;
    IF TG_OP OPERATOR(pg_catalog.=) 'INSERT' THEN
        new_given := NOT (CASE WHEN NEW.total_cents IS NULL THEN ('0'::bigint)::bigint IS NULL ELSE COALESCE(NEW.total_cents OPERATOR(pg_catalog.=) ('0'::bigint)::bigint, false) END)
            AND NOT (CASE WHEN NEW.total_cents IS NULL THEN expandcontract_sync."0002_change_orders_total_type_forward"(NEW.total) IS NULL ELSE COALESCE(NEW.total_cents OPERATOR(pg_catalog.=) expandcontract_sync."0002_change_orders_total_type_forward"(NEW.total), false) END);
        old_given := NOT (CASE WHEN NEW.total IS NULL THEN (0)::integer IS NULL ELSE COALESCE(NEW.total OPERATOR(pg_catalog.=) (0)::integer, false) END);
        IF new_given AND NEW.total IS NOT NULL THEN
            later := expandcontract_sync.is_default(TG_RELID, 'total_cents', NEW.total_cents, '''0''::bigint');
            IF later THEN
                new_given := false;
            ELSIF later IS NULL AND old_given THEN
                BEGIN PERFORM expandcontract_sync.note_conflict('0002_change_orders_total_type', 'both written', pg_catalog.jsonb_build_object('id', NEW.id)::pg_catalog.text, pg_catalog.format('%s', NEW.total), pg_catalog.format('%s', NEW.total_cents), current_user, 'the old side won: the new one has a default that came later'); EXCEPTION WHEN OTHERS THEN NULL; END;
                new_given := false;
            ELSIF old_given AND expandcontract_sync.is_default(TG_RELID, 'total', NEW.total, '0') THEN
                old_given := false;
            END IF;
        END IF;
    ELSE
        new_given := NOT (CASE WHEN NEW.total_cents IS NULL THEN OLD.total_cents IS NULL ELSE COALESCE(NEW.total_cents OPERATOR(pg_catalog.=) OLD.total_cents, false) END)
            AND NOT (CASE WHEN NEW.total_cents IS NULL THEN expandcontract_sync."0002_change_orders_total_type_forward"(NEW.total) IS NULL ELSE COALESCE(NEW.total_cents OPERATOR(pg_catalog.=) expandcontract_sync."0002_change_orders_total_type_forward"(NEW.total), false) END);
        old_given := NOT (CASE WHEN NEW.total IS NULL THEN OLD.total IS NULL ELSE COALESCE(NEW.total OPERATOR(pg_catalog.=) OLD.total, false) END);
    END IF;
    IF TG_NARGS OPERATOR(pg_catalog.>) 0 THEN
        place := pg_catalog.concat(TG_RELID, OLD.ctid);
        seen := pg_catalog.string_to_array(pg_catalog.current_setting(pg_catalog.concat('expandcontract.left_62d1b19fb0_', pg_catalog.pg_trigger_depth()), true), ' ');
        IF TG_ARGV[0] OPERATOR(pg_catalog.=) 'last' AND seen[1] OPERATOR(pg_catalog.=) place THEN
            old_left := seen[2] OPERATOR(pg_catalog.=) pg_catalog.md5(pg_catalog.format('%L', NEW.total));
            new_left := seen[3] OPERATOR(pg_catalog.=) pg_catalog.md5(pg_catalog.format('%L', NEW.total_cents));
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
            BEGIN PERFORM expandcontract_sync.note_conflict('0002_change_orders_total_type', 'both written', pg_catalog.jsonb_build_object('id', NEW.id)::pg_catalog.text, pg_catalog.format('%s', NEW.total), pg_catalog.format('%s', NEW.total_cents), current_user, 'the old side won: a trigger of the table changed it'); EXCEPTION WHEN OTHERS THEN NULL; END;
            altered := true;
            new_given := false;
        END IF;
    END IF;
    IF new_given THEN
        IF old_given AND NOT altered AND NOT ((CASE WHEN NEW.total_cents IS NULL THEN expandcontract_sync."0002_change_orders_total_type_forward"(NEW.total) IS NULL ELSE COALESCE(NEW.total_cents OPERATOR(pg_catalog.=) expandcontract_sync."0002_change_orders_total_type_forward"(NEW.total), false) END) OR (NEW.total_cents IS NOT NULL AND (CASE WHEN NEW.total IS NULL THEN expandcontract_sync."0002_change_orders_total_type_back"(NEW.total_cents) IS NULL ELSE COALESCE(NEW.total OPERATOR(pg_catalog.=) expandcontract_sync."0002_change_orders_total_type_back"(NEW.total_cents), false) END))) THEN
            BEGIN PERFORM expandcontract_sync.note_conflict('0002_change_orders_total_type', 'both written', pg_catalog.jsonb_build_object('id', NEW.id)::pg_catalog.text, pg_catalog.format('%s', NEW.total), pg_catalog.format('%s', NEW.total_cents), current_user, 'the new side won'); EXCEPTION WHEN OTHERS THEN NULL; END;
        END IF;
        NEW.total := expandcontract_sync."0002_change_orders_total_type_back"(NEW.total_cents);
            IF NEW.total IS NULL AND NEW.total_cents IS NOT NULL THEN
                IF TG_OP OPERATOR(pg_catalog.=) 'INSERT' AND EXISTS (
                    SELECT FROM pg_catalog.pg_trigger t
                    JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) t.tgrelid
                    WHERE t.tgrelid OPERATOR(pg_catalog.=) TG_RELID
                    AND t.tgname OPERATOR(pg_catalog.=) '!es_0002_change_orders_total_type'::pg_catalog.name
                    AND t.tgenabled OPERATOR(pg_catalog.=) 'A'::pg_catalog."char"
                    AND a.attname OPERATOR(pg_catalog.=) 'total'::pg_catalog.name
                    AND NOT a.attnotnull
                ) THEN
                    PERFORM pg_catalog.set_config(pg_catalog.concat('expandcontract.unfit_62d1b19fb0_', pg_catalog.pg_trigger_depth() OPERATOR(pg_catalog.-) 1), pg_catalog.concat(pg_catalog.md5(pg_catalog.format('%L', NEW.total)), pg_catalog.md5(pg_catalog.format('%L', NEW.total_cents))), true);
                ELSE
                    RAISE EXCEPTION USING ERRCODE = 'EC320', MESSAGE = 'the value does not fit total integer of public.orders', HINT = 'The schema change 0002_change_orders_total_type holds both columns in sync; a value that only one of them can hold is refused.';
                END IF;
            END IF;
        IF NOT altered AND COALESCE(pg_catalog.current_setting('expandcontract.new_62d1b19fb0_ready', true), '') OPERATOR(pg_catalog.<>) pg_catalog.concat(pg_catalog.current_setting('application_name'), ' ', pg_catalog.to_char(pg_catalog.now(), 'YYYYMMDDHH24MI')) THEN
            PERFORM pg_catalog.set_config('expandcontract.new_62d1b19fb0_ready', pg_catalog.concat(pg_catalog.current_setting('application_name'), ' ', pg_catalog.to_char(pg_catalog.now(), 'YYYYMMDDHH24MI')), false);
            BEGIN PERFORM expandcontract_sync.note_use('0002_change_orders_total_type', 'new', current_user); EXCEPTION WHEN OTHERS THEN NULL; END;
        END IF;
    ELSIF old_given OR NOT ((CASE WHEN NEW.total_cents IS NULL THEN expandcontract_sync."0002_change_orders_total_type_forward"(NEW.total) IS NULL ELSE COALESCE(NEW.total_cents OPERATOR(pg_catalog.=) expandcontract_sync."0002_change_orders_total_type_forward"(NEW.total), false) END) OR (NEW.total_cents IS NOT NULL AND (CASE WHEN NEW.total IS NULL THEN expandcontract_sync."0002_change_orders_total_type_back"(NEW.total_cents) IS NULL ELSE COALESCE(NEW.total OPERATOR(pg_catalog.=) expandcontract_sync."0002_change_orders_total_type_back"(NEW.total_cents), false) END))) THEN
        IF TG_OP OPERATOR(pg_catalog.=) 'UPDATE' AND NOT old_given AND NEW.total_cents IS NOT NULL THEN
            BEGIN PERFORM expandcontract_sync.note_conflict('0002_change_orders_total_type', 'overwritten', pg_catalog.jsonb_build_object('id', NEW.id)::pg_catalog.text, pg_catalog.format('%s', NEW.total), pg_catalog.format('%s', NEW.total_cents), current_user, 'the two sides had drifted apart, and a write of another column filled the new one again'); EXCEPTION WHEN OTHERS THEN NULL; END;
        END IF;
        NEW.total_cents := expandcontract_sync."0002_change_orders_total_type_forward"(NEW.total);
        IF old_given THEN
            IF NEW.total IS NOT NULL AND NOT (CASE WHEN NEW.total IS NULL THEN expandcontract_sync."0002_change_orders_total_type_back"(NEW.total_cents) IS NULL ELSE COALESCE(NEW.total OPERATOR(pg_catalog.=) expandcontract_sync."0002_change_orders_total_type_back"(NEW.total_cents), false) END) THEN
                IF TG_OP OPERATOR(pg_catalog.=) 'INSERT' AND EXISTS (
                    SELECT FROM pg_catalog.pg_trigger t
                    JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) t.tgrelid
                    WHERE t.tgrelid OPERATOR(pg_catalog.=) TG_RELID
                    AND t.tgname OPERATOR(pg_catalog.=) '!es_0002_change_orders_total_type'::pg_catalog.name
                    AND t.tgenabled OPERATOR(pg_catalog.=) 'A'::pg_catalog."char"
                    AND a.attname OPERATOR(pg_catalog.=) 'total_cents'::pg_catalog.name
                    AND NOT a.attnotnull
                ) THEN
                    PERFORM pg_catalog.set_config(pg_catalog.concat('expandcontract.unfit_62d1b19fb0_', pg_catalog.pg_trigger_depth() OPERATOR(pg_catalog.-) 1), pg_catalog.concat(pg_catalog.md5(pg_catalog.format('%L', NEW.total)), pg_catalog.md5(pg_catalog.format('%L', NEW.total_cents))), true);
                ELSE
                    RAISE EXCEPTION USING ERRCODE = 'EC320', MESSAGE = 'the value does not fit total_cents bigint of public.orders', HINT = 'The schema change 0002_change_orders_total_type holds both columns in sync; a value that only one of them can hold is refused.';
                END IF;
            END IF;
            IF NOT altered AND COALESCE(pg_catalog.current_setting('expandcontract.old_62d1b19fb0_ready', true), '') OPERATOR(pg_catalog.<>) pg_catalog.concat(pg_catalog.current_setting('application_name'), ' ', pg_catalog.to_char(pg_catalog.clock_timestamp(), 'YYYYMMDDHH24MI')) THEN
                PERFORM pg_catalog.set_config('expandcontract.old_62d1b19fb0_ready', pg_catalog.concat(pg_catalog.current_setting('application_name'), ' ', pg_catalog.to_char(pg_catalog.clock_timestamp(), 'YYYYMMDDHH24MI')), false);
                BEGIN PERFORM expandcontract_sync.note_use('0002_change_orders_total_type', 'old', current_user); EXCEPTION WHEN OTHERS THEN NULL; END;
            END IF;
        END IF;
    END IF;
    IF TG_NARGS OPERATOR(pg_catalog.>) 0 AND TG_ARGV[0] OPERATOR(pg_catalog.=) 'first' THEN
        PERFORM pg_catalog.set_config(pg_catalog.concat('expandcontract.left_62d1b19fb0_', pg_catalog.pg_trigger_depth()), pg_catalog.concat_ws(' ', place, pg_catalog.md5(pg_catalog.format('%L', NEW.total)), pg_catalog.md5(pg_catalog.format('%L', NEW.total_cents))), true);
    END IF;
    RETURN NEW;
EXCEPTION
    WHEN syntax_error_or_access_rule_violation OR data_exception OR invalid_schema_name THEN
        IF COALESCE(pg_catalog.current_setting('expandcontract.fault_62d1b19fb0', true), '') OPERATOR(pg_catalog.<>) pg_catalog.concat(pg_catalog.current_setting('application_name'), ' ', pg_catalog.to_char(pg_catalog.now(), 'YYYYMMDDHH24MI')) THEN
            PERFORM pg_catalog.set_config('expandcontract.fault_62d1b19fb0', pg_catalog.concat(pg_catalog.current_setting('application_name'), ' ', pg_catalog.to_char(pg_catalog.now(), 'YYYYMMDDHH24MI')), false);
            BEGIN PERFORM expandcontract_sync.note_conflict('0002_change_orders_total_type', 'does not fit', NULL, NULL, NULL, current_user, pg_catalog.concat('rows are not kept in sync: ', SQLERRM)); EXCEPTION WHEN OTHERS THEN NULL; END;
        END IF;
        RETURN NEW;
END
$ec$;
GRANT EXECUTE ON FUNCTION expandcontract_sync."~ec_0002_change_orders_total_type"() TO PUBLIC;
CREATE TRIGGER "!ec_0002_change_orders_total_type" BEFORE INSERT OR UPDATE ON public.orders FOR EACH ROW WHEN (NOT (NEW.total_cents IS NOT NULL AND NEW.total IS NOT NULL AND (CASE WHEN NEW.total IS NULL THEN expandcontract_sync."0002_change_orders_total_type_back"(NEW.total_cents) IS NULL ELSE COALESCE(NEW.total OPERATOR(pg_catalog.=) expandcontract_sync."0002_change_orders_total_type_back"(NEW.total_cents), false) END) OR NEW.total_cents IS NULL AND NEW.total IS NULL AND (CASE WHEN NEW.total_cents IS NULL THEN expandcontract_sync."0002_change_orders_total_type_forward"(NEW.total) IS NULL ELSE COALESCE(NEW.total_cents OPERATOR(pg_catalog.=) expandcontract_sync."0002_change_orders_total_type_forward"(NEW.total), false) END))) EXECUTE FUNCTION expandcontract_sync."~ec_0002_change_orders_total_type"('first');
ALTER TABLE public.orders ENABLE ALWAYS TRIGGER "!ec_0002_change_orders_total_type";
CREATE TRIGGER "~ec_0002_change_orders_total_type" BEFORE INSERT OR UPDATE ON public.orders FOR EACH ROW WHEN (NOT (NEW.total_cents IS NOT NULL AND NEW.total IS NOT NULL AND (CASE WHEN NEW.total IS NULL THEN expandcontract_sync."0002_change_orders_total_type_back"(NEW.total_cents) IS NULL ELSE COALESCE(NEW.total OPERATOR(pg_catalog.=) expandcontract_sync."0002_change_orders_total_type_back"(NEW.total_cents), false) END) OR NEW.total_cents IS NULL AND NEW.total IS NULL AND (CASE WHEN NEW.total_cents IS NULL THEN expandcontract_sync."0002_change_orders_total_type_forward"(NEW.total) IS NULL ELSE COALESCE(NEW.total_cents OPERATOR(pg_catalog.=) expandcontract_sync."0002_change_orders_total_type_forward"(NEW.total), false) END))) EXECUTE FUNCTION expandcontract_sync."~ec_0002_change_orders_total_type"('last');
ALTER TABLE public.orders ENABLE ALWAYS TRIGGER "~ec_0002_change_orders_total_type";
CREATE TRIGGER "!es_0002_change_orders_total_type" AFTER INSERT ON public.orders FOR EACH ROW WHEN (pg_catalog.current_setting(pg_catalog.concat('expandcontract.unfit_62d1b19fb0_', pg_catalog.pg_trigger_depth()), true) OPERATOR(pg_catalog.<>) '' AND pg_catalog.current_setting(pg_catalog.concat('expandcontract.unfit_62d1b19fb0_', pg_catalog.pg_trigger_depth()), true) OPERATOR(pg_catalog.=) pg_catalog.concat(pg_catalog.md5(pg_catalog.format('%L', NEW.total)), pg_catalog.md5(pg_catalog.format('%L', NEW.total_cents)))) EXECUTE FUNCTION expandcontract_sync."~ec_0002_change_orders_total_type"('stored');
ALTER TABLE public.orders ENABLE ALWAYS TRIGGER "!es_0002_change_orders_total_type";

-- ~ put back what keeps "~ec_total" current after contract
--   instant, reversible; locks: ACCESS EXCLUSIVE on public.orders
LOCK TABLE public.orders IN SHARE UPDATE EXCLUSIVE MODE;
LOCK TABLE public.orders IN ACCESS EXCLUSIVE MODE;
DROP TRIGGER IF EXISTS "!ec_0002_change_orders_total_type" ON public.orders;
DROP TRIGGER IF EXISTS "~ec_0002_change_orders_total_type" ON public.orders;
DROP TRIGGER IF EXISTS "!es_0002_change_orders_total_type" ON public.orders;
CREATE OR REPLACE FUNCTION expandcontract_sync."0002_change_orders_total_type_forward"(total integer) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE BEGIN ATOMIC SELECT (total)::bigint; END;
GRANT EXECUTE ON FUNCTION expandcontract_sync."0002_change_orders_total_type_forward"(integer) TO PUBLIC;
CREATE OR REPLACE FUNCTION expandcontract_sync."0002_change_orders_total_type_back"(total_cents bigint) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE BEGIN ATOMIC SELECT (
CASE
    WHEN ((total_cents >= '-2147483648'::integer) AND (total_cents <= 2147483647)) THEN total_cents
    ELSE NULL::bigint
END)::integer; END;
GRANT EXECUTE ON FUNCTION expandcontract_sync."0002_change_orders_total_type_back"(bigint) TO PUBLIC;
CREATE OR REPLACE FUNCTION expandcontract_sync."~ex_0002_change_orders_total_type"(total integer) RETURNS boolean LANGUAGE sql STABLE BEGIN ATOMIC SELECT COALESCE(((total >= 0)), true); END;
GRANT EXECUTE ON FUNCTION expandcontract_sync."~ex_0002_change_orders_total_type" TO PUBLIC;
CREATE OR REPLACE FUNCTION expandcontract_sync."~ek_0002_change_orders_total_type"() RETURNS trigger LANGUAGE plpgsql AS $ec$
-- Keeps "~ec_total" of public.orders, the old side that contract hid, current for undo. It never makes a write fail.
BEGIN
    IF TG_OP OPERATOR(pg_catalog.=) 'INSERT' AND NEW."~ec_total" IS NOT NULL AND (CASE WHEN NEW.total_cents IS NULL THEN ('0'::bigint)::bigint IS NULL ELSE COALESCE(NEW.total_cents OPERATOR(pg_catalog.=) ('0'::bigint)::bigint, false) END) THEN
        -- An INSERT without a list of columns means the new side, and reached the hidden one.
        NEW.total_cents := expandcontract_sync."0002_change_orders_total_type_forward"(NEW."~ec_total");
        IF NEW."~ec_total" IS NOT NULL AND NOT (CASE WHEN NEW."~ec_total" IS NULL THEN expandcontract_sync."0002_change_orders_total_type_back"(NEW.total_cents) IS NULL ELSE COALESCE(NEW."~ec_total" OPERATOR(pg_catalog.=) expandcontract_sync."0002_change_orders_total_type_back"(NEW.total_cents), false) END) THEN
            BEGIN PERFORM expandcontract_sync.note_conflict('0002_change_orders_total_type', 'does not fit', pg_catalog.jsonb_build_object('id', NEW.id)::pg_catalog.text, pg_catalog.format('%s', NEW."~ec_total"), NULL, current_user, 'the new side cannot hold what was written to the hidden one'); EXCEPTION WHEN OTHERS THEN NULL; END;
        END IF;
    ELSIF TG_OP OPERATOR(pg_catalog.=) 'INSERT' AND NEW."~ec_total" IS NOT NULL AND (CASE WHEN NEW.total_cents IS NULL THEN expandcontract_sync."0002_change_orders_total_type_forward"(NEW."~ec_total") IS NULL ELSE COALESCE(NEW.total_cents OPERATOR(pg_catalog.=) expandcontract_sync."0002_change_orders_total_type_forward"(NEW."~ec_total"), false) END) THEN
        -- Nobody gives both: a row that moves to another partition keeps what it had.
        RETURN NEW;
    ELSIF TG_OP OPERATOR(pg_catalog.=) 'UPDATE' AND (CASE WHEN NEW.total_cents IS NULL THEN OLD.total_cents IS NULL ELSE COALESCE(NEW.total_cents OPERATOR(pg_catalog.=) OLD.total_cents, false) END) AND NOT (CASE WHEN NEW."~ec_total" IS NULL THEN OLD."~ec_total" IS NULL ELSE COALESCE(NEW."~ec_total" OPERATOR(pg_catalog.=) OLD."~ec_total", false) END) AND NOT ((CASE WHEN NEW.total_cents IS NULL THEN expandcontract_sync."0002_change_orders_total_type_forward"(NEW."~ec_total") IS NULL ELSE COALESCE(NEW.total_cents OPERATOR(pg_catalog.=) expandcontract_sync."0002_change_orders_total_type_forward"(NEW."~ec_total"), false) END) OR (NEW.total_cents IS NOT NULL AND (CASE WHEN NEW."~ec_total" IS NULL THEN expandcontract_sync."0002_change_orders_total_type_back"(NEW.total_cents) IS NULL ELSE COALESCE(NEW."~ec_total" OPERATOR(pg_catalog.=) expandcontract_sync."0002_change_orders_total_type_back"(NEW.total_cents), false) END))) AND (NEW."~ec_total" IS NULL OR expandcontract_sync."0002_change_orders_total_type_forward"(NEW."~ec_total") IS NOT NULL) THEN
        -- Through a view, a rule or a function that goes on with the hidden side.
        NEW.total_cents := expandcontract_sync."0002_change_orders_total_type_forward"(NEW."~ec_total");
        IF NEW."~ec_total" IS NOT NULL AND NOT (CASE WHEN NEW."~ec_total" IS NULL THEN expandcontract_sync."0002_change_orders_total_type_back"(NEW.total_cents) IS NULL ELSE COALESCE(NEW."~ec_total" OPERATOR(pg_catalog.=) expandcontract_sync."0002_change_orders_total_type_back"(NEW.total_cents), false) END) THEN
            BEGIN PERFORM expandcontract_sync.note_conflict('0002_change_orders_total_type', 'does not fit', pg_catalog.jsonb_build_object('id', NEW.id)::pg_catalog.text, pg_catalog.format('%s', NEW."~ec_total"), NULL, current_user, 'the new side cannot hold what was written to the hidden one'); EXCEPTION WHEN OTHERS THEN NULL; END;
        END IF;
    ELSIF TG_OP OPERATOR(pg_catalog.=) 'UPDATE' AND (CASE WHEN NEW.total_cents IS NULL THEN OLD.total_cents IS NULL ELSE COALESCE(NEW.total_cents OPERATOR(pg_catalog.=) OLD.total_cents, false) END) AND NOT (CASE WHEN NEW."~ec_total" IS NULL THEN OLD."~ec_total" IS NULL ELSE COALESCE(NEW."~ec_total" OPERATOR(pg_catalog.=) OLD."~ec_total", false) END)
        AND NOT ((CASE WHEN NEW.total_cents IS NULL THEN expandcontract_sync."0002_change_orders_total_type_forward"(NEW."~ec_total") IS NULL ELSE COALESCE(NEW.total_cents OPERATOR(pg_catalog.=) expandcontract_sync."0002_change_orders_total_type_forward"(NEW."~ec_total"), false) END) OR (NEW.total_cents IS NOT NULL AND (CASE WHEN NEW."~ec_total" IS NULL THEN expandcontract_sync."0002_change_orders_total_type_back"(NEW.total_cents) IS NULL ELSE COALESCE(NEW."~ec_total" OPERATOR(pg_catalog.=) expandcontract_sync."0002_change_orders_total_type_back"(NEW.total_cents), false) END))) AND NEW."~ec_total" IS NOT NULL AND expandcontract_sync."0002_change_orders_total_type_forward"(NEW."~ec_total") IS NULL
    THEN
        BEGIN PERFORM expandcontract_sync.note_conflict('0002_change_orders_total_type', 'does not fit', pg_catalog.jsonb_build_object('id', NEW.id)::pg_catalog.text, pg_catalog.format('%s', NEW."~ec_total"), NULL, current_user, 'the new side cannot hold what was written to the hidden one'); EXCEPTION WHEN OTHERS THEN NULL; END;
    ELSIF TG_OP OPERATOR(pg_catalog.=) 'INSERT' OR NOT (CASE WHEN NEW.total_cents IS NULL THEN OLD.total_cents IS NULL ELSE COALESCE(NEW.total_cents OPERATOR(pg_catalog.=) OLD.total_cents, false) END) THEN
        BEGIN
            NEW."~ec_total" := expandcontract_sync."0002_change_orders_total_type_back"(NEW.total_cents);
            IF NEW."~ec_total" IS NULL AND NEW.total_cents IS NOT NULL THEN
                BEGIN PERFORM expandcontract_sync.note_conflict('0002_change_orders_total_type', 'not held by the hidden side', pg_catalog.jsonb_build_object('id', NEW.id)::pg_catalog.text, NULL, pg_catalog.format('%s', NEW.total_cents), current_user, 'undo would lose it'); EXCEPTION WHEN OTHERS THEN NULL; END;
            ELSIF NOT (CASE WHEN NEW.total_cents IS NULL THEN expandcontract_sync."0002_change_orders_total_type_forward"(NEW."~ec_total") IS NULL ELSE COALESCE(NEW.total_cents OPERATOR(pg_catalog.=) expandcontract_sync."0002_change_orders_total_type_forward"(NEW."~ec_total"), false) END) THEN
                BEGIN PERFORM expandcontract_sync.note_conflict('0002_change_orders_total_type', 'not held by the hidden side', pg_catalog.jsonb_build_object('id', NEW.id)::pg_catalog.text, pg_catalog.format('%s', NEW."~ec_total"), pg_catalog.format('%s', NEW.total_cents), current_user, 'the old side is UNIQUE, and holds the same for another value'); EXCEPTION WHEN OTHERS THEN NULL; END;
            END IF;
            IF NOT expandcontract_sync."~ex_0002_change_orders_total_type"(NEW."~ec_total") THEN
                BEGIN PERFORM expandcontract_sync.note_conflict('0002_change_orders_total_type', 'not held by the hidden side', pg_catalog.jsonb_build_object('id', NEW.id)::pg_catalog.text, pg_catalog.format('%s', NEW."~ec_total"), pg_catalog.format('%s', NEW.total_cents), current_user, 'a CHECK of the old side refuses it'); EXCEPTION WHEN OTHERS THEN NULL; END;
            END IF;
        EXCEPTION WHEN OTHERS THEN
            NEW."~ec_total" := NULL;
            BEGIN PERFORM expandcontract_sync.note_conflict('0002_change_orders_total_type', 'not held by the hidden side', pg_catalog.jsonb_build_object('id', NEW.id)::pg_catalog.text, NULL, pg_catalog.format('%s', NEW.total_cents), current_user, 'undo would lose it'); EXCEPTION WHEN OTHERS THEN NULL; END;
        END;
    END IF;
    RETURN NEW;
EXCEPTION
    WHEN OTHERS THEN
        IF COALESCE(pg_catalog.current_setting('expandcontract.fault_62d1b19fb0', true), '') OPERATOR(pg_catalog.<>) pg_catalog.concat(pg_catalog.current_setting('application_name'), ' ', pg_catalog.to_char(pg_catalog.now(), 'YYYYMMDDHH24MI')) THEN
            PERFORM pg_catalog.set_config('expandcontract.fault_62d1b19fb0', pg_catalog.concat(pg_catalog.current_setting('application_name'), ' ', pg_catalog.to_char(pg_catalog.now(), 'YYYYMMDDHH24MI')), false);
            BEGIN PERFORM expandcontract_sync.note_conflict('0002_change_orders_total_type', 'does not fit', NULL, NULL, NULL, current_user, pg_catalog.concat('rows are not kept in sync: ', SQLERRM)); EXCEPTION WHEN OTHERS THEN NULL; END;
        END IF;
        RETURN NEW;
END
$ec$;
GRANT EXECUTE ON FUNCTION expandcontract_sync."~ek_0002_change_orders_total_type"() TO PUBLIC;
CREATE TRIGGER "~ec_0002_change_orders_total_type" BEFORE INSERT OR UPDATE ON public.orders FOR EACH ROW WHEN (NOT (NEW.total_cents IS NOT NULL AND NEW."~ec_total" IS NOT NULL AND (CASE WHEN NEW."~ec_total" IS NULL THEN expandcontract_sync."0002_change_orders_total_type_back"(NEW.total_cents) IS NULL ELSE COALESCE(NEW."~ec_total" OPERATOR(pg_catalog.=) expandcontract_sync."0002_change_orders_total_type_back"(NEW.total_cents), false) END) OR NEW.total_cents IS NULL AND NEW."~ec_total" IS NULL AND (CASE WHEN NEW.total_cents IS NULL THEN expandcontract_sync."0002_change_orders_total_type_forward"(NEW."~ec_total") IS NULL ELSE COALESCE(NEW.total_cents OPERATOR(pg_catalog.=) expandcontract_sync."0002_change_orders_total_type_forward"(NEW."~ec_total"), false) END))) EXECUTE FUNCTION expandcontract_sync."~ek_0002_change_orders_total_type"();
ALTER TABLE public.orders ENABLE ALWAYS TRIGGER "~ec_0002_change_orders_total_type";

-- - keep no more of what is written to total_cents: the rollback was given up
--   instant, reversible; locks: ACCESS EXCLUSIVE on public.orders
LOCK TABLE public.orders IN SHARE UPDATE EXCLUSIVE MODE;
LOCK TABLE public.orders IN ACCESS EXCLUSIVE MODE;
DROP TRIGGER IF EXISTS "~er_0002_change_orders_total_type" ON public.orders;
DROP TRIGGER IF EXISTS "~es_0002_change_orders_total_type" ON public.orders;
