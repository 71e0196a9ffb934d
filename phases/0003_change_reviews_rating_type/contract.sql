-- ~ hide rating as "~ec_rating" and give its name to the new column, integer
--   instant, reversible; locks: ACCESS EXCLUSIVE on public.reviews
LOCK TABLE public.reviews IN SHARE UPDATE EXCLUSIVE MODE;
LOCK TABLE public.reviews IN ACCESS EXCLUSIVE MODE;
DROP TRIGGER IF EXISTS "!ec_0003_change_reviews_rating_type" ON public.reviews;
DROP TRIGGER "~ec_0003_change_reviews_rating_type" ON public.reviews;
DROP TRIGGER IF EXISTS "!es_0003_change_reviews_rating_type" ON public.reviews;
ALTER TABLE public.reviews RENAME COLUMN rating TO "~ec_rating";
ALTER TABLE public.reviews RENAME COLUMN "~ec_new_rating" TO rating;
ALTER INDEX IF EXISTS public.reviews_rating_idx RENAME TO "reviews_~ec_rating_idx";
ALTER INDEX public."reviews_~ec_new_rating_idx" RENAME TO reviews_rating_idx;
ALTER TABLE public.reviews_rating_idx RENAME COLUMN "~ec_new_rating" TO rating;
ALTER TABLE public.reviews ALTER COLUMN "~ec_rating" DROP DEFAULT;
DO $ec$
-- Sessions compile the functions of these triggers once more: with the column's type as it is now.
DECLARE
    made record;
    part record;
BEGIN
    FOR made IN
        WITH RECURSIVE tree(relation) AS (
    SELECT 'public.reviews'::pg_catalog.regclass::pg_catalog.oid
    UNION
    SELECT i.inhrelid
    FROM tree t JOIN pg_catalog.pg_inherits i ON i.inhparent = t.relation
)
        SELECT t.tgname, t.tgrelid::pg_catalog.regclass AS relation,
            pg_catalog.pg_get_triggerdef(t.oid) AS definition,
            pg_catalog.obj_description(t.oid, 'pg_trigger') AS remark,
            ARRAY(
                SELECT pg_catalog.format(
                    'ALTER TABLE ONLY %s %s TRIGGER %I', c.tgrelid::pg_catalog.regclass,
                    CASE c.tgenabled WHEN 'D' THEN 'DISABLE' WHEN 'R' THEN 'ENABLE REPLICA'
                        ELSE 'ENABLE ALWAYS' END,
                    c.tgname
                )
                FROM tree b JOIN pg_catalog.pg_trigger c ON c.tgrelid = b.relation
                WHERE c.tgname = t.tgname AND c.tgfoid = t.tgfoid AND c.tgenabled <> 'O'
                    AND (c.oid = t.oid OR c.tgparentid <> 0)
            ) AS enabled
        FROM tree JOIN pg_catalog.pg_trigger t ON t.tgrelid = tree.relation
        JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
        JOIN pg_catalog.pg_language l ON l.oid = p.prolang
        WHERE NOT t.tgisinternal AND t.tgparentid = 0
            AND l.lanname = 'plpgsql' AND t.tgname !~ '^[~!]e[crs]_'
        ORDER BY t.tgrelid, t.tgname
    LOOP
        BEGIN
            EXECUTE pg_catalog.format('DROP TRIGGER %I ON %s', made.tgname, made.relation);
            EXECUTE made.definition;
            FOR part IN SELECT pg_catalog.unnest(made.enabled) AS alter LOOP
                EXECUTE part.alter;
            END LOOP;
            IF made.remark IS NOT NULL THEN
                EXECUTE pg_catalog.format(
                    'COMMENT ON TRIGGER %I ON %s IS %L', made.tgname, made.relation, made.remark
                );
            END IF;
        EXCEPTION WHEN insufficient_privilege THEN
            NULL;
        END;
    END LOOP;
END
$ec$;
CREATE OR REPLACE FUNCTION expandcontract_sync."~ek_0003_change_reviews_rating_type"() RETURNS trigger LANGUAGE plpgsql AS $ec$
-- Keeps "~ec_rating" of public.reviews, the old side that contract hid, current for undo. It never makes a write fail.
BEGIN
    IF TG_OP OPERATOR(pg_catalog.=) 'INSERT' AND NEW."~ec_rating" IS NOT NULL AND (CASE WHEN NEW.rating IS NULL THEN ('0'::integer)::integer IS NULL ELSE COALESCE(NEW.rating OPERATOR(pg_catalog.=) ('0'::integer)::integer, false) END) THEN
        -- An INSERT without a list of columns means the new side, and reached the hidden one.
        NEW.rating := expandcontract_sync."0003_change_reviews_rating_type_forward"(NEW."~ec_rating");
        IF NEW."~ec_rating" IS NOT NULL AND NOT (CASE WHEN NEW."~ec_rating" IS NULL THEN expandcontract_sync."0003_change_reviews_rating_type_back"(NEW.rating) IS NULL ELSE COALESCE(NEW."~ec_rating" OPERATOR(pg_catalog.=) expandcontract_sync."0003_change_reviews_rating_type_back"(NEW.rating), false) END) THEN
            BEGIN PERFORM expandcontract_sync.note_conflict('0003_change_reviews_rating_type', 'does not fit', pg_catalog.jsonb_build_object('id', NEW.id)::pg_catalog.text, pg_catalog.format('%s', NEW."~ec_rating"), NULL, current_user, 'the new side cannot hold what was written to the hidden one'); EXCEPTION WHEN OTHERS THEN NULL; END;
        END IF;
    ELSIF TG_OP OPERATOR(pg_catalog.=) 'INSERT' AND NEW."~ec_rating" IS NOT NULL AND (CASE WHEN NEW.rating IS NULL THEN expandcontract_sync."0003_change_reviews_rating_type_forward"(NEW."~ec_rating") IS NULL ELSE COALESCE(NEW.rating OPERATOR(pg_catalog.=) expandcontract_sync."0003_change_reviews_rating_type_forward"(NEW."~ec_rating"), false) END) THEN
        -- Nobody gives both: a row that moves to another partition keeps what it had.
        RETURN NEW;
    ELSIF TG_OP OPERATOR(pg_catalog.=) 'UPDATE' AND (CASE WHEN NEW.rating IS NULL THEN OLD.rating IS NULL ELSE COALESCE(NEW.rating OPERATOR(pg_catalog.=) OLD.rating, false) END) AND NOT (CASE WHEN NEW."~ec_rating" IS NULL THEN OLD."~ec_rating" IS NULL ELSE COALESCE(NEW."~ec_rating" OPERATOR(pg_catalog.=) OLD."~ec_rating", false) END) AND NOT ((CASE WHEN NEW.rating IS NULL THEN expandcontract_sync."0003_change_reviews_rating_type_forward"(NEW."~ec_rating") IS NULL ELSE COALESCE(NEW.rating OPERATOR(pg_catalog.=) expandcontract_sync."0003_change_reviews_rating_type_forward"(NEW."~ec_rating"), false) END) OR (NEW.rating IS NOT NULL AND (CASE WHEN NEW."~ec_rating" IS NULL THEN expandcontract_sync."0003_change_reviews_rating_type_back"(NEW.rating) IS NULL ELSE COALESCE(NEW."~ec_rating" OPERATOR(pg_catalog.=) expandcontract_sync."0003_change_reviews_rating_type_back"(NEW.rating), false) END))) AND (NEW."~ec_rating" IS NULL OR expandcontract_sync."0003_change_reviews_rating_type_forward"(NEW."~ec_rating") IS NOT NULL) THEN
        -- Through a view, a rule or a function that goes on with the hidden side.
        NEW.rating := expandcontract_sync."0003_change_reviews_rating_type_forward"(NEW."~ec_rating");
        IF NEW."~ec_rating" IS NOT NULL AND NOT (CASE WHEN NEW."~ec_rating" IS NULL THEN expandcontract_sync."0003_change_reviews_rating_type_back"(NEW.rating) IS NULL ELSE COALESCE(NEW."~ec_rating" OPERATOR(pg_catalog.=) expandcontract_sync."0003_change_reviews_rating_type_back"(NEW.rating), false) END) THEN
            BEGIN PERFORM expandcontract_sync.note_conflict('0003_change_reviews_rating_type', 'does not fit', pg_catalog.jsonb_build_object('id', NEW.id)::pg_catalog.text, pg_catalog.format('%s', NEW."~ec_rating"), NULL, current_user, 'the new side cannot hold what was written to the hidden one'); EXCEPTION WHEN OTHERS THEN NULL; END;
        END IF;
    ELSIF TG_OP OPERATOR(pg_catalog.=) 'UPDATE' AND (CASE WHEN NEW.rating IS NULL THEN OLD.rating IS NULL ELSE COALESCE(NEW.rating OPERATOR(pg_catalog.=) OLD.rating, false) END) AND NOT (CASE WHEN NEW."~ec_rating" IS NULL THEN OLD."~ec_rating" IS NULL ELSE COALESCE(NEW."~ec_rating" OPERATOR(pg_catalog.=) OLD."~ec_rating", false) END)
        AND NOT ((CASE WHEN NEW.rating IS NULL THEN expandcontract_sync."0003_change_reviews_rating_type_forward"(NEW."~ec_rating") IS NULL ELSE COALESCE(NEW.rating OPERATOR(pg_catalog.=) expandcontract_sync."0003_change_reviews_rating_type_forward"(NEW."~ec_rating"), false) END) OR (NEW.rating IS NOT NULL AND (CASE WHEN NEW."~ec_rating" IS NULL THEN expandcontract_sync."0003_change_reviews_rating_type_back"(NEW.rating) IS NULL ELSE COALESCE(NEW."~ec_rating" OPERATOR(pg_catalog.=) expandcontract_sync."0003_change_reviews_rating_type_back"(NEW.rating), false) END))) AND NEW."~ec_rating" IS NOT NULL AND expandcontract_sync."0003_change_reviews_rating_type_forward"(NEW."~ec_rating") IS NULL
    THEN
        BEGIN PERFORM expandcontract_sync.note_conflict('0003_change_reviews_rating_type', 'does not fit', pg_catalog.jsonb_build_object('id', NEW.id)::pg_catalog.text, pg_catalog.format('%s', NEW."~ec_rating"), NULL, current_user, 'the new side cannot hold what was written to the hidden one'); EXCEPTION WHEN OTHERS THEN NULL; END;
    ELSIF TG_OP OPERATOR(pg_catalog.=) 'INSERT' OR NOT (CASE WHEN NEW.rating IS NULL THEN OLD.rating IS NULL ELSE COALESCE(NEW.rating OPERATOR(pg_catalog.=) OLD.rating, false) END) THEN
        BEGIN
            NEW."~ec_rating" := expandcontract_sync."0003_change_reviews_rating_type_back"(NEW.rating);
            IF NEW."~ec_rating" IS NULL AND NEW.rating IS NOT NULL THEN
                BEGIN PERFORM expandcontract_sync.note_conflict('0003_change_reviews_rating_type', 'not held by the hidden side', pg_catalog.jsonb_build_object('id', NEW.id)::pg_catalog.text, NULL, pg_catalog.format('%s', NEW.rating), current_user, 'undo would lose it'); EXCEPTION WHEN OTHERS THEN NULL; END;
            END IF;
        EXCEPTION WHEN OTHERS THEN
            NEW."~ec_rating" := NULL;
            BEGIN PERFORM expandcontract_sync.note_conflict('0003_change_reviews_rating_type', 'not held by the hidden side', pg_catalog.jsonb_build_object('id', NEW.id)::pg_catalog.text, NULL, pg_catalog.format('%s', NEW.rating), current_user, 'undo would lose it'); EXCEPTION WHEN OTHERS THEN NULL; END;
        END;
    END IF;
    RETURN NEW;
EXCEPTION
    WHEN OTHERS THEN
        IF COALESCE(pg_catalog.current_setting('expandcontract.fault_6cd96228d0', true), '') OPERATOR(pg_catalog.<>) pg_catalog.concat(pg_catalog.current_setting('application_name'), ' ', pg_catalog.to_char(pg_catalog.now(), 'YYYYMMDDHH24MI')) THEN
            PERFORM pg_catalog.set_config('expandcontract.fault_6cd96228d0', pg_catalog.concat(pg_catalog.current_setting('application_name'), ' ', pg_catalog.to_char(pg_catalog.now(), 'YYYYMMDDHH24MI')), false);
            BEGIN PERFORM expandcontract_sync.note_conflict('0003_change_reviews_rating_type', 'does not fit', NULL, NULL, NULL, current_user, pg_catalog.concat('rows are not kept in sync: ', SQLERRM)); EXCEPTION WHEN OTHERS THEN NULL; END;
        END IF;
        RETURN NEW;
END
$ec$;
GRANT EXECUTE ON FUNCTION expandcontract_sync."~ek_0003_change_reviews_rating_type"() TO PUBLIC;
CREATE TRIGGER "~ec_0003_change_reviews_rating_type" BEFORE INSERT OR UPDATE ON public.reviews FOR EACH ROW WHEN (NOT (NEW.rating IS NOT NULL AND NEW."~ec_rating" IS NOT NULL AND (CASE WHEN NEW."~ec_rating" IS NULL THEN expandcontract_sync."0003_change_reviews_rating_type_back"(NEW.rating) IS NULL ELSE COALESCE(NEW."~ec_rating" OPERATOR(pg_catalog.=) expandcontract_sync."0003_change_reviews_rating_type_back"(NEW.rating), false) END) OR NEW.rating IS NULL AND NEW."~ec_rating" IS NULL AND (CASE WHEN NEW.rating IS NULL THEN expandcontract_sync."0003_change_reviews_rating_type_forward"(NEW."~ec_rating") IS NULL ELSE COALESCE(NEW.rating OPERATOR(pg_catalog.=) expandcontract_sync."0003_change_reviews_rating_type_forward"(NEW."~ec_rating"), false) END))) EXECUTE FUNCTION expandcontract_sync."~ek_0003_change_reviews_rating_type"();
ALTER TABLE public.reviews ENABLE ALWAYS TRIGGER "~ec_0003_change_reviews_rating_type";
DROP FUNCTION expandcontract_sync."~ec_0003_change_reviews_rating_type"();
