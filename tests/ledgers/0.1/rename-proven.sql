SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET transaction_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
CREATE SCHEMA expandcontract_sync;
COMMENT ON SCHEMA public IS 'standard public schema';
CREATE FUNCTION expandcontract_sync.heartbeat(application text, version text, instance text, every_seconds double precision) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    UPDATE expandcontract.instance i
    SET version = heartbeat.version, address = inet_client_addr(), every_seconds = heartbeat.every_seconds, last_seen = clock_timestamp()
    WHERE (i.application, i.name, i.role) = (heartbeat.application, heartbeat.instance, session_user::text);
    IF FOUND THEN
        RETURN;
    END IF;
    DELETE FROM expandcontract.instance WHERE ctid IN (
        SELECT i.ctid FROM expandcontract.instance i WHERE i.last_seen < clock_timestamp() - interval '1 day' FOR UPDATE SKIP LOCKED
    );
    INSERT INTO expandcontract.instance (application, name, role, version, address, every_seconds)
    VALUES (heartbeat.application, heartbeat.instance, session_user, heartbeat.version, inet_client_addr(), heartbeat.every_seconds)
    ON CONFLICT DO NOTHING;
END
$$;
CREATE FUNCTION expandcontract_sync.note_conflict(change text, kind text, key text, old_value text, new_value text, role name, sentence text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    parsed jsonb;
BEGIN
    BEGIN
        parsed := key::jsonb;
    EXCEPTION WHEN data_exception THEN
        parsed := to_jsonb(key);
    END;
    INSERT INTO expandcontract.conflict (change_id, kind, key, old_value, new_value, application_name, role, sentence)
    SELECT c.id, note_conflict.kind, parsed, note_conflict.old_value, note_conflict.new_value,
        current_setting('application_name'), note_conflict.role::text, note_conflict.sentence
    FROM expandcontract.change c WHERE c.name = note_conflict.change;
END
$$;
CREATE FUNCTION expandcontract_sync.note_use(change text, side text, role name) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    INSERT INTO expandcontract.old_use (change_id, side, application_name, role, address)
    SELECT c.id, note_use.side, current_setting('application_name'), note_use.role::text, inet_client_addr()
    FROM expandcontract.change c WHERE c.name = note_use.change
$$;
CREATE FUNCTION expandcontract_sync."~ec_0001_people"() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
DECLARE
    old_given boolean;
    new_given boolean;
BEGIN
    IF TG_OP = 'INSERT' THEN
        new_given := NOT (NEW.display_name IS NOT DISTINCT FROM ('nobody'::character varying)::character varying(40));
        old_given := NOT (NEW.name IS NOT DISTINCT FROM ('nobody'::character varying)::character varying(40));
    ELSE
        new_given := NOT (NEW.display_name IS NOT DISTINCT FROM OLD.display_name);
        old_given := NOT (NEW.name IS NOT DISTINCT FROM OLD.name);
    END IF;
    IF new_given THEN
        IF old_given THEN
            PERFORM expandcontract_sync.note_conflict('0001_people', 'both written', pg_catalog.jsonb_build_object('id', NEW.id)::text, pg_catalog.format('%s', NEW.name), pg_catalog.format('%s', NEW.display_name), current_user, 'the new side won');
        END IF;
        NEW.name := NEW.display_name;
        IF pg_catalog.current_setting('expandcontract.new_18c68a3d93', true) IS DISTINCT FROM (pg_catalog.current_setting('application_name') || ' ' || pg_catalog.to_char(pg_catalog.now(), 'YYYYMMDDHH24MI')) THEN
            PERFORM pg_catalog.set_config('expandcontract.new_18c68a3d93', pg_catalog.current_setting('application_name') || ' ' || pg_catalog.to_char(pg_catalog.now(), 'YYYYMMDDHH24MI'), false);
            PERFORM expandcontract_sync.note_use('0001_people', 'new', current_user);
        END IF;
    ELSE
        NEW.display_name := NEW.name;
        IF old_given THEN
            IF pg_catalog.current_setting('expandcontract.old_18c68a3d93', true) IS DISTINCT FROM (pg_catalog.current_setting('application_name') || ' ' || pg_catalog.to_char(pg_catalog.now(), 'YYYYMMDDHH24MI')) THEN
                PERFORM pg_catalog.set_config('expandcontract.old_18c68a3d93', pg_catalog.current_setting('application_name') || ' ' || pg_catalog.to_char(pg_catalog.now(), 'YYYYMMDDHH24MI'), false);
                PERFORM expandcontract_sync.note_use('0001_people', 'old', current_user);
            END IF;
        END IF;
    END IF;
    RETURN NEW;
END
$$;
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE public.people (
    id integer NOT NULL,
    name character varying(40) DEFAULT 'nobody'::character varying NOT NULL,
    number integer,
    pad text DEFAULT ''::text,
    display_name character varying(40) DEFAULT 'nobody'::character varying NOT NULL,
    CONSTRAINT people_display_name_check CHECK ((length((display_name)::text) > 0)),
    CONSTRAINT people_name_check CHECK ((length((name)::text) > 0))
);
COMMENT ON COLUMN public.people.name IS 'what they are called';
COMMENT ON COLUMN public.people.display_name IS 'what they are called';
INSERT INTO public.people VALUES (1, 'name 1', 1, '', 'name 1');
INSERT INTO public.people VALUES (2, 'name 2', 2, '', 'name 2');
INSERT INTO public.people VALUES (3, 'name 3', 3, '', 'name 3');
INSERT INTO public.people VALUES (4, 'name 4', 4, '', 'name 4');
INSERT INTO public.people VALUES (5, 'name 5', 5, '', 'name 5');
INSERT INTO public.people VALUES (6, 'name 6', 6, '', 'name 6');
INSERT INTO public.people VALUES (7, 'name 7', 7, '', 'name 7');
INSERT INTO public.people VALUES (8, 'name 8', 8, '', 'name 8');
INSERT INTO public.people VALUES (9, 'name 9', 9, '', 'name 9');
INSERT INTO public.people VALUES (10, 'name 10', 10, '', 'name 10');
INSERT INTO public.people VALUES (11, 'name 11', 11, '', 'name 11');
INSERT INTO public.people VALUES (12, 'name 12', 12, '', 'name 12');
INSERT INTO public.people VALUES (13, 'name 13', 13, '', 'name 13');
INSERT INTO public.people VALUES (14, 'name 14', 14, '', 'name 14');
INSERT INTO public.people VALUES (15, 'name 15', 15, '', 'name 15');
INSERT INTO public.people VALUES (16, 'name 16', 16, '', 'name 16');
INSERT INTO public.people VALUES (17, 'name 17', 17, '', 'name 17');
INSERT INTO public.people VALUES (18, 'name 18', 18, '', 'name 18');
INSERT INTO public.people VALUES (19, 'name 19', 19, '', 'name 19');
INSERT INTO public.people VALUES (20, 'name 20', 20, '', 'name 20');
INSERT INTO public.people VALUES (21, 'name 21', 21, '', 'name 21');
INSERT INTO public.people VALUES (22, 'name 22', 22, '', 'name 22');
INSERT INTO public.people VALUES (23, 'name 23', 23, '', 'name 23');
INSERT INTO public.people VALUES (24, 'name 24', 24, '', 'name 24');
INSERT INTO public.people VALUES (25, 'name 25', 25, '', 'name 25');
INSERT INTO public.people VALUES (26, 'name 26', 26, '', 'name 26');
INSERT INTO public.people VALUES (27, 'name 27', 27, '', 'name 27');
INSERT INTO public.people VALUES (28, 'name 28', 28, '', 'name 28');
INSERT INTO public.people VALUES (29, 'name 29', 29, '', 'name 29');
INSERT INTO public.people VALUES (30, 'name 30', 30, '', 'name 30');
INSERT INTO public.people VALUES (31, 'name 31', 31, '', 'name 31');
INSERT INTO public.people VALUES (32, 'name 32', 32, '', 'name 32');
INSERT INTO public.people VALUES (33, 'name 33', 33, '', 'name 33');
INSERT INTO public.people VALUES (34, 'name 34', 34, '', 'name 34');
INSERT INTO public.people VALUES (35, 'name 35', 35, '', 'name 35');
INSERT INTO public.people VALUES (36, 'name 36', 36, '', 'name 36');
INSERT INTO public.people VALUES (37, 'name 37', 37, '', 'name 37');
INSERT INTO public.people VALUES (38, 'name 38', 38, '', 'name 38');
INSERT INTO public.people VALUES (39, 'name 39', 39, '', 'name 39');
INSERT INTO public.people VALUES (40, 'name 40', 40, '', 'name 40');
INSERT INTO public.people VALUES (41, 'name 41', 41, '', 'name 41');
INSERT INTO public.people VALUES (42, 'name 42', 42, '', 'name 42');
INSERT INTO public.people VALUES (43, 'name 43', 43, '', 'name 43');
INSERT INTO public.people VALUES (44, 'name 44', 44, '', 'name 44');
INSERT INTO public.people VALUES (45, 'name 45', 45, '', 'name 45');
INSERT INTO public.people VALUES (46, 'name 46', 46, '', 'name 46');
INSERT INTO public.people VALUES (47, 'name 47', 47, '', 'name 47');
INSERT INTO public.people VALUES (48, 'name 48', 48, '', 'name 48');
INSERT INTO public.people VALUES (49, 'name 49', 49, '', 'name 49');
INSERT INTO public.people VALUES (50, 'name 50', 50, '', 'name 50');
INSERT INTO public.people VALUES (51, 'name 51', 51, '', 'name 51');
INSERT INTO public.people VALUES (52, 'name 52', 52, '', 'name 52');
INSERT INTO public.people VALUES (53, 'name 53', 53, '', 'name 53');
INSERT INTO public.people VALUES (54, 'name 54', 54, '', 'name 54');
INSERT INTO public.people VALUES (55, 'name 55', 55, '', 'name 55');
INSERT INTO public.people VALUES (56, 'name 56', 56, '', 'name 56');
INSERT INTO public.people VALUES (57, 'name 57', 57, '', 'name 57');
INSERT INTO public.people VALUES (58, 'name 58', 58, '', 'name 58');
INSERT INTO public.people VALUES (59, 'name 59', 59, '', 'name 59');
INSERT INTO public.people VALUES (60, 'name 60', 60, '', 'name 60');
ALTER TABLE ONLY public.people
    ADD CONSTRAINT people_display_name_id UNIQUE (display_name, id) DEFERRABLE;
ALTER TABLE ONLY public.people
    ADD CONSTRAINT people_number_key UNIQUE (number);
ALTER TABLE ONLY public.people
    ADD CONSTRAINT people_pkey PRIMARY KEY (id);
CREATE INDEX ix_people_display_name ON public.people USING btree (display_name);
CREATE INDEX ix_people_name ON public.people USING btree (name);
CREATE UNIQUE INDEX people_name_id ON public.people USING btree (name, id);
CREATE TRIGGER "~ec_0001_people" BEFORE INSERT OR UPDATE ON public.people FOR EACH ROW WHEN ((NOT (NOT ((new.display_name)::text IS DISTINCT FROM (new.name)::text)))) EXECUTE FUNCTION expandcontract_sync."~ec_0001_people"();
ALTER TABLE public.people ENABLE ALWAYS TRIGGER "~ec_0001_people";
GRANT USAGE ON SCHEMA expandcontract_sync TO PUBLIC;
SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET transaction_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
INSERT INTO expandcontract.change OVERRIDING SYSTEM VALUE VALUES (1, '0001_people', 'rename-column', '{"column": "people.name", "new_name": "display_name"}', :plan, 'f25932d0dd32', 'active', 1, 0, 18960, 'public', 'people', '{display_name,name}', 120, 'operator', 'somewhere', '0.1.0', 7713794298634458576, 18959, '2026-01-15 03:02:14.100106+00', NULL, NULL);
INSERT INTO expandcontract.chunk OVERRIDING SYSTEM VALUE VALUES (2, 1, 1, 'compare', 1, 18960, 'public.people', 18960, 0, 1, 1, 60, 0, 0, 0, '[]', 'done', NULL, NULL, 'somewhere:2093/0', 1, 1, NULL, NULL, '2026-01-15 03:02:23.00145+00', '2026-01-15 03:02:23.146587+00');
INSERT INTO expandcontract.chunk OVERRIDING SYSTEM VALUE VALUES (1, 1, 1, 'copy', 1, 18960, 'public.people', 18960, 0, 1, 1, 60, 60, 0, 0, '[]', 'done', NULL, NULL, 'somewhere:2093/0', 1, 20, NULL, NULL, '2026-01-15 03:02:19.049481+00', '2026-01-15 03:02:19.235455+00');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (1, 1, '2026-01-15 03:02:14.150051+00', 'created', 'operator', '{"host": "somewhere", "fingerprint": "f25932d0dd32", "program_version": "0.1.0"}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (2, 1, '2026-01-15 03:02:14.76096+00', 'began', 'operator', '{"pid": 2027, "host": "somewhere", "verb": "start", "server": "18.4", "program": "0.1.0"}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (3, 1, '2026-01-15 03:02:15.180464+00', 'phase', 'operator', '{"phase": "expand", "status": "running", "attempt": 1}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (4, 1, '2026-01-15 03:02:15.425937+00', 'locked', 'operator', '{"mode": "ACCESS EXCLUSIVE", "step": "add_column", "tries": 1, "held_by": [], "section": "expand", "relations": ["public.people"], "felt_seconds": 0.0858, "held_seconds": 0.0785}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (5, 1, '2026-01-15 03:02:15.430188+00', 'phase', 'operator', '{"phase": "expand", "status": "done", "attempt": 1}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (6, 1, '2026-01-15 03:02:15.838406+00', 'phase', 'operator', '{"phase": "dual_write", "status": "running", "attempt": 1}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (7, 1, '2026-01-15 03:02:16.002162+00', 'sync made', 'operator', '{"step": "sync_trigger", "place": {"system": "7713794298634458576", "database": 18959}, "state": "active", "attempt": 1, "new_side": [], "relation": 18960, "triggers": {"public.people": "9bd433e7b5e7a32aad5cb554f4412e14"}, "functions": [{"hash": "fa2d254bbcb6935721fd7118c28848b7", "name": "expandcontract_sync.\"~ec_0001_people\"()"}]}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (8, 1, '2026-01-15 03:02:16.068197+00', 'locked', 'operator', '{"mode": "SHARE ROW EXCLUSIVE", "step": "sync_trigger", "tries": 1, "held_by": [], "section": "dual_write", "relations": ["public.people"], "felt_seconds": 0.1295, "held_seconds": 0.1259}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (9, 1, '2026-01-15 03:02:16.081918+00', 'phase', 'operator', '{"phase": "dual_write", "status": "done", "attempt": 1}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (10, 1, '2026-01-15 03:02:18.068271+00', 'began', 'operator', '{"pid": 2093, "host": "somewhere", "verb": "backfill", "server": "18.4", "program": "0.1.0"}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (11, 1, '2026-01-15 03:02:18.150181+00', 'phase', 'operator', '{"phase": "backfill", "status": "running", "attempt": 1}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (12, 1, '2026-01-15 03:02:18.72327+00', 'copy laid', 'operator', '{"bound": {"leaves": [{"oid": 18960, "name": "public.people", "columns": [{"name": "display_name", "xmin": "1006"}, {"name": "name", "xmin": "987"}], "filenode": 18960, "triggers": [{"oid": 19472, "name": "~ec_0001_people", "xmin": "1010", "enabled": "A"}]}], "system": "7713794298634458576", "database": 18959, "functions": [{"oid": 19471, "hash": "fa2d254bbcb6935721fd7118c28848b7", "name": "expandcontract_sync.\"~ec_0001_people\"()"}]}, "round": 1, "attempt": 1}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (13, 1, '2026-01-15 03:02:20.883616+00', 'locked', 'operator', '{"mode": "ACCESS EXCLUSIVE", "step": "check:people_name_check", "tries": 1, "held_by": [], "section": "backfill", "relations": ["public.people"], "felt_seconds": 0.0501, "held_seconds": 0.0443}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (14, 1, '2026-01-15 03:02:21.043992+00', 'locked', 'operator', '{"mode": "ACCESS EXCLUSIVE", "step": "not_null:display_name", "tries": 1, "held_by": [], "section": "backfill", "relations": ["public.people"], "felt_seconds": 0.0576, "held_seconds": 0.053}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (15, 1, '2026-01-15 03:02:21.634747+00', 'locked', 'operator', '{"mode": "ACCESS EXCLUSIVE", "step": "index:people_name_id:finish", "tries": 1, "held_by": [], "section": "backfill", "relations": ["public.people"], "felt_seconds": 0.04, "held_seconds": 0.034}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (16, 1, '2026-01-15 03:02:21.783204+00', 'locked', 'operator', '{"mode": "SHARE UPDATE EXCLUSIVE", "step": "comment", "tries": 1, "held_by": [], "section": "backfill", "relations": ["public.people"], "felt_seconds": 0.0, "held_seconds": 0.0353}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (17, 1, '2026-01-15 03:02:21.885814+00', 'sync made', 'operator', '{"step": "ready", "place": {"system": "7713794298634458576", "database": 18959}, "state": "active", "attempt": 1, "new_side": [["constraint", "people_display_name_check"], ["constraint", "people_display_name_id"], ["default", ""], ["index", "ix_people_display_name"], ["not null", ""]], "relation": 18960, "triggers": {"public.people": "9bd433e7b5e7a32aad5cb554f4412e14"}, "functions": [{"hash": "1500413790e70fff05ac05bb6a7e635e", "name": "expandcontract_sync.\"~ec_0001_people\"()"}]}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (18, 1, '2026-01-15 03:02:21.938015+00', 'locked', 'operator', '{"mode": "ACCESS EXCLUSIVE", "step": "ready", "tries": 1, "held_by": [], "section": "backfill", "relations": ["public.people"], "felt_seconds": 0.1132, "held_seconds": 0.1033}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (19, 1, '2026-01-15 03:02:21.98426+00', 'phase', 'operator', '{"phase": "backfill", "status": "done", "attempt": 1}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (20, 1, '2026-01-15 03:02:22.605867+00', 'phase', 'operator', '{"phase": "verify", "status": "running", "attempt": 1}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (21, 1, '2026-01-15 03:02:22.791174+00', 'compare laid', 'postgres', '{"round": 1, "blocks": 1, "attempt": 1}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (22, 1, '2026-01-15 03:02:23.435044+00', 'phase', 'operator', '{"phase": "verify", "status": "done", "attempt": 1}');
INSERT INTO expandcontract.phase VALUES (1, 1, 'contract', 'pending', NULL, NULL, NULL);
INSERT INTO expandcontract.phase VALUES (1, 1, 'expand', 'done', '2026-01-15 03:02:15.167513+00', '2026-01-15 03:02:15.422608+00', NULL);
INSERT INTO expandcontract.phase VALUES (1, 1, 'dual_write', 'done', '2026-01-15 03:02:15.830617+00', '2026-01-15 03:02:16.072132+00', NULL);
INSERT INTO expandcontract.phase VALUES (1, 1, 'backfill', 'done', '2026-01-15 03:02:18.142409+00', '2026-01-15 03:02:21.975542+00', NULL);
INSERT INTO expandcontract.phase VALUES (1, 1, 'verify', 'done', '2026-01-15 03:02:22.591227+00', '2026-01-15 03:02:23.425278+00', NULL);
INSERT INTO expandcontract.proof OVERRIDING SYSTEM VALUE VALUES (1, 1, 1, 0, 1, '{"leaves": [{"oid": 18960, "name": "public.people", "columns": [{"name": "display_name", "xmin": "1065"}, {"name": "name", "xmin": "987"}], "filenode": 18960, "triggers": [{"oid": 19472, "name": "~ec_0001_people", "xmin": "1010", "enabled": "A"}]}], "system": "7713794298634458576", "database": 18959, "functions": [{"oid": 19471, "hash": "1500413790e70fff05ac05bb6a7e635e", "name": "expandcontract_sync.\"~ec_0001_people\"()"}]}', '2026-01-15 03:02:22.711705+00', '2026-01-15 03:02:22.667583+00', '2026-01-15 03:02:23.362084+00', 60, 0, 0, NULL, NULL);
INSERT INTO expandcontract.schema_version VALUES (1, 'tables', '2026-01-15 03:02:12.254442+00');
INSERT INTO expandcontract.schema_version VALUES (2, 'bound_state', '2026-01-15 03:02:12.292452+00');
INSERT INTO expandcontract.schema_version VALUES (3, 'guards', '2026-01-15 03:02:12.371714+00');
INSERT INTO expandcontract.schema_version VALUES (4, 'application', '2026-01-15 03:02:12.386175+00');
INSERT INTO expandcontract.schema_version VALUES (5, 'status', '2026-01-15 03:02:12.458971+00');
INSERT INTO expandcontract.schema_version VALUES (6, 'proof_coverage', '2026-01-15 03:02:12.494708+00');
INSERT INTO expandcontract.schema_version VALUES (7, 'walk', '2026-01-15 03:02:12.589524+00');
INSERT INTO expandcontract.schema_version VALUES (8, 'watch', '2026-01-15 03:02:12.663879+00');
INSERT INTO expandcontract.step VALUES (1, 1, 0, 'expand', 'add_column', 'e0bba024fb74acc0ad20896f01442b5da1105630783c178eb9885fff243ec928', 'done', 1, '2026-01-15 03:02:15.273496+00', '2026-01-15 03:02:15.341145+00', 0.06764903599992067, NULL);
INSERT INTO expandcontract.step VALUES (1, 1, 0, 'dual_write', 'sync_trigger', 'a015b7385c1c70f2185fdfebb5056ca13e1f6c7382d21c097665eacd6af0b990', 'done', 1, '2026-01-15 03:02:15.883229+00', '2026-01-15 03:02:16.021906+00', 0.13867649700000584, NULL);
INSERT INTO expandcontract.step VALUES (1, 1, 0, 'backfill', 'copy', '506bbed76a46ecf4f7238bd4a5d4940d20ddac20984864b3688370f1c5ba7ea9', 'done', 1, '2026-01-15 03:02:18.115269+00', '2026-01-15 03:02:19.613782+00', 1.4985120220001136, NULL);
INSERT INTO expandcontract.step VALUES (1, 1, 0, 'backfill', 'check:people_name_check', '079eb7d3b470840ae3b1706e4b3d18a69f6da7913de0473e081951b30abbe7db', 'done', 1, '2026-01-15 03:02:20.727628+00', '2026-01-15 03:02:20.802785+00', 0.07515628999999535, NULL);
INSERT INTO expandcontract.step VALUES (1, 1, 0, 'backfill', 'check:people_name_check:validate', 'd8cf800bb64f873145a0037c432d4b32ba3f4db2f11cddd5fb599b69e667c8bc', 'done', 1, '2026-01-15 03:02:20.87645+00', '2026-01-15 03:02:20.913548+00', 0.037095896999971956, NULL);
INSERT INTO expandcontract.step VALUES (1, 1, 0, 'backfill', 'not_null:display_name', '47c39cac9b86809d8dc75b90ad2b6647e182c89dae49128820485b19828c0e24', 'done', 1, '2026-01-15 03:02:20.934954+00', '2026-01-15 03:02:20.990759+00', 0.055803676999858, NULL);
INSERT INTO expandcontract.step VALUES (1, 1, 0, 'backfill', 'not_null:display_name:validate', 'f0a20723655e576cbc65003ee0b4d5545f27943c3fca569b777766c375d790fe', 'done', 1, '2026-01-15 03:02:21.046225+00', '2026-01-15 03:02:21.080384+00', 0.034157876000108445, NULL);
INSERT INTO expandcontract.step VALUES (1, 1, 0, 'backfill', 'index:ix_people_name', 'ce4d6e4c1c4370ca24bc64d83f63f816335067a315645df48ba650d8da705eae', 'done', 1, '2026-01-15 03:02:21.133581+00', '2026-01-15 03:02:21.329375+00', 0.22392913199996656, NULL);
INSERT INTO expandcontract.step VALUES (1, 1, 0, 'backfill', 'index:people_name_id', '3f795f9555592d151f606f53ebb28ff98cf03971dadbd2b0690d59f07fc94539', 'done', 1, '2026-01-15 03:02:21.362781+00', '2026-01-15 03:02:21.508914+00', 0.15496122900003684, NULL);
INSERT INTO expandcontract.step VALUES (1, 1, 0, 'backfill', 'index:people_name_id:finish', 'f34df3759b9b09bc33dff86c6c0951a622fdce5e63af79eebaa0e61171da6359', 'done', 1, '2026-01-15 03:02:21.527814+00', '2026-01-15 03:02:21.591132+00', 0.06331736699985413, NULL);
INSERT INTO expandcontract.step VALUES (1, 1, 0, 'backfill', 'statistics', 'd8c4d1d67f18ead4bb66f905e9e9905e639ebfd920c619b8e0e67e1864fd98e0', 'done', 1, '2026-01-15 03:02:21.636896+00', '2026-01-15 03:02:21.678919+00', 0.04202241000007234, NULL);
INSERT INTO expandcontract.step VALUES (1, 1, 0, 'backfill', 'comment', 'dc21b16a37fac6b2d57e1c7696505acee39b36e3d5ead3c262b3b9599fc79531', 'done', 1, '2026-01-15 03:02:21.703744+00', '2026-01-15 03:02:21.738165+00', 0.03441990999999689, NULL);
INSERT INTO expandcontract.step VALUES (1, 1, 0, 'backfill', 'ready', '7185965a481939256268f1cd8a5a4cebc4af2ca85ec5c72d0e81c82b55493b37', 'done', 1, '2026-01-15 03:02:21.768686+00', '2026-01-15 03:02:21.906368+00', 0.1376809379999031, NULL);
INSERT INTO expandcontract.step VALUES (1, 1, 0, 'verify', 'compare', '99b0365c13af74378f99d670f989580bf8dbef07d13fab8077b07bd6c3c0b3c9', 'done', 1, '2026-01-15 03:02:22.585583+00', '2026-01-15 03:02:23.397879+00', 0.8122946799999227, NULL);
INSERT INTO expandcontract.walk VALUES (1, 1, 'copy', 1, 1, 1, 1, 1, 60, 60, 0, 0, '2026-01-15 03:02:19.049481+00', '2026-01-15 03:02:19.235455+00', '2026-01-15 03:02:19.362102+00', 0, NULL, NULL, NULL);
INSERT INTO expandcontract.walk VALUES (1, 1, 'compare', 1, 1, 1, 1, 1, 60, 0, 0, 0, '2026-01-15 03:02:23.00145+00', '2026-01-15 03:02:23.146587+00', '2026-01-15 03:02:23.220931+00', 0, NULL, NULL, NULL);
INSERT INTO expandcontract.watch VALUES (1, 1, 'absent', '2026-01-15 03:02:24.072831+00', '2026-01-15 03:02:24.072831+00', false, NULL, 0, 0, 55573024);
SELECT pg_catalog.setval('expandcontract.change_id_seq', 1, true);
SELECT pg_catalog.setval('expandcontract.chunk_id_seq', 2, true);
SELECT pg_catalog.setval('expandcontract.conflict_id_seq', 1, false);
SELECT pg_catalog.setval('expandcontract.event_id_seq', 22, true);
SELECT pg_catalog.setval('expandcontract.proof_id_seq', 1, true);
SELECT pg_catalog.setval('expandcontract.waiver_id_seq', 1, false);
