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
CREATE FUNCTION expandcontract_sync."0001_people_back"(big_number bigint) RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    BEGIN ATOMIC
 SELECT (
         CASE
             WHEN ((big_number >= '-2147483648'::integer) AND (big_number <= 2147483647)) THEN big_number
             ELSE NULL::bigint
         END)::integer AS int4;
END;
CREATE FUNCTION expandcontract_sync."0001_people_forward"(number integer) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    BEGIN ATOMIC
 SELECT (number)::bigint AS number;
END;
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
    was_new bigint;
BEGIN
    IF TG_OP = 'INSERT' THEN
        new_given := NOT (NEW.big_number IS NOT DISTINCT FROM NULL::bigint)
            AND NOT (NEW.big_number IS NOT DISTINCT FROM expandcontract_sync."0001_people_forward"(NEW.number));
        old_given := NOT (NEW.number IS NOT DISTINCT FROM NULL::integer);
    ELSE
        was_new := OLD.big_number;
        IF was_new IS NULL THEN
            was_new := expandcontract_sync."0001_people_forward"(OLD.number);
        END IF;
        new_given := NOT (NEW.big_number IS NOT DISTINCT FROM was_new) AND NEW.big_number IS NOT NULL
            AND NOT (NEW.big_number IS NOT DISTINCT FROM expandcontract_sync."0001_people_forward"(NEW.number));
        old_given := NOT (NEW.number IS NOT DISTINCT FROM OLD.number);
    END IF;
    IF new_given THEN
        IF old_given THEN
            PERFORM expandcontract_sync.note_conflict('0001_people', 'both written', pg_catalog.jsonb_build_object('id', NEW.id)::text, pg_catalog.format('%s', NEW.number), pg_catalog.format('%s', NEW.big_number), current_user, 'the new side won');
        END IF;
        NEW.number := expandcontract_sync."0001_people_back"(NEW.big_number);
            IF NEW.number IS NULL AND NEW.big_number IS NOT NULL THEN
                RAISE EXCEPTION USING ERRCODE = 'EC320', MESSAGE = 'the value does not fit number integer of public.people', HINT = 'The schema change 0001_people holds both columns in sync; a value that only one of them can hold is refused.';
            END IF;
        IF pg_catalog.current_setting('expandcontract.new_18c68a3d93', true) IS DISTINCT FROM (pg_catalog.current_setting('application_name') || ' ' || pg_catalog.to_char(pg_catalog.now(), 'YYYYMMDDHH24MI')) THEN
            PERFORM pg_catalog.set_config('expandcontract.new_18c68a3d93', pg_catalog.current_setting('application_name') || ' ' || pg_catalog.to_char(pg_catalog.now(), 'YYYYMMDDHH24MI'), false);
            PERFORM expandcontract_sync.note_use('0001_people', 'new', current_user);
        END IF;
    ELSIF old_given OR NOT ((NEW.big_number IS NOT DISTINCT FROM expandcontract_sync."0001_people_forward"(NEW.number)) OR (NEW.big_number IS NOT NULL AND (NEW.number IS NOT DISTINCT FROM expandcontract_sync."0001_people_back"(NEW.big_number)))) THEN
        NEW.big_number := expandcontract_sync."0001_people_forward"(NEW.number);
        IF old_given THEN
            IF NEW.number IS NOT NULL AND NOT (NEW.number IS NOT DISTINCT FROM expandcontract_sync."0001_people_back"(NEW.big_number)) THEN
                RAISE EXCEPTION USING ERRCODE = 'EC320', MESSAGE = 'the value does not fit big_number bigint of public.people', HINT = 'The schema change 0001_people holds both columns in sync; a value that only one of them can hold is refused.';
            END IF;
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
    big_number bigint,
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
INSERT INTO public.people VALUES (1, 'name 1', 1, '', 1);
INSERT INTO public.people VALUES (2, 'name 2', 2, '', 2);
INSERT INTO public.people VALUES (3, 'name 3', 3, '', 3);
INSERT INTO public.people VALUES (4, 'name 4', 4, '', 4);
INSERT INTO public.people VALUES (5, 'name 5', 5, '', 5);
INSERT INTO public.people VALUES (6, 'name 6', 6, '', 6);
INSERT INTO public.people VALUES (7, 'name 7', 7, '', 7);
INSERT INTO public.people VALUES (8, 'name 8', 8, '', 8);
INSERT INTO public.people VALUES (9, 'name 9', 9, '', 9);
INSERT INTO public.people VALUES (10, 'name 10', 10, '', 10);
ALTER TABLE ONLY public.people
    ADD CONSTRAINT people_number_key UNIQUE (number);
ALTER TABLE ONLY public.people
    ADD CONSTRAINT people_pkey PRIMARY KEY (id);
CREATE INDEX ix_people_name ON public.people USING btree (name);
CREATE UNIQUE INDEX people_name_id ON public.people USING btree (name, id);
CREATE TRIGGER "~ec_0001_people" BEFORE INSERT OR UPDATE ON public.people FOR EACH ROW WHEN ((NOT (((new.big_number IS NOT NULL) AND (new.number IS NOT NULL) AND (NOT (new.number IS DISTINCT FROM expandcontract_sync."0001_people_back"(new.big_number)))) OR ((new.big_number IS NULL) AND (new.number IS NULL) AND (NOT (new.big_number IS DISTINCT FROM expandcontract_sync."0001_people_forward"(new.number))))))) EXECUTE FUNCTION expandcontract_sync."~ec_0001_people"();
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
INSERT INTO expandcontract.change OVERRIDING SYSTEM VALUE VALUES (1, '0001_people', 'change-type', '{"to": "big_number", "type": "bigint", "column": "people.number"}', :plan, '621101cc08f8', 'active', 1, 0, 21587, 'public', 'people', '{big_number,number}', NULL, 'operator', 'somewhere', '0.1.0', 7713794298634458576, 21586, '2026-01-15 03:03:12.811012+00', NULL, NULL);
INSERT INTO expandcontract.chunk OVERRIDING SYSTEM VALUE VALUES (1, 1, 1, 'copy', 1, 21587, 'public.people', 21587, 0, 1, 0, 10, 10, 0, 0, '[]', 'running', 'ccb02185-e60c-4c56-9503-2174ae1eb223', '2026-01-15 03:03:27.253849+00', 'somewhere:2841/0', 1, 20, NULL, NULL, '2026-01-15 03:03:17.156048+00', '2026-01-15 03:03:17.253851+00');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (1, 1, '2026-01-15 03:03:12.858124+00', 'created', 'operator', '{"host": "somewhere", "fingerprint": "621101cc08f8", "program_version": "0.1.0"}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (2, 1, '2026-01-15 03:03:13.381049+00', 'began', 'operator', '{"pid": 2812, "host": "somewhere", "verb": "start", "server": "18.4", "program": "0.1.0"}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (3, 1, '2026-01-15 03:03:13.81101+00', 'phase', 'operator', '{"phase": "expand", "status": "running", "attempt": 1}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (4, 1, '2026-01-15 03:03:14.01459+00', 'locked', 'operator', '{"mode": "ACCESS EXCLUSIVE", "step": "add_column", "tries": 1, "held_by": [], "section": "expand", "relations": ["public.people"], "felt_seconds": 0.0829, "held_seconds": 0.0685}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (5, 1, '2026-01-15 03:03:14.034696+00', 'phase', 'operator', '{"phase": "expand", "status": "done", "attempt": 1}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (6, 1, '2026-01-15 03:03:14.439542+00', 'phase', 'operator', '{"phase": "dual_write", "status": "running", "attempt": 1}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (7, 1, '2026-01-15 03:03:14.654761+00', 'sync made', 'operator', '{"step": "sync_trigger", "place": {"system": "7713794298634458576", "database": 21586}, "state": "active", "attempt": 1, "new_side": [], "relation": 21587, "triggers": {"public.people": "a64cfa0b638936c6b3a5a14511d2eb5d"}, "functions": [{"hash": "238c60bcc4e59d8a632be1908fe9fc53", "name": "expandcontract_sync.\"0001_people_forward\"(integer)"}, {"hash": "d9fbf2547fb182a286e6a7a3f153fec2", "name": "expandcontract_sync.\"0001_people_back\"(bigint)"}, {"hash": "1fd1c0b8e48e5cd9a280c9db35d7be77", "name": "expandcontract_sync.\"~ec_0001_people\"()"}]}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (8, 1, '2026-01-15 03:03:14.684608+00', 'locked', 'operator', '{"mode": "SHARE ROW EXCLUSIVE", "step": "sync_trigger", "tries": 1, "held_by": [], "section": "dual_write", "relations": ["public.people"], "felt_seconds": 0.1815, "held_seconds": 0.1741}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (9, 1, '2026-01-15 03:03:14.709765+00', 'phase', 'operator', '{"phase": "dual_write", "status": "done", "attempt": 1}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (10, 1, '2026-01-15 03:03:16.303715+00', 'began', 'operator', '{"pid": 2841, "host": "somewhere", "verb": "backfill", "server": "18.4", "program": "0.1.0"}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (11, 1, '2026-01-15 03:03:16.381766+00', 'phase', 'operator', '{"phase": "backfill", "status": "running", "attempt": 1}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (12, 1, '2026-01-15 03:03:16.881866+00', 'copy laid', 'operator', '{"bound": {"leaves": [{"oid": 21587, "name": "public.people", "columns": [{"name": "big_number", "xmin": "1407"}, {"name": "number", "xmin": "1385"}], "filenode": 21587, "triggers": [{"oid": 22113, "name": "~ec_0001_people", "xmin": "1418", "enabled": "A"}]}], "system": "7713794298634458576", "database": 21586, "functions": [{"oid": 22110, "hash": "238c60bcc4e59d8a632be1908fe9fc53", "name": "expandcontract_sync.\"0001_people_forward\"(integer)"}, {"oid": 22111, "hash": "d9fbf2547fb182a286e6a7a3f153fec2", "name": "expandcontract_sync.\"0001_people_back\"(bigint)"}, {"oid": 22112, "hash": "1fd1c0b8e48e5cd9a280c9db35d7be77", "name": "expandcontract_sync.\"~ec_0001_people\"()"}]}, "round": 1, "attempt": 1}');
INSERT INTO expandcontract.lease VALUES ('9cdf27a1-11ee-4b24-b976-94651d33f782', 1, false, 'backfill', 'somewhere', 2841, 2843, '2026-01-15 03:03:15.432416+00', 21586, 'operator', '2026-01-15 03:03:16.229221+00', '2026-01-15 03:03:26.229132+00');
INSERT INTO expandcontract.phase VALUES (1, 1, 'verify', 'pending', NULL, NULL, NULL);
INSERT INTO expandcontract.phase VALUES (1, 1, 'contract', 'pending', NULL, NULL, NULL);
INSERT INTO expandcontract.phase VALUES (1, 1, 'expand', 'done', '2026-01-15 03:03:13.806379+00', '2026-01-15 03:03:14.02359+00', NULL);
INSERT INTO expandcontract.phase VALUES (1, 1, 'dual_write', 'done', '2026-01-15 03:03:14.432599+00', '2026-01-15 03:03:14.705507+00', NULL);
INSERT INTO expandcontract.phase VALUES (1, 1, 'backfill', 'running', '2026-01-15 03:03:16.373187+00', NULL, NULL);
INSERT INTO expandcontract.schema_version VALUES (1, 'tables', '2026-01-15 03:03:10.978874+00');
INSERT INTO expandcontract.schema_version VALUES (2, 'bound_state', '2026-01-15 03:03:11.012071+00');
INSERT INTO expandcontract.schema_version VALUES (3, 'guards', '2026-01-15 03:03:11.085865+00');
INSERT INTO expandcontract.schema_version VALUES (4, 'application', '2026-01-15 03:03:11.089765+00');
INSERT INTO expandcontract.schema_version VALUES (5, 'status', '2026-01-15 03:03:11.145829+00');
INSERT INTO expandcontract.schema_version VALUES (6, 'proof_coverage', '2026-01-15 03:03:11.163867+00');
INSERT INTO expandcontract.schema_version VALUES (7, 'walk', '2026-01-15 03:03:11.258445+00');
INSERT INTO expandcontract.schema_version VALUES (8, 'watch', '2026-01-15 03:03:11.310336+00');
INSERT INTO expandcontract.step VALUES (1, 1, 0, 'expand', 'add_column', '572954622a8966864327bb6143acf84b049d12142c7702cc6f49278df94f84b8', 'done', 1, '2026-01-15 03:03:13.870803+00', '2026-01-15 03:03:13.928063+00', 0.0572589760001847, NULL);
INSERT INTO expandcontract.step VALUES (1, 1, 0, 'dual_write', 'sync_trigger', 'b3bbdf8058d30549752d2ed6bd47e19d3731b6b1aa7a0ee1a4e3f49d51fc9506', 'done', 1, '2026-01-15 03:03:14.48104+00', '2026-01-15 03:03:14.666121+00', 0.18507992800005013, NULL);
INSERT INTO expandcontract.walk VALUES (1, 1, 'copy', 1, 1, 1, 0, 0, 0, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO expandcontract.watch VALUES (1, 1, 'absent', '2026-01-15 03:03:15.082251+00', '2026-01-15 03:03:15.082251+00', false, NULL, 0, 0, NULL);
SELECT pg_catalog.setval('expandcontract.change_id_seq', 1, true);
SELECT pg_catalog.setval('expandcontract.chunk_id_seq', 1, true);
SELECT pg_catalog.setval('expandcontract.conflict_id_seq', 1, false);
SELECT pg_catalog.setval('expandcontract.event_id_seq', 12, true);
SELECT pg_catalog.setval('expandcontract.proof_id_seq', 1, false);
SELECT pg_catalog.setval('expandcontract.waiver_id_seq', 1, false);
