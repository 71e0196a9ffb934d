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
CREATE FUNCTION expandcontract_sync."0001_people_back"("~ec_new_name" text) RETURNS character varying
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    BEGIN ATOMIC
 SELECT ("~ec_new_name")::character varying(40) AS "~ec_new_name";
END;
CREATE FUNCTION expandcontract_sync."0001_people_forward"(name character varying) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    BEGIN ATOMIC
 SELECT (name)::text AS name;
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
    was_new text;
BEGIN
    IF TG_OP = 'INSERT' THEN
        new_given := NOT (NEW."~ec_new_name" IS NOT DISTINCT FROM NULL::text)
            AND NOT (NEW."~ec_new_name" IS NOT DISTINCT FROM expandcontract_sync."0001_people_forward"(NEW.name));
        old_given := NOT (NEW.name IS NOT DISTINCT FROM ('nobody'::character varying)::character varying(40));
    ELSE
        was_new := OLD."~ec_new_name";
        IF was_new IS NULL THEN
            was_new := expandcontract_sync."0001_people_forward"(OLD.name);
        END IF;
        new_given := NOT (NEW."~ec_new_name" IS NOT DISTINCT FROM was_new) AND NEW."~ec_new_name" IS NOT NULL
            AND NOT (NEW."~ec_new_name" IS NOT DISTINCT FROM expandcontract_sync."0001_people_forward"(NEW.name));
        old_given := NOT (NEW.name IS NOT DISTINCT FROM OLD.name);
    END IF;
    IF new_given THEN
        IF old_given THEN
            PERFORM expandcontract_sync.note_conflict('0001_people', 'both written', pg_catalog.jsonb_build_object('id', NEW.id)::text, pg_catalog.format('%s', NEW.name), pg_catalog.format('%s', NEW."~ec_new_name"), current_user, 'the new side won');
        END IF;
        NEW.name := expandcontract_sync."0001_people_back"(NEW."~ec_new_name");
            IF NEW.name IS NULL AND NEW."~ec_new_name" IS NOT NULL THEN
                RAISE EXCEPTION USING ERRCODE = 'EC320', MESSAGE = 'the value does not fit name character varying(40) of public.people', HINT = 'The schema change 0001_people holds both columns in sync; a value that only one of them can hold is refused.';
            END IF;
        IF pg_catalog.current_setting('expandcontract.new_18c68a3d93', true) IS DISTINCT FROM (pg_catalog.current_setting('application_name') || ' ' || pg_catalog.to_char(pg_catalog.now(), 'YYYYMMDDHH24MI')) THEN
            PERFORM pg_catalog.set_config('expandcontract.new_18c68a3d93', pg_catalog.current_setting('application_name') || ' ' || pg_catalog.to_char(pg_catalog.now(), 'YYYYMMDDHH24MI'), false);
            PERFORM expandcontract_sync.note_use('0001_people', 'new', current_user);
        END IF;
    ELSIF old_given OR NOT ((NEW."~ec_new_name" IS NOT DISTINCT FROM expandcontract_sync."0001_people_forward"(NEW.name)) OR (NEW."~ec_new_name" IS NOT NULL AND (NEW.name IS NOT DISTINCT FROM expandcontract_sync."0001_people_back"(NEW."~ec_new_name")))) THEN
        NEW."~ec_new_name" := expandcontract_sync."0001_people_forward"(NEW.name);
        IF old_given THEN
            IF NEW.name IS NOT NULL AND NOT (NEW.name IS NOT DISTINCT FROM expandcontract_sync."0001_people_back"(NEW."~ec_new_name")) THEN
                RAISE EXCEPTION USING ERRCODE = 'EC320', MESSAGE = 'the value does not fit ~ec_new_name text of public.people', HINT = 'The schema change 0001_people holds both columns in sync; a value that only one of them can hold is refused.';
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
    "~ec_new_name" text,
    CONSTRAINT people_name_check CHECK ((length((name)::text) > 0))
);
COMMENT ON COLUMN public.people.name IS 'what they are called';
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
    ADD CONSTRAINT people_number_key UNIQUE (number);
ALTER TABLE ONLY public.people
    ADD CONSTRAINT people_pkey PRIMARY KEY (id);
CREATE INDEX ix_people_name ON public.people USING btree (name);
CREATE UNIQUE INDEX people_name_id ON public.people USING btree (name, id);
CREATE TRIGGER "~ec_0001_people" BEFORE INSERT OR UPDATE ON public.people FOR EACH ROW WHEN ((NOT (((new."~ec_new_name" IS NOT NULL) AND (new.name IS NOT NULL) AND (NOT ((new.name)::text IS DISTINCT FROM (expandcontract_sync."0001_people_back"(new."~ec_new_name"))::text))) OR ((new."~ec_new_name" IS NULL) AND (new.name IS NULL) AND (NOT (new."~ec_new_name" IS DISTINCT FROM expandcontract_sync."0001_people_forward"(new.name))))))) EXECUTE FUNCTION expandcontract_sync."~ec_0001_people"();
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
INSERT INTO expandcontract.change OVERRIDING SYSTEM VALUE VALUES (1, '0001_people', 'change-type', '{"swap": true, "type": "text", "column": "people.name"}', :plan, '10036d6167d1', 'active', 1, 0, 26384, 'public', 'people', '{name,~ec_new_name}', NULL, 'operator', 'somewhere', '0.1.0', 7713794298634458576, 26383, '2026-01-15 03:04:32.382019+00', NULL, NULL);
INSERT INTO expandcontract.chunk OVERRIDING SYSTEM VALUE VALUES (1, 1, 1, 'copy', 1, 26384, 'public.people', 26384, 0, 1, 1, 60, 60, 0, 0, '[]', 'done', NULL, NULL, 'somewhere:4319/0', 1, 20, NULL, NULL, '2026-01-15 03:04:35.616597+00', '2026-01-15 03:04:35.781885+00');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (1, 1, '2026-01-15 03:04:32.431127+00', 'created', 'operator', '{"host": "somewhere", "fingerprint": "10036d6167d1", "program_version": "0.1.0"}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (2, 1, '2026-01-15 03:04:32.69592+00', 'began', 'operator', '{"pid": 4277, "host": "somewhere", "verb": "start", "server": "18.4", "program": "0.1.0"}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (3, 1, '2026-01-15 03:04:32.938025+00', 'phase', 'operator', '{"phase": "expand", "status": "running", "attempt": 1}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (4, 1, '2026-01-15 03:04:33.135817+00', 'locked', 'operator', '{"mode": "ACCESS EXCLUSIVE", "step": "add_column", "tries": 1, "held_by": [], "section": "expand", "relations": ["public.people"], "felt_seconds": 0.062, "held_seconds": 0.0594}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (5, 1, '2026-01-15 03:04:33.140683+00', 'phase', 'operator', '{"phase": "expand", "status": "done", "attempt": 1}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (6, 1, '2026-01-15 03:04:33.364209+00', 'phase', 'operator', '{"phase": "dual_write", "status": "running", "attempt": 1}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (7, 1, '2026-01-15 03:04:33.452815+00', 'sync made', 'operator', '{"step": "sync_trigger", "place": {"system": "7713794298634458576", "database": 26383}, "state": "active", "attempt": 1, "new_side": [], "relation": 26384, "triggers": {"public.people": "641692fb57452cdf03015623e481d2cc"}, "functions": [{"hash": "12411ba59624180847c48eedf81fc92c", "name": "expandcontract_sync.\"0001_people_forward\"(character varying)"}, {"hash": "9c14d7a2bd34e7348d9113912d65249a", "name": "expandcontract_sync.\"0001_people_back\"(text)"}, {"hash": "c365ce18dec6948c9885a04c82de1701", "name": "expandcontract_sync.\"~ec_0001_people\"()"}]}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (8, 1, '2026-01-15 03:04:33.481727+00', 'locked', 'operator', '{"mode": "SHARE ROW EXCLUSIVE", "step": "sync_trigger", "tries": 1, "held_by": [], "section": "dual_write", "relations": ["public.people"], "felt_seconds": 0.0761, "held_seconds": 0.0759}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (9, 1, '2026-01-15 03:04:33.490474+00', 'phase', 'operator', '{"phase": "dual_write", "status": "done", "attempt": 1}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (10, 1, '2026-01-15 03:04:34.836458+00', 'began', 'operator', '{"pid": 4319, "host": "somewhere", "verb": "backfill", "server": "18.4", "program": "0.1.0"}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (11, 1, '2026-01-15 03:04:34.892748+00', 'phase', 'operator', '{"phase": "backfill", "status": "running", "attempt": 1}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (12, 1, '2026-01-15 03:04:35.365588+00', 'copy laid', 'operator', '{"bound": {"leaves": [{"oid": 26384, "name": "public.people", "columns": [{"name": "name", "xmin": "2008"}, {"name": "~ec_new_name", "xmin": "2036"}], "filenode": 26384, "triggers": [{"oid": 26918, "name": "~ec_0001_people", "xmin": "2040", "enabled": "A"}]}], "system": "7713794298634458576", "database": 26383, "functions": [{"oid": 26915, "hash": "12411ba59624180847c48eedf81fc92c", "name": "expandcontract_sync.\"0001_people_forward\"(character varying)"}, {"oid": 26916, "hash": "9c14d7a2bd34e7348d9113912d65249a", "name": "expandcontract_sync.\"0001_people_back\"(text)"}, {"oid": 26917, "hash": "c365ce18dec6948c9885a04c82de1701", "name": "expandcontract_sync.\"~ec_0001_people\"()"}]}, "round": 1, "attempt": 1}');
INSERT INTO expandcontract.lease VALUES ('9122225e-6320-4f5c-9cc8-cfd0e22e2a24', 1, false, 'backfill', 'somewhere', 4319, 4320, '2026-01-15 03:04:34.081844+00', 26383, 'operator', '2026-01-15 03:04:34.74219+00', '2026-01-15 03:04:44.742086+00');
INSERT INTO expandcontract.phase VALUES (1, 1, 'verify', 'pending', NULL, NULL, NULL);
INSERT INTO expandcontract.phase VALUES (1, 1, 'contract', 'pending', NULL, NULL, NULL);
INSERT INTO expandcontract.phase VALUES (1, 1, 'expand', 'done', '2026-01-15 03:04:32.932886+00', '2026-01-15 03:04:33.13455+00', NULL);
INSERT INTO expandcontract.phase VALUES (1, 1, 'dual_write', 'done', '2026-01-15 03:04:33.361834+00', '2026-01-15 03:04:33.481591+00', NULL);
INSERT INTO expandcontract.phase VALUES (1, 1, 'backfill', 'running', '2026-01-15 03:04:34.885991+00', NULL, NULL);
INSERT INTO expandcontract.schema_version VALUES (1, 'tables', '2026-01-15 03:04:31.078409+00');
INSERT INTO expandcontract.schema_version VALUES (2, 'bound_state', '2026-01-15 03:04:31.096589+00');
INSERT INTO expandcontract.schema_version VALUES (3, 'guards', '2026-01-15 03:04:31.150571+00');
INSERT INTO expandcontract.schema_version VALUES (4, 'application', '2026-01-15 03:04:31.166644+00');
INSERT INTO expandcontract.schema_version VALUES (5, 'status', '2026-01-15 03:04:31.220628+00');
INSERT INTO expandcontract.schema_version VALUES (6, 'proof_coverage', '2026-01-15 03:04:31.242154+00');
INSERT INTO expandcontract.schema_version VALUES (7, 'walk', '2026-01-15 03:04:31.316448+00');
INSERT INTO expandcontract.schema_version VALUES (8, 'watch', '2026-01-15 03:04:31.367513+00');
INSERT INTO expandcontract.step VALUES (1, 1, 0, 'expand', 'add_column', '627da2f01ad482c329542a1430ed5bbe3c0de218aeef9d1d5fce04f9f5a95b61', 'done', 1, '2026-01-15 03:04:33.001209+00', '2026-01-15 03:04:33.046249+00', 0.04503913200005627, NULL);
INSERT INTO expandcontract.step VALUES (1, 1, 0, 'dual_write', 'sync_trigger', '5f5d2cdc8605b58692c620e980f6741c9d968a1824e3d90470780685a869dd0e', 'done', 1, '2026-01-15 03:04:33.383222+00', '2026-01-15 03:04:33.461573+00', 0.07834976600020127, NULL);
INSERT INTO expandcontract.step VALUES (1, 1, 0, 'backfill', 'copy', 'ca49f2522f502a038c825e38769593a7f5cda9097463e7ff8212d130cc9cad0d', 'done', 1, '2026-01-15 03:04:34.878652+00', '2026-01-15 03:04:36.019858+00', 1.1412054480001643, NULL);
INSERT INTO expandcontract.walk VALUES (1, 1, 'copy', 1, 1, 1, 1, 1, 60, 60, 0, 0, '2026-01-15 03:04:35.616597+00', '2026-01-15 03:04:35.781885+00', '2026-01-15 03:04:35.847119+00', 0, NULL, NULL, NULL);
INSERT INTO expandcontract.watch VALUES (1, 1, 'absent', '2026-01-15 03:04:33.723383+00', '2026-01-15 03:04:33.723383+00', false, NULL, 0, 0, NULL);
SELECT pg_catalog.setval('expandcontract.change_id_seq', 1, true);
SELECT pg_catalog.setval('expandcontract.chunk_id_seq', 1, true);
SELECT pg_catalog.setval('expandcontract.conflict_id_seq', 1, false);
SELECT pg_catalog.setval('expandcontract.event_id_seq', 12, true);
SELECT pg_catalog.setval('expandcontract.proof_id_seq', 1, false);
SELECT pg_catalog.setval('expandcontract.waiver_id_seq', 1, false);
