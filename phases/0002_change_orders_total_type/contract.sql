-- + build unique index "~ec_p_orders_number_total_cents_key" without stopping anybody
--   by size, reversible; locks: SHARE UPDATE EXCLUSIVE on public.orders
CREATE UNIQUE INDEX CONCURRENTLY "~ec_p_orders_number_total_cents_key" ON public.orders USING btree (number, total_cents);
--   taken back: DROP INDEX CONCURRENTLY IF EXISTS public."~ec_p_orders_number_total_cents_key";

-- + new rows must satisfy CHECK orders_total_cents_positive
--   instant, reversible; locks: ACCESS EXCLUSIVE on public.orders
LOCK TABLE public.orders IN SHARE UPDATE EXCLUSIVE MODE;
LOCK TABLE public.orders IN ACCESS EXCLUSIVE MODE;
ALTER TABLE public.orders ADD CONSTRAINT orders_total_cents_positive CHECK ((total_cents >= 0)) NOT VALID;
--   taken back: ALTER TABLE public.orders DROP CONSTRAINT IF EXISTS orders_total_cents_positive;

-- = check all rows against orders_total_cents_positive
--   by size, reversible; locks: SHARE UPDATE EXCLUSIVE on public.orders
ALTER TABLE public.orders VALIDATE CONSTRAINT orders_total_cents_positive;

-- + new rows need a value in total_cents
--   instant, reversible; locks: ACCESS EXCLUSIVE on public.orders
LOCK TABLE public.orders IN SHARE UPDATE EXCLUSIVE MODE;
LOCK TABLE public.orders IN ACCESS EXCLUSIVE MODE;
ALTER TABLE public.orders ADD CONSTRAINT "~ec_nn_total_cents" CHECK (total_cents IS DISTINCT FROM NULL) NOT VALID;
--   taken back: ALTER TABLE public.orders DROP CONSTRAINT IF EXISTS "~ec_nn_total_cents";

-- = check all rows against "~ec_nn_total_cents"
--   by size, reversible; locks: SHARE UPDATE EXCLUSIVE on public.orders
ALTER TABLE public.orders VALIDATE CONSTRAINT "~ec_nn_total_cents";

-- + new rows must satisfy foreign key orders_total_cents_fkey
--   instant, reversible; locks: SHARE ROW EXCLUSIVE on public.ledger_entries, SHARE ROW EXCLUSIVE on public.orders
LOCK TABLE public.ledger_entries, public.orders IN SHARE UPDATE EXCLUSIVE MODE;
LOCK TABLE public.ledger_entries, public.orders IN SHARE ROW EXCLUSIVE MODE;
ALTER TABLE public.orders ADD CONSTRAINT orders_total_cents_fkey FOREIGN KEY (total_cents) REFERENCES public.ledger_entries(amount) ON DELETE CASCADE NOT VALID;
--   taken back under ACCESS EXCLUSIVE: ALTER TABLE public.orders DROP CONSTRAINT IF EXISTS orders_total_cents_fkey;

-- = check all rows against orders_total_cents_fkey
--   by size, reversible; locks: SHARE UPDATE EXCLUSIVE on public.orders
ALTER TABLE public.orders VALIDATE CONSTRAINT orders_total_cents_fkey;

-- ~ hide total as "~ec_total"
--   instant, reversible; locks: ACCESS EXCLUSIVE on public.ledger_entries, ACCESS EXCLUSIVE on public.orders
LOCK TABLE public.ledger_entries, public.orders IN SHARE UPDATE EXCLUSIVE MODE;
LOCK TABLE public.ledger_entries, public.orders IN ACCESS EXCLUSIVE MODE;
DROP TRIGGER IF EXISTS "!ec_0002_change_orders_total_type" ON public.orders;
DROP TRIGGER "~ec_0002_change_orders_total_type" ON public.orders;
DROP TRIGGER IF EXISTS "!es_0002_change_orders_total_type" ON public.orders;
ALTER TABLE public.orders RENAME COLUMN total TO "~ec_total";
ALTER TABLE public.orders DROP CONSTRAINT IF EXISTS orders_number_total_key;
DROP INDEX public.orders_number_total_cents_key;
ALTER INDEX public."~ec_p_orders_number_total_cents_key" RENAME TO orders_number_total_cents_key;
ALTER TABLE public.orders ADD CONSTRAINT orders_number_total_cents_key UNIQUE USING INDEX orders_number_total_cents_key;
ALTER TABLE public.orders DROP CONSTRAINT IF EXISTS orders_total_positive;
ALTER TABLE public.orders ALTER COLUMN "~ec_total" DROP NOT NULL;
ALTER TABLE public.orders ALTER COLUMN total_cents SET NOT NULL;
ALTER TABLE public.orders DROP CONSTRAINT "~ec_nn_total_cents";
ALTER TABLE public.orders DROP CONSTRAINT IF EXISTS orders_total_fkey;
ALTER TABLE public.orders ALTER COLUMN "~ec_total" DROP DEFAULT;
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
DROP FUNCTION expandcontract_sync."~ec_0002_change_orders_total_type"();
