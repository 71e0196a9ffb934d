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
    was_new character varying(40);
BEGIN
    IF TG_OP = 'INSERT' THEN
        new_given := NOT (NEW.display_name IS NOT DISTINCT FROM NULL::character varying(40));
        old_given := NOT (NEW.name IS NOT DISTINCT FROM ('nobody'::character varying)::character varying(40));
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
    display_name character varying(40),
    CONSTRAINT people_name_check CHECK ((length((name)::text) > 0))
);
COMMENT ON COLUMN public.people.name IS 'what they are called';
INSERT INTO public.people VALUES (11, 'name 11', 11, '', NULL);
INSERT INTO public.people VALUES (12, 'name 12', 12, '', NULL);
INSERT INTO public.people VALUES (13, 'name 13', 13, '', NULL);
INSERT INTO public.people VALUES (14, 'name 14', 14, '', NULL);
INSERT INTO public.people VALUES (15, 'name 15', 15, '', NULL);
INSERT INTO public.people VALUES (16, 'name 16', 16, '', NULL);
INSERT INTO public.people VALUES (17, 'name 17', 17, '', NULL);
INSERT INTO public.people VALUES (18, 'name 18', 18, '', NULL);
INSERT INTO public.people VALUES (19, 'name 19', 19, '', NULL);
INSERT INTO public.people VALUES (20, 'name 20', 20, '', NULL);
INSERT INTO public.people VALUES (21, 'name 21', 21, '', NULL);
INSERT INTO public.people VALUES (22, 'name 22', 22, '', NULL);
INSERT INTO public.people VALUES (23, 'name 23', 23, '', NULL);
INSERT INTO public.people VALUES (24, 'name 24', 24, '', NULL);
INSERT INTO public.people VALUES (25, 'name 25', 25, '', NULL);
INSERT INTO public.people VALUES (26, 'name 26', 26, '', NULL);
INSERT INTO public.people VALUES (27, 'name 27', 27, '', NULL);
INSERT INTO public.people VALUES (28, 'name 28', 28, '', NULL);
INSERT INTO public.people VALUES (29, 'name 29', 29, '', NULL);
INSERT INTO public.people VALUES (30, 'name 30', 30, '', NULL);
INSERT INTO public.people VALUES (31, 'name 31', 31, '', NULL);
INSERT INTO public.people VALUES (32, 'name 32', 32, '', NULL);
INSERT INTO public.people VALUES (33, 'name 33', 33, '', NULL);
INSERT INTO public.people VALUES (34, 'name 34', 34, '', NULL);
INSERT INTO public.people VALUES (35, 'name 35', 35, '', NULL);
INSERT INTO public.people VALUES (36, 'name 36', 36, '', NULL);
INSERT INTO public.people VALUES (37, 'name 37', 37, '', NULL);
INSERT INTO public.people VALUES (38, 'name 38', 38, '', NULL);
INSERT INTO public.people VALUES (39, 'name 39', 39, '', NULL);
INSERT INTO public.people VALUES (40, 'name 40', 40, '', NULL);
INSERT INTO public.people VALUES (41, 'name 41', 41, '', NULL);
INSERT INTO public.people VALUES (42, 'name 42', 42, '', NULL);
INSERT INTO public.people VALUES (43, 'name 43', 43, '', NULL);
INSERT INTO public.people VALUES (44, 'name 44', 44, '', NULL);
INSERT INTO public.people VALUES (45, 'name 45', 45, '', NULL);
INSERT INTO public.people VALUES (46, 'name 46', 46, '', NULL);
INSERT INTO public.people VALUES (47, 'name 47', 47, '', NULL);
INSERT INTO public.people VALUES (48, 'name 48', 48, '', NULL);
INSERT INTO public.people VALUES (49, 'name 49', 49, '', NULL);
INSERT INTO public.people VALUES (50, 'name 50', 50, '', NULL);
INSERT INTO public.people VALUES (51, 'name 51', 51, '', NULL);
INSERT INTO public.people VALUES (52, 'name 52', 52, '', NULL);
INSERT INTO public.people VALUES (53, 'name 53', 53, '', NULL);
INSERT INTO public.people VALUES (54, 'name 54', 54, '', NULL);
INSERT INTO public.people VALUES (55, 'name 55', 55, '', NULL);
INSERT INTO public.people VALUES (56, 'name 56', 56, '', NULL);
INSERT INTO public.people VALUES (57, 'name 57', 57, '', NULL);
INSERT INTO public.people VALUES (58, 'name 58', 58, '', NULL);
INSERT INTO public.people VALUES (59, 'name 59', 59, '', NULL);
INSERT INTO public.people VALUES (60, 'name 60', 60, '', NULL);
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
ALTER TABLE ONLY public.people
    ADD CONSTRAINT people_number_key UNIQUE (number);
ALTER TABLE ONLY public.people
    ADD CONSTRAINT people_pkey PRIMARY KEY (id);
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
INSERT INTO expandcontract.change OVERRIDING SYSTEM VALUE VALUES (1, '0001_people', 'rename-column', '{"column": "people.name", "new_name": "display_name"}', :plan, 'f25932d0dd32', 'active', 1, 0, 17411, 'public', 'people', '{display_name,name}', NULL, 'operator', 'somewhere', '0.1.0', 7713794298634458576, 17410, '2026-01-15 03:01:45.553592+00', NULL, NULL);
INSERT INTO expandcontract.chunk OVERRIDING SYSTEM VALUE VALUES (1, 1, 1, 'copy', 1, 17411, 'public.people', 17411, 0, 1, 0, 10, 10, 0, 0, '[]', 'running', '07865d35-7135-4309-aae0-43628d11b9e8', '2026-01-15 03:02:00.855531+00', 'somewhere:1660/0', 1, 20, NULL, NULL, '2026-01-15 03:01:50.742575+00', '2026-01-15 03:01:50.855532+00');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (1, 1, '2026-01-15 03:01:45.595603+00', 'created', 'operator', '{"host": "somewhere", "fingerprint": "f25932d0dd32", "program_version": "0.1.0"}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (2, 1, '2026-01-15 03:01:46.13074+00', 'began', 'operator', '{"pid": 1625, "host": "somewhere", "verb": "start", "server": "18.4", "program": "0.1.0"}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (3, 1, '2026-01-15 03:01:46.614544+00', 'phase', 'operator', '{"phase": "expand", "status": "running", "attempt": 1}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (4, 1, '2026-01-15 03:01:46.923538+00', 'locked', 'operator', '{"mode": "ACCESS EXCLUSIVE", "step": "add_column", "tries": 1, "held_by": [], "section": "expand", "relations": ["public.people"], "felt_seconds": 0.1275, "held_seconds": 0.1078}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (5, 1, '2026-01-15 03:01:46.958328+00', 'phase', 'operator', '{"phase": "expand", "status": "done", "attempt": 1}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (6, 1, '2026-01-15 03:01:47.414115+00', 'phase', 'operator', '{"phase": "dual_write", "status": "running", "attempt": 1}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (7, 1, '2026-01-15 03:01:47.602061+00', 'sync made', 'operator', '{"step": "sync_trigger", "place": {"system": "7713794298634458576", "database": 17410}, "state": "active", "attempt": 1, "new_side": [], "relation": 17411, "triggers": {"public.people": "f7fac5f2eefcb9f161c2d151afeb7188"}, "functions": [{"hash": "fa2d254bbcb6935721fd7118c28848b7", "name": "expandcontract_sync.\"~ec_0001_people\"()"}]}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (8, 1, '2026-01-15 03:01:47.681974+00', 'locked', 'operator', '{"mode": "SHARE ROW EXCLUSIVE", "step": "sync_trigger", "tries": 1, "held_by": [], "section": "dual_write", "relations": ["public.people"], "felt_seconds": 0.1362, "held_seconds": 0.1304}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (9, 1, '2026-01-15 03:01:47.696927+00', 'phase', 'operator', '{"phase": "dual_write", "status": "done", "attempt": 1}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (10, 1, '2026-01-15 03:01:49.707081+00', 'began', 'operator', '{"pid": 1660, "host": "somewhere", "verb": "backfill", "server": "18.4", "program": "0.1.0"}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (11, 1, '2026-01-15 03:01:49.817625+00', 'phase', 'operator', '{"phase": "backfill", "status": "running", "attempt": 1}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (12, 1, '2026-01-15 03:01:50.431996+00', 'copy laid', 'operator', '{"bound": {"leaves": [{"oid": 17411, "name": "public.people", "columns": [{"name": "display_name", "xmin": "826"}, {"name": "name", "xmin": "807"}], "filenode": 17411, "triggers": [{"oid": 17923, "name": "~ec_0001_people", "xmin": "830", "enabled": "A"}]}], "system": "7713794298634458576", "database": 17410, "functions": [{"oid": 17922, "hash": "fa2d254bbcb6935721fd7118c28848b7", "name": "expandcontract_sync.\"~ec_0001_people\"()"}]}, "round": 1, "attempt": 1}');
INSERT INTO expandcontract.lease VALUES ('15c601b7-c820-4521-a983-0ad29d5b239c', 1, false, 'backfill', 'somewhere', 1660, 1661, '2026-01-15 03:01:48.525725+00', 17410, 'operator', '2026-01-15 03:01:49.571231+00', '2026-01-15 03:01:59.571096+00');
INSERT INTO expandcontract.phase VALUES (1, 1, 'verify', 'pending', NULL, NULL, NULL);
INSERT INTO expandcontract.phase VALUES (1, 1, 'contract', 'pending', NULL, NULL, NULL);
INSERT INTO expandcontract.phase VALUES (1, 1, 'expand', 'done', '2026-01-15 03:01:46.60496+00', '2026-01-15 03:01:46.944271+00', NULL);
INSERT INTO expandcontract.phase VALUES (1, 1, 'dual_write', 'done', '2026-01-15 03:01:47.402984+00', '2026-01-15 03:01:47.683418+00', NULL);
INSERT INTO expandcontract.phase VALUES (1, 1, 'backfill', 'running', '2026-01-15 03:01:49.809507+00', NULL, NULL);
INSERT INTO expandcontract.schema_version VALUES (1, 'tables', '2026-01-15 03:01:43.857233+00');
INSERT INTO expandcontract.schema_version VALUES (2, 'bound_state', '2026-01-15 03:01:43.890515+00');
INSERT INTO expandcontract.schema_version VALUES (3, 'guards', '2026-01-15 03:01:43.971264+00');
INSERT INTO expandcontract.schema_version VALUES (4, 'application', '2026-01-15 03:01:43.973801+00');
INSERT INTO expandcontract.schema_version VALUES (5, 'status', '2026-01-15 03:01:44.052098+00');
INSERT INTO expandcontract.schema_version VALUES (6, 'proof_coverage', '2026-01-15 03:01:44.091027+00');
INSERT INTO expandcontract.schema_version VALUES (7, 'walk', '2026-01-15 03:01:44.191511+00');
INSERT INTO expandcontract.schema_version VALUES (8, 'watch', '2026-01-15 03:01:44.255785+00');
INSERT INTO expandcontract.step VALUES (1, 1, 0, 'expand', 'add_column', 'e0bba024fb74acc0ad20896f01442b5da1105630783c178eb9885fff243ec928', 'done', 1, '2026-01-15 03:01:46.752334+00', '2026-01-15 03:01:46.849366+00', 0.09703149199981453, NULL);
INSERT INTO expandcontract.step VALUES (1, 1, 0, 'dual_write', 'sync_trigger', 'a015b7385c1c70f2185fdfebb5056ca13e1f6c7382d21c097665eacd6af0b990', 'done', 1, '2026-01-15 03:01:47.469816+00', '2026-01-15 03:01:47.622089+00', 0.1522712030000548, NULL);
INSERT INTO expandcontract.walk VALUES (1, 1, 'copy', 1, 1, 1, 0, 0, 0, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO expandcontract.watch VALUES (1, 1, 'absent', '2026-01-15 03:01:48.046585+00', '2026-01-15 03:01:48.046585+00', false, NULL, 0, 0, NULL);
SELECT pg_catalog.setval('expandcontract.change_id_seq', 1, true);
SELECT pg_catalog.setval('expandcontract.chunk_id_seq', 1, true);
SELECT pg_catalog.setval('expandcontract.conflict_id_seq', 1, false);
SELECT pg_catalog.setval('expandcontract.event_id_seq', 12, true);
SELECT pg_catalog.setval('expandcontract.proof_id_seq', 1, false);
SELECT pg_catalog.setval('expandcontract.waiver_id_seq', 1, false);
