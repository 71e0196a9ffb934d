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
INSERT INTO public.people VALUES (1, 'name 1', 1, '', NULL);
INSERT INTO public.people VALUES (2, 'name 2', 2, '', NULL);
INSERT INTO public.people VALUES (3, 'name 3', 3, '', NULL);
INSERT INTO public.people VALUES (4, 'name 4', 4, '', NULL);
INSERT INTO public.people VALUES (5, 'name 5', 5, '', NULL);
INSERT INTO public.people VALUES (6, 'name 6', 6, '', NULL);
INSERT INTO public.people VALUES (7, 'name 7', 7, '', NULL);
INSERT INTO public.people VALUES (8, 'name 8', 8, '', NULL);
INSERT INTO public.people VALUES (9, 'name 9', 9, '', NULL);
INSERT INTO public.people VALUES (10, 'name 10', 10, '', NULL);
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
ALTER TABLE ONLY public.people
    ADD CONSTRAINT people_number_key UNIQUE (number);
ALTER TABLE ONLY public.people
    ADD CONSTRAINT people_pkey PRIMARY KEY (id);
CREATE INDEX ix_people_name ON public.people USING btree (name);
CREATE UNIQUE INDEX people_name_id ON public.people USING btree (name, id);
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
INSERT INTO expandcontract.change OVERRIDING SYSTEM VALUE VALUES (1, '0001_people', 'change-type', '{"swap": true, "type": "text", "column": "people.name"}', :plan, '10036d6167d1', 'active', 1, 0, 24780, 'public', 'people', '{name,~ec_new_name}', NULL, 'operator', 'somewhere', '0.1.0', 7713794298634458576, 24779, '2026-01-15 03:04:18.727431+00', NULL, NULL);
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (1, 1, '2026-01-15 03:04:18.776631+00', 'created', 'operator', '{"host": "somewhere", "fingerprint": "10036d6167d1", "program_version": "0.1.0"}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (2, 1, '2026-01-15 03:04:19.144521+00', 'began', 'operator', '{"pid": 4103, "host": "somewhere", "verb": "start", "server": "18.4", "program": "0.1.0"}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (3, 1, '2026-01-15 03:04:19.433603+00', 'phase', 'operator', '{"phase": "expand", "status": "running", "attempt": 1}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (4, 1, '2026-01-15 03:04:19.609583+00', 'locked', 'operator', '{"mode": "ACCESS EXCLUSIVE", "step": "add_column", "tries": 1, "held_by": [], "section": "expand", "relations": ["public.people"], "felt_seconds": 0.0487, "held_seconds": 0.0478}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (5, 1, '2026-01-15 03:04:19.634485+00', 'phase', 'operator', '{"phase": "expand", "status": "done", "attempt": 1}');
INSERT INTO expandcontract.lease VALUES ('1425f106-91d8-4cc1-8e70-77ac9fc02a54', 1, true, 'start', 'somewhere', 4103, 4104, '2026-01-15 03:04:17.735081+00', 24779, 'operator', '2026-01-15 03:04:19.103539+00', '2026-01-15 03:04:29.103465+00');
INSERT INTO expandcontract.phase VALUES (1, 1, 'dual_write', 'pending', NULL, NULL, NULL);
INSERT INTO expandcontract.phase VALUES (1, 1, 'backfill', 'pending', NULL, NULL, NULL);
INSERT INTO expandcontract.phase VALUES (1, 1, 'verify', 'pending', NULL, NULL, NULL);
INSERT INTO expandcontract.phase VALUES (1, 1, 'contract', 'pending', NULL, NULL, NULL);
INSERT INTO expandcontract.phase VALUES (1, 1, 'expand', 'done', '2026-01-15 03:04:19.423915+00', '2026-01-15 03:04:19.621627+00', NULL);
INSERT INTO expandcontract.schema_version VALUES (1, 'tables', '2026-01-15 03:04:17.437572+00');
INSERT INTO expandcontract.schema_version VALUES (2, 'bound_state', '2026-01-15 03:04:17.460288+00');
INSERT INTO expandcontract.schema_version VALUES (3, 'guards', '2026-01-15 03:04:17.520917+00');
INSERT INTO expandcontract.schema_version VALUES (4, 'application', '2026-01-15 03:04:17.526887+00');
INSERT INTO expandcontract.schema_version VALUES (5, 'status', '2026-01-15 03:04:17.571247+00');
INSERT INTO expandcontract.schema_version VALUES (6, 'proof_coverage', '2026-01-15 03:04:17.582231+00');
INSERT INTO expandcontract.schema_version VALUES (7, 'walk', '2026-01-15 03:04:17.63901+00');
INSERT INTO expandcontract.schema_version VALUES (8, 'watch', '2026-01-15 03:04:17.665435+00');
INSERT INTO expandcontract.step VALUES (1, 1, 0, 'expand', 'add_column', '627da2f01ad482c329542a1430ed5bbe3c0de218aeef9d1d5fce04f9f5a95b61', 'done', 1, '2026-01-15 03:04:19.501992+00', '2026-01-15 03:04:19.562459+00', 0.06046561500011194, NULL);
SELECT pg_catalog.setval('expandcontract.change_id_seq', 1, true);
SELECT pg_catalog.setval('expandcontract.chunk_id_seq', 1, false);
SELECT pg_catalog.setval('expandcontract.conflict_id_seq', 1, false);
SELECT pg_catalog.setval('expandcontract.event_id_seq', 5, true);
SELECT pg_catalog.setval('expandcontract.proof_id_seq', 1, false);
SELECT pg_catalog.setval('expandcontract.waiver_id_seq', 1, false);
