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
CREATE FUNCTION expandcontract_sync."~ek_0001_people"() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_column
BEGIN
    IF TG_OP = 'INSERT' AND NEW."~ec_name" IS NOT NULL AND (NEW.name IS NOT DISTINCT FROM ('nobody'::text)::text) THEN
        -- An INSERT without a list of columns means the new side, and reached the hidden one.
        NEW.name := expandcontract_sync."0001_people_forward"(NEW."~ec_name");
    ELSIF TG_OP = 'INSERT' OR NOT (NEW.name IS NOT DISTINCT FROM OLD.name) THEN
        BEGIN
            NEW."~ec_name" := expandcontract_sync."0001_people_back"(NEW.name);
            IF NEW."~ec_name" IS NULL AND NEW.name IS NOT NULL THEN
                PERFORM expandcontract_sync.note_conflict('0001_people', 'not held by the hidden side', pg_catalog.jsonb_build_object('id', NEW.id)::text, NULL, pg_catalog.format('%s', NEW.name), current_user, 'undo would lose it');
            END IF;
            IF NOT coalesce((SELECT ((length((name)::text) > 0)) FROM (SELECT NEW."~ec_name" AS name) AS held), true) THEN
                PERFORM expandcontract_sync.note_conflict('0001_people', 'not held by the hidden side', pg_catalog.jsonb_build_object('id', NEW.id)::text, pg_catalog.format('%s', NEW."~ec_name"), pg_catalog.format('%s', NEW.name), current_user, 'a CHECK of the old side refuses it');
            END IF;
        EXCEPTION WHEN OTHERS THEN
            NEW."~ec_name" := NULL;
            PERFORM expandcontract_sync.note_conflict('0001_people', 'not held by the hidden side', pg_catalog.jsonb_build_object('id', NEW.id)::text, NULL, pg_catalog.format('%s', NEW.name), current_user, 'undo would lose it');
        END;
    END IF;
    RETURN NEW;
END
$$;
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE public.people (
    id integer NOT NULL,
    "~ec_name" character varying(40),
    number integer,
    pad text DEFAULT ''::text,
    name text DEFAULT 'nobody'::text NOT NULL,
    CONSTRAINT people_name_check CHECK ((length(name) > 0))
);
COMMENT ON COLUMN public.people."~ec_name" IS 'what they are called';
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
CREATE INDEX "ix_people_~ec_name" ON public.people USING btree ("~ec_name");
CREATE UNIQUE INDEX people_name_id ON public.people USING btree (name, id);
CREATE TRIGGER "~ec_0001_people" BEFORE INSERT OR UPDATE ON public.people FOR EACH ROW WHEN ((NOT (((new.name IS NOT NULL) AND (new."~ec_name" IS NOT NULL) AND (NOT ((new."~ec_name")::text IS DISTINCT FROM (expandcontract_sync."0001_people_back"(new.name))::text))) OR ((new.name IS NULL) AND (new."~ec_name" IS NULL) AND (NOT (new.name IS DISTINCT FROM expandcontract_sync."0001_people_forward"(new."~ec_name"))))))) EXECUTE FUNCTION expandcontract_sync."~ek_0001_people"();
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
INSERT INTO expandcontract.change OVERRIDING SYSTEM VALUE VALUES (1, '0001_people', 'change-type', '{"swap": true, "type": "text", "column": "people.name"}', :plan, '10036d6167d1', 'hidden', 1, 0, 28008, 'public', 'people', '{name,~ec_new_name}', 120, 'operator', 'somewhere', '0.1.0', 7713794298634458576, 28007, '2026-01-15 03:04:55.950293+00', '2026-01-15 03:05:04.746677+00', NULL);
INSERT INTO expandcontract.chunk OVERRIDING SYSTEM VALUE VALUES (2, 1, 1, 'compare', 1, 28008, 'public.people', 28008, 0, 1, 1, 60, 0, 0, 0, '[]', 'done', NULL, NULL, 'somewhere:4686/0', 1, 1, NULL, NULL, '2026-01-15 03:05:01.657925+00', '2026-01-15 03:05:01.742049+00');
INSERT INTO expandcontract.chunk OVERRIDING SYSTEM VALUE VALUES (1, 1, 1, 'copy', 1, 28008, 'public.people', 28008, 0, 1, 1, 60, 60, 0, 0, '[]', 'done', NULL, NULL, 'somewhere:4686/0', 1, 20, NULL, NULL, '2026-01-15 03:04:59.101691+00', '2026-01-15 03:04:59.278261+00');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (1, 1, '2026-01-15 03:04:55.983238+00', 'created', 'operator', '{"host": "somewhere", "fingerprint": "10036d6167d1", "program_version": "0.1.0"}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (2, 1, '2026-01-15 03:04:56.384538+00', 'began', 'operator', '{"pid": 4641, "host": "somewhere", "verb": "start", "server": "18.4", "program": "0.1.0"}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (3, 1, '2026-01-15 03:04:56.6673+00', 'phase', 'operator', '{"phase": "expand", "status": "running", "attempt": 1}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (4, 1, '2026-01-15 03:04:56.781942+00', 'locked', 'operator', '{"mode": "ACCESS EXCLUSIVE", "step": "add_column", "tries": 1, "held_by": [], "section": "expand", "relations": ["public.people"], "felt_seconds": 0.049, "held_seconds": 0.0469}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (5, 1, '2026-01-15 03:04:56.82424+00', 'phase', 'operator', '{"phase": "expand", "status": "done", "attempt": 1}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (6, 1, '2026-01-15 03:04:57.051019+00', 'phase', 'operator', '{"phase": "dual_write", "status": "running", "attempt": 1}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (7, 1, '2026-01-15 03:04:57.219858+00', 'sync made', 'operator', '{"step": "sync_trigger", "place": {"system": "7713794298634458576", "database": 28007}, "state": "active", "attempt": 1, "new_side": [], "relation": 28008, "triggers": {"public.people": "f80e494070f6877ed69105de8e1f1a30"}, "functions": [{"hash": "12411ba59624180847c48eedf81fc92c", "name": "expandcontract_sync.\"0001_people_forward\"(character varying)"}, {"hash": "9c14d7a2bd34e7348d9113912d65249a", "name": "expandcontract_sync.\"0001_people_back\"(text)"}, {"hash": "c365ce18dec6948c9885a04c82de1701", "name": "expandcontract_sync.\"~ec_0001_people\"()"}]}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (8, 1, '2026-01-15 03:04:57.240614+00', 'locked', 'operator', '{"mode": "SHARE ROW EXCLUSIVE", "step": "sync_trigger", "tries": 1, "held_by": [], "section": "dual_write", "relations": ["public.people"], "felt_seconds": 0.0943, "held_seconds": 0.0881}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (9, 1, '2026-01-15 03:04:57.245496+00', 'phase', 'operator', '{"phase": "dual_write", "status": "done", "attempt": 1}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (10, 1, '2026-01-15 03:04:58.499081+00', 'began', 'operator', '{"pid": 4686, "host": "somewhere", "verb": "backfill", "server": "18.4", "program": "0.1.0"}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (11, 1, '2026-01-15 03:04:58.549786+00', 'phase', 'operator', '{"phase": "backfill", "status": "running", "attempt": 1}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (12, 1, '2026-01-15 03:04:58.887609+00', 'copy laid', 'operator', '{"bound": {"leaves": [{"oid": 28008, "name": "public.people", "columns": [{"name": "name", "xmin": "2287"}, {"name": "~ec_new_name", "xmin": "2315"}], "filenode": 28008, "triggers": [{"oid": 28542, "name": "~ec_0001_people", "xmin": "2319", "enabled": "A"}]}], "system": "7713794298634458576", "database": 28007, "functions": [{"oid": 28539, "hash": "12411ba59624180847c48eedf81fc92c", "name": "expandcontract_sync.\"0001_people_forward\"(character varying)"}, {"oid": 28540, "hash": "9c14d7a2bd34e7348d9113912d65249a", "name": "expandcontract_sync.\"0001_people_back\"(text)"}, {"oid": 28541, "hash": "c365ce18dec6948c9885a04c82de1701", "name": "expandcontract_sync.\"~ec_0001_people\"()"}]}, "round": 1, "attempt": 1}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (13, 1, '2026-01-15 03:05:00.225428+00', 'locked', 'operator', '{"mode": "ACCESS EXCLUSIVE", "step": "check:people_name_check", "tries": 1, "held_by": [], "section": "backfill", "relations": ["public.people"], "felt_seconds": 0.0243, "held_seconds": 0.0223}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (14, 1, '2026-01-15 03:05:00.307148+00', 'locked', 'operator', '{"mode": "ACCESS EXCLUSIVE", "step": "not_null:~ec_new_name", "tries": 1, "held_by": [], "section": "backfill", "relations": ["public.people"], "felt_seconds": 0.0219, "held_seconds": 0.0215}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (15, 1, '2026-01-15 03:05:00.601947+00', 'locked', 'operator', '{"mode": "ACCESS EXCLUSIVE", "step": "index:people_name_id:finish", "tries": 1, "held_by": [], "section": "backfill", "relations": ["public.people"], "felt_seconds": 0.0177, "held_seconds": 0.017}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (16, 1, '2026-01-15 03:05:00.665605+00', 'locked', 'operator', '{"mode": "SHARE UPDATE EXCLUSIVE", "step": "comment", "tries": 1, "held_by": [], "section": "backfill", "relations": ["public.people"], "felt_seconds": 0.0, "held_seconds": 0.0222}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (17, 1, '2026-01-15 03:05:00.750643+00', 'sync made', 'operator', '{"step": "ready", "place": {"system": "7713794298634458576", "database": 28007}, "state": "active", "attempt": 1, "new_side": [["constraint", "people_~ec_new_name_check"], ["constraint", "people_~ec_new_name_id"], ["default", ""], ["index", "ix_people_~ec_new_name"], ["not null", ""]], "relation": 28008, "triggers": {"public.people": "f80e494070f6877ed69105de8e1f1a30"}, "functions": [{"hash": "12411ba59624180847c48eedf81fc92c", "name": "expandcontract_sync.\"0001_people_forward\"(character varying)"}, {"hash": "9c14d7a2bd34e7348d9113912d65249a", "name": "expandcontract_sync.\"0001_people_back\"(text)"}, {"hash": "299713adcadca1abe2c93adf378130f2", "name": "expandcontract_sync.\"~ec_0001_people\"()"}]}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (18, 1, '2026-01-15 03:05:00.781271+00', 'locked', 'operator', '{"mode": "ACCESS EXCLUSIVE", "step": "ready", "tries": 1, "held_by": [], "section": "backfill", "relations": ["public.people"], "felt_seconds": 0.093, "held_seconds": 0.0925}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (19, 1, '2026-01-15 03:05:00.815287+00', 'phase', 'operator', '{"phase": "backfill", "status": "done", "attempt": 1}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (20, 1, '2026-01-15 03:05:01.443715+00', 'phase', 'operator', '{"phase": "verify", "status": "running", "attempt": 1}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (21, 1, '2026-01-15 03:05:01.564111+00', 'compare laid', 'postgres', '{"round": 1, "blocks": 1, "attempt": 1}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (22, 1, '2026-01-15 03:05:01.922761+00', 'phase', 'operator', '{"phase": "verify", "status": "done", "attempt": 1}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (23, 1, '2026-01-15 03:05:03.098945+00', 'acknowledged', 'operator', '{"why": "nobody writes", "gate": "new-code-seen"}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (24, 1, '2026-01-15 03:05:03.807515+00', 'began', 'operator', '{"pid": 4747, "host": "somewhere", "verb": "contract", "server": "18.4", "program": "0.1.0"}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (25, 1, '2026-01-15 03:05:04.215583+00', 'gates open', 'operator', '{"gates": [{"gate": "backfilled", "hard": true, "next": "", "open": true, "reason": "Every row is copied and the new side is settled.", "waived_by": null}, {"gate": "verified", "hard": true, "next": "", "open": true, "reason": "60 rows compared, 0 mismatches. Holds until 2026-12-07 03:05.", "waived_by": null}, {"gate": "sync-intact", "hard": true, "next": "", "open": true, "reason": "Every write keeps both sides in sync.", "waived_by": null}, {"gate": "leaves-covered", "hard": true, "next": "", "open": true, "reason": "The table is covered by trigger and backfill.", "waived_by": null}, {"gate": "dependents-clear", "hard": true, "next": "", "open": true, "reason": "Nothing in the database depends on name.", "waived_by": null}, {"gate": "no-conflicts", "hard": true, "next": "", "open": true, "reason": "Each side holds every value of the other.", "waived_by": null}, {"gate": "replicas-caught-up", "hard": false, "next": "", "open": true, "reason": "No standby streams from this server, and no slot waits for one.", "waived_by": null}, {"gate": "soak", "hard": false, "next": "", "open": true, "reason": "No soak time is asked for.", "waived_by": null}]}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (26, 1, '2026-01-15 03:05:04.324008+00', 'phase', 'operator', '{"phase": "contract", "status": "running", "attempt": 1}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (27, 1, '2026-01-15 03:05:04.762653+00', 'state', 'operator', '{"state": "hidden"}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (28, 1, '2026-01-15 03:05:04.821676+00', 'sync made', 'operator', '{"kept": {"leaves": [{"oid": 28008, "name": "public.people", "filenode": 28008, "triggers": [{"oid": 28552, "name": "~ec_0001_people", "xmin": "2401", "enabled": "A"}]}], "system": "7713794298634458576", "database": 28007, "functions": [{"oid": 28539, "hash": "12411ba59624180847c48eedf81fc92c", "name": "expandcontract_sync.\"0001_people_forward\"(character varying)"}, {"oid": 28540, "hash": "9c14d7a2bd34e7348d9113912d65249a", "name": "expandcontract_sync.\"0001_people_back\"(text)"}]}, "step": "hide", "place": {"system": "7713794298634458576", "database": 28007}, "state": "hidden", "attempt": 1, "new_side": [], "relation": 28008, "triggers": {"public.people": "77435fad3a225746091ce0036d8fd9cd"}, "functions": [{"hash": "12411ba59624180847c48eedf81fc92c", "name": "expandcontract_sync.\"0001_people_forward\"(character varying)"}, {"hash": "9c14d7a2bd34e7348d9113912d65249a", "name": "expandcontract_sync.\"0001_people_back\"(text)"}, {"hash": "4c973a220c7dfa0f08dd0974c810c0ac", "name": "expandcontract_sync.\"~ek_0001_people\"()"}]}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (29, 1, '2026-01-15 03:05:04.854087+00', 'phase', 'operator', '{"phase": "contract", "status": "done", "attempt": 1}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (30, 1, '2026-01-15 03:05:04.873841+00', 'locked', 'operator', '{"mode": "ACCESS EXCLUSIVE", "step": "hide", "tries": 1, "held_by": [], "section": "contract", "relations": ["public.people"], "felt_seconds": 0.1344, "held_seconds": 0.1323}');
INSERT INTO expandcontract.phase VALUES (1, 1, 'expand', 'done', '2026-01-15 03:04:56.659032+00', '2026-01-15 03:04:56.80602+00', NULL);
INSERT INTO expandcontract.phase VALUES (1, 1, 'dual_write', 'done', '2026-01-15 03:04:57.04795+00', '2026-01-15 03:04:57.240261+00', NULL);
INSERT INTO expandcontract.phase VALUES (1, 1, 'backfill', 'done', '2026-01-15 03:04:58.53961+00', '2026-01-15 03:05:00.806294+00', NULL);
INSERT INTO expandcontract.phase VALUES (1, 1, 'verify', 'done', '2026-01-15 03:05:01.430445+00', '2026-01-15 03:05:01.916053+00', NULL);
INSERT INTO expandcontract.phase VALUES (1, 1, 'contract', 'done', '2026-01-15 03:05:04.313527+00', '2026-01-15 03:05:04.840758+00', NULL);
INSERT INTO expandcontract.proof OVERRIDING SYSTEM VALUE VALUES (1, 1, 1, 0, 1, '{"leaves": [{"oid": 28008, "name": "public.people", "columns": [{"name": "name", "xmin": "2287"}, {"name": "~ec_new_name", "xmin": "2374"}], "filenode": 28008, "triggers": [{"oid": 28542, "name": "~ec_0001_people", "xmin": "2319", "enabled": "A"}]}], "system": "7713794298634458576", "database": 28007, "functions": [{"oid": 28539, "hash": "12411ba59624180847c48eedf81fc92c", "name": "expandcontract_sync.\"0001_people_forward\"(character varying)"}, {"oid": 28540, "hash": "9c14d7a2bd34e7348d9113912d65249a", "name": "expandcontract_sync.\"0001_people_back\"(text)"}, {"oid": 28541, "hash": "299713adcadca1abe2c93adf378130f2", "name": "expandcontract_sync.\"~ec_0001_people\"()"}]}', '2026-01-15 03:05:01.519722+00', '2026-01-15 03:05:01.497744+00', '2026-01-15 03:05:01.879589+00', 60, 0, 0, NULL, NULL);
INSERT INTO expandcontract.schema_version VALUES (1, 'tables', '2026-01-15 03:04:54.775265+00');
INSERT INTO expandcontract.schema_version VALUES (2, 'bound_state', '2026-01-15 03:04:54.794906+00');
INSERT INTO expandcontract.schema_version VALUES (3, 'guards', '2026-01-15 03:04:54.824644+00');
INSERT INTO expandcontract.schema_version VALUES (4, 'application', '2026-01-15 03:04:54.826628+00');
INSERT INTO expandcontract.schema_version VALUES (5, 'status', '2026-01-15 03:04:54.853882+00');
INSERT INTO expandcontract.schema_version VALUES (6, 'proof_coverage', '2026-01-15 03:04:54.871856+00');
INSERT INTO expandcontract.schema_version VALUES (7, 'walk', '2026-01-15 03:04:54.927916+00');
INSERT INTO expandcontract.schema_version VALUES (8, 'watch', '2026-01-15 03:04:54.974728+00');
INSERT INTO expandcontract.step VALUES (1, 1, 0, 'expand', 'add_column', '627da2f01ad482c329542a1430ed5bbe3c0de218aeef9d1d5fce04f9f5a95b61', 'done', 1, '2026-01-15 03:04:56.731892+00', '2026-01-15 03:04:56.764251+00', 0.03235777299983056, NULL);
INSERT INTO expandcontract.step VALUES (1, 1, 0, 'dual_write', 'sync_trigger', '5f5d2cdc8605b58692c620e980f6741c9d968a1824e3d90470780685a869dd0e', 'done', 1, '2026-01-15 03:04:57.067722+00', '2026-01-15 03:04:57.223752+00', 0.1560290959998838, NULL);
INSERT INTO expandcontract.step VALUES (1, 1, 0, 'backfill', 'copy', 'ca49f2522f502a038c825e38769593a7f5cda9097463e7ff8212d130cc9cad0d', 'done', 1, '2026-01-15 03:04:58.528067+00', '2026-01-15 03:04:59.500829+00', 0.9727611050000178, NULL);
INSERT INTO expandcontract.step VALUES (1, 1, 0, 'backfill', 'check:people_name_check', '871e5229d9c022d8f8247f799e028660a6be36b7041ab71206076526ca5e1462', 'done', 1, '2026-01-15 03:05:00.170648+00', '2026-01-15 03:05:00.205299+00', 0.034649589999844466, NULL);
INSERT INTO expandcontract.step VALUES (1, 1, 0, 'backfill', 'check:people_name_check:validate', 'b85ae319e50401f3c4303237dfd4f4ffbf8f4a0bb01af6a74f5f1fa60951d6fa', 'done', 1, '2026-01-15 03:05:00.21465+00', '2026-01-15 03:05:00.23399+00', 0.019338870999945357, NULL);
INSERT INTO expandcontract.step VALUES (1, 1, 0, 'backfill', 'not_null:~ec_new_name', '40fde82fcc8c2408f1c4a713c8835d62f5886bea56f74287eaa1e8ef5b6bc597', 'done', 1, '2026-01-15 03:05:00.252574+00', '2026-01-15 03:05:00.286611+00', 0.03403594199994586, NULL);
INSERT INTO expandcontract.step VALUES (1, 1, 0, 'backfill', 'not_null:~ec_new_name:validate', '117b86f7d1f4899d417b98681fa86eced1ec7a1ada807019ed37ce2c3d9e41f7', 'done', 1, '2026-01-15 03:05:00.295992+00', '2026-01-15 03:05:00.313145+00', 0.01715166200006024, NULL);
INSERT INTO expandcontract.step VALUES (1, 1, 0, 'backfill', 'index:ix_people_name', '3264330e852bc5141529ce0d2343e32066e155aef8bc86345afba66407165326', 'done', 1, '2026-01-15 03:05:00.336959+00', '2026-01-15 03:05:00.433885+00', 0.10153420000006008, NULL);
INSERT INTO expandcontract.step VALUES (1, 1, 0, 'backfill', 'index:people_name_id', '03a0f7a331d51bec004f72be4aa5dd2222ab17bdf17cadae7008e6e9ddd70ab1', 'done', 1, '2026-01-15 03:05:00.459424+00', '2026-01-15 03:05:00.540493+00', 0.09177689600005579, NULL);
INSERT INTO expandcontract.step VALUES (1, 1, 0, 'backfill', 'index:people_name_id:finish', '7fffb7a3cddde354fcc2bdc339aca461fd758b642963985d47cc1487d911d190', 'done', 1, '2026-01-15 03:05:00.551808+00', '2026-01-15 03:05:00.581927+00', 0.030118060000177138, NULL);
INSERT INTO expandcontract.step VALUES (1, 1, 0, 'backfill', 'statistics', '710e1be8b482663373108e9432fc3fe36cf91e3a35cab9668add64edf23e97be', 'done', 1, '2026-01-15 03:05:00.598719+00', '2026-01-15 03:05:00.618384+00', 0.01966354000001047, NULL);
INSERT INTO expandcontract.step VALUES (1, 1, 0, 'backfill', 'comment', 'e1fb9e09ffc804c2edee15c4ba1ccc1fefabcc610783f87c033f09bfa75fb0b3', 'done', 1, '2026-01-15 03:05:00.627769+00', '2026-01-15 03:05:00.641122+00', 0.013352242000109982, NULL);
INSERT INTO expandcontract.step VALUES (1, 1, 0, 'backfill', 'ready', 'c5467cfe009ec5df922cd99644dd7bad87454fc7df302e22bdb0e4395bf6588f', 'done', 1, '2026-01-15 03:05:00.664775+00', '2026-01-15 03:05:00.766754+00', 0.10197938999999678, NULL);
INSERT INTO expandcontract.step VALUES (1, 1, 0, 'verify', 'compare', 'f8deec6e10faf71ca7b48f7c017d2756750625bdefb9e1c76232c6f7646a7d91', 'done', 1, '2026-01-15 03:05:01.410795+00', '2026-01-15 03:05:01.894813+00', 0.4840166600001794, NULL);
INSERT INTO expandcontract.step VALUES (1, 1, 0, 'contract', 'index:people_name_id:plain', 'c5fb82a9b751d3226f0c64b6da22e370cb267b21afdc3cea48b8f38a61cb4dfd', 'done', 1, '2026-01-15 03:05:04.383012+00', '2026-01-15 03:05:04.500064+00', 0.12922862300001725, NULL);
INSERT INTO expandcontract.step VALUES (1, 1, 0, 'contract', 'hide', '74bf2d50b02d735faf5498cbfc3dd2c8299ac2eb6c64e3dda99f472fa2568231', 'done', 1, '2026-01-15 03:05:04.514318+00', '2026-01-15 03:05:04.834726+00', 0.32040703100005885, NULL);
INSERT INTO expandcontract.waiver OVERRIDING SYSTEM VALUE VALUES (1, 1, 'new-code-seen', 'operator', 'nobody writes', 'attempt 1, cycle 0: not seen', '2026-01-15 03:05:03.076007+00');
INSERT INTO expandcontract.walk VALUES (1, 1, 'copy', 1, 1, 1, 1, 1, 60, 60, 0, 0, '2026-01-15 03:04:59.101691+00', '2026-01-15 03:04:59.278261+00', '2026-01-15 03:04:59.372956+00', 0, NULL, NULL, NULL);
INSERT INTO expandcontract.walk VALUES (1, 1, 'compare', 1, 1, 1, 1, 1, 60, 0, 0, 0, '2026-01-15 03:05:01.657925+00', '2026-01-15 03:05:01.742049+00', '2026-01-15 03:05:01.792871+00', 0, NULL, NULL, NULL);
INSERT INTO expandcontract.watch VALUES (1, 1, 'absent', '2026-01-15 03:05:02.276239+00', '2026-01-15 03:05:02.276239+00', false, NULL, 0, 0, 146730480);
SELECT pg_catalog.setval('expandcontract.change_id_seq', 1, true);
SELECT pg_catalog.setval('expandcontract.chunk_id_seq', 2, true);
SELECT pg_catalog.setval('expandcontract.conflict_id_seq', 1, false);
SELECT pg_catalog.setval('expandcontract.event_id_seq', 30, true);
SELECT pg_catalog.setval('expandcontract.proof_id_seq', 1, true);
SELECT pg_catalog.setval('expandcontract.waiver_id_seq', 1, true);
