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
CREATE FUNCTION expandcontract_sync."~ek_0001_people"() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF TG_OP = 'INSERT' AND NEW."~ec_name" IS NOT NULL AND (NEW.display_name IS NOT DISTINCT FROM ('nobody'::character varying)::character varying(40)) THEN
        -- An INSERT without a list of columns means the new side, and reached the hidden one.
        NEW.display_name := NEW."~ec_name";
    ELSIF TG_OP = 'INSERT' OR NOT (NEW.display_name IS NOT DISTINCT FROM OLD.display_name) THEN
        NEW."~ec_name" := NEW.display_name;
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
    display_name character varying(40) DEFAULT 'nobody'::character varying NOT NULL,
    CONSTRAINT people_display_name_check CHECK ((length((display_name)::text) > 0)),
    CONSTRAINT people_name_check CHECK ((length(("~ec_name")::text) > 0))
);
COMMENT ON COLUMN public.people."~ec_name" IS 'what they are called';
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
    ADD CONSTRAINT people_number_key UNIQUE (number);
ALTER TABLE ONLY public.people
    ADD CONSTRAINT people_pkey PRIMARY KEY (id);
CREATE INDEX ix_people_display_name ON public.people USING btree (display_name);
CREATE INDEX ix_people_name ON public.people USING btree ("~ec_name");
CREATE UNIQUE INDEX people_display_name_id ON public.people USING btree (display_name, id);
CREATE TRIGGER "~ec_0001_people" BEFORE INSERT OR UPDATE ON public.people FOR EACH ROW WHEN ((NOT (NOT ((new.display_name)::text IS DISTINCT FROM (new."~ec_name")::text)))) EXECUTE FUNCTION expandcontract_sync."~ek_0001_people"();
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
INSERT INTO expandcontract.change OVERRIDING SYSTEM VALUE VALUES (1, '0001_people', 'rename-column', '{"column": "people.name", "new_name": "display_name"}', :plan, 'f25932d0dd32', 'hidden', 1, 0, 19481, 'public', 'people', '{display_name,name}', 120, 'operator', 'somewhere', '0.1.0', 7713794298634458576, 19480, '2026-01-15 03:02:27.598697+00', '2026-01-15 03:02:41.125038+00', NULL);
INSERT INTO expandcontract.chunk OVERRIDING SYSTEM VALUE VALUES (2, 1, 1, 'compare', 1, 19481, 'public.people', 19481, 0, 1, 1, 60, 0, 0, 0, '[]', 'done', NULL, NULL, 'somewhere:2261/0', 1, 1, NULL, NULL, '2026-01-15 03:02:36.242689+00', '2026-01-15 03:02:36.374305+00');
INSERT INTO expandcontract.chunk OVERRIDING SYSTEM VALUE VALUES (1, 1, 1, 'copy', 1, 19481, 'public.people', 19481, 0, 1, 1, 60, 60, 0, 0, '[]', 'done', NULL, NULL, 'somewhere:2261/0', 1, 20, NULL, NULL, '2026-01-15 03:02:32.422794+00', '2026-01-15 03:02:32.642397+00');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (1, 1, '2026-01-15 03:02:27.645962+00', 'created', 'operator', '{"host": "somewhere", "fingerprint": "f25932d0dd32", "program_version": "0.1.0"}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (2, 1, '2026-01-15 03:02:28.142786+00', 'began', 'operator', '{"pid": 2214, "host": "somewhere", "verb": "start", "server": "18.4", "program": "0.1.0"}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (3, 1, '2026-01-15 03:02:28.639574+00', 'phase', 'operator', '{"phase": "expand", "status": "running", "attempt": 1}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (4, 1, '2026-01-15 03:02:28.944075+00', 'locked', 'operator', '{"mode": "ACCESS EXCLUSIVE", "step": "add_column", "tries": 1, "held_by": [], "section": "expand", "relations": ["public.people"], "felt_seconds": 0.1079, "held_seconds": 0.0919}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (5, 1, '2026-01-15 03:02:28.948692+00', 'phase', 'operator', '{"phase": "expand", "status": "done", "attempt": 1}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (6, 1, '2026-01-15 03:02:29.406058+00', 'phase', 'operator', '{"phase": "dual_write", "status": "running", "attempt": 1}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (7, 1, '2026-01-15 03:02:29.580128+00', 'sync made', 'operator', '{"step": "sync_trigger", "place": {"system": "7713794298634458576", "database": 19480}, "state": "active", "attempt": 1, "new_side": [], "relation": 19481, "triggers": {"public.people": "4f57d3a58b5abb47c064224dfa78362c"}, "functions": [{"hash": "fa2d254bbcb6935721fd7118c28848b7", "name": "expandcontract_sync.\"~ec_0001_people\"()"}]}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (8, 1, '2026-01-15 03:02:29.653168+00', 'locked', 'operator', '{"mode": "SHARE ROW EXCLUSIVE", "step": "sync_trigger", "tries": 1, "held_by": [], "section": "dual_write", "relations": ["public.people"], "felt_seconds": 0.1383, "held_seconds": 0.132}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (9, 1, '2026-01-15 03:02:29.66814+00', 'phase', 'operator', '{"phase": "dual_write", "status": "done", "attempt": 1}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (10, 1, '2026-01-15 03:02:31.53942+00', 'began', 'operator', '{"pid": 2261, "host": "somewhere", "verb": "backfill", "server": "18.4", "program": "0.1.0"}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (11, 1, '2026-01-15 03:02:31.627454+00', 'phase', 'operator', '{"phase": "backfill", "status": "running", "attempt": 1}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (12, 1, '2026-01-15 03:02:32.133788+00', 'copy laid', 'operator', '{"bound": {"leaves": [{"oid": 19481, "name": "public.people", "columns": [{"name": "display_name", "xmin": "1103"}, {"name": "name", "xmin": "1084"}], "filenode": 19481, "triggers": [{"oid": 19993, "name": "~ec_0001_people", "xmin": "1107", "enabled": "A"}]}], "system": "7713794298634458576", "database": 19480, "functions": [{"oid": 19992, "hash": "fa2d254bbcb6935721fd7118c28848b7", "name": "expandcontract_sync.\"~ec_0001_people\"()"}]}, "round": 1, "attempt": 1}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (13, 1, '2026-01-15 03:02:34.055267+00', 'locked', 'operator', '{"mode": "ACCESS EXCLUSIVE", "step": "check:people_name_check", "tries": 1, "held_by": [], "section": "backfill", "relations": ["public.people"], "felt_seconds": 0.0444, "held_seconds": 0.0415}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (14, 1, '2026-01-15 03:02:34.166023+00', 'locked', 'operator', '{"mode": "ACCESS EXCLUSIVE", "step": "not_null:display_name", "tries": 1, "held_by": [], "section": "backfill", "relations": ["public.people"], "felt_seconds": 0.0367, "held_seconds": 0.0336}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (15, 1, '2026-01-15 03:02:34.602716+00', 'locked', 'operator', '{"mode": "ACCESS EXCLUSIVE", "step": "index:people_name_id:finish", "tries": 1, "held_by": [], "section": "backfill", "relations": ["public.people"], "felt_seconds": 0.0221, "held_seconds": 0.0201}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (16, 1, '2026-01-15 03:02:34.691726+00', 'locked', 'operator', '{"mode": "SHARE UPDATE EXCLUSIVE", "step": "comment", "tries": 1, "held_by": [], "section": "backfill", "relations": ["public.people"], "felt_seconds": 0.0, "held_seconds": 0.0195}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (17, 1, '2026-01-15 03:02:34.80468+00', 'sync made', 'operator', '{"step": "ready", "place": {"system": "7713794298634458576", "database": 19480}, "state": "active", "attempt": 1, "new_side": [["constraint", "people_display_name_check"], ["constraint", "people_display_name_id"], ["default", ""], ["index", "ix_people_display_name"], ["not null", ""]], "relation": 19481, "triggers": {"public.people": "4f57d3a58b5abb47c064224dfa78362c"}, "functions": [{"hash": "1500413790e70fff05ac05bb6a7e635e", "name": "expandcontract_sync.\"~ec_0001_people\"()"}]}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (18, 1, '2026-01-15 03:02:34.849418+00', 'locked', 'operator', '{"mode": "ACCESS EXCLUSIVE", "step": "ready", "tries": 1, "held_by": [], "section": "backfill", "relations": ["public.people"], "felt_seconds": 0.1276, "held_seconds": 0.126}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (19, 1, '2026-01-15 03:02:34.905173+00', 'phase', 'operator', '{"phase": "backfill", "status": "done", "attempt": 1}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (20, 1, '2026-01-15 03:02:35.824091+00', 'phase', 'operator', '{"phase": "verify", "status": "running", "attempt": 1}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (21, 1, '2026-01-15 03:02:36.05622+00', 'compare laid', 'postgres', '{"round": 1, "blocks": 1, "attempt": 1}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (22, 1, '2026-01-15 03:02:36.700667+00', 'phase', 'operator', '{"phase": "verify", "status": "done", "attempt": 1}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (23, 1, '2026-01-15 03:02:38.731864+00', 'acknowledged', 'operator', '{"why": "nobody writes", "gate": "new-code-seen"}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (24, 1, '2026-01-15 03:02:39.950041+00', 'began', 'operator', '{"pid": 2371, "host": "somewhere", "verb": "contract", "server": "18.4", "program": "0.1.0"}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (25, 1, '2026-01-15 03:02:40.41746+00', 'gates open', 'operator', '{"gates": [{"gate": "backfilled", "hard": true, "next": "", "open": true, "reason": "Every row is copied and the new side is settled.", "waived_by": null}, {"gate": "verified", "hard": true, "next": "", "open": true, "reason": "60 rows compared, 0 mismatches. Holds until 2026-12-07 03:02.", "waived_by": null}, {"gate": "sync-intact", "hard": true, "next": "", "open": true, "reason": "Every write keeps both sides in sync.", "waived_by": null}, {"gate": "leaves-covered", "hard": true, "next": "", "open": true, "reason": "The table is covered by trigger and backfill.", "waived_by": null}, {"gate": "dependents-clear", "hard": true, "next": "", "open": true, "reason": "Nothing in the database depends on name.", "waived_by": null}, {"gate": "no-conflicts", "hard": true, "next": "", "open": true, "reason": "Each side holds every value of the other.", "waived_by": null}, {"gate": "old-writers", "hard": false, "next": "", "open": true, "reason": "No quiet time is asked for. Nobody was ever seen writing it. Not seen: readers of it, and writes that leave its value as it is or give both sides in sync.", "waived_by": null}, {"gate": "old-readers", "hard": false, "next": "", "open": true, "reason": "Who reads the old side is not known: pg_stat_statements is not installed: CREATE EXTENSION pg_stat_statements, with the library in shared_preload_libraries, shows who does.", "waived_by": null}, {"gate": "new-code-seen", "hard": false, "next": "", "open": true, "reason": "Nobody wrote to the table since it is ready, so there was nothing to see.", "waived_by": null}, {"gate": "replicas-caught-up", "hard": false, "next": "", "open": true, "reason": "No standby streams from this server, and no slot waits for one.", "waived_by": null}, {"gate": "soak", "hard": false, "next": "", "open": true, "reason": "No soak time is asked for.", "waived_by": null}]}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (26, 1, '2026-01-15 03:02:40.515885+00', 'phase', 'operator', '{"phase": "contract", "status": "running", "attempt": 1}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (27, 1, '2026-01-15 03:02:41.142168+00', 'state', 'operator', '{"state": "hidden"}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (28, 1, '2026-01-15 03:02:41.236121+00', 'sync made', 'operator', '{"kept": {"leaves": [{"oid": 19481, "name": "public.people", "filenode": 19481, "triggers": [{"oid": 20003, "name": "~ec_0001_people", "xmin": "1189", "enabled": "A"}]}], "system": "7713794298634458576", "database": 19480, "functions": []}, "step": "hide", "place": {"system": "7713794298634458576", "database": 19480}, "state": "hidden", "attempt": 1, "new_side": [["constraint", "people_display_name_check"], ["default", ""], ["index", "ix_people_display_name"], ["index", "people_display_name_id"], ["not null", ""]], "relation": 19481, "triggers": {"public.people": "16d621ff3213331d7d06b3e04007a679"}, "functions": [{"hash": "472e461056ad8372e231f3754bb1e0df", "name": "expandcontract_sync.\"~ek_0001_people\"()"}]}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (29, 1, '2026-01-15 03:02:41.25766+00', 'phase', 'operator', '{"phase": "contract", "status": "done", "attempt": 1}');
INSERT INTO expandcontract.event OVERRIDING SYSTEM VALUE VALUES (30, 1, '2026-01-15 03:02:41.289304+00', 'locked', 'operator', '{"mode": "ACCESS EXCLUSIVE", "step": "hide", "tries": 1, "held_by": [], "section": "contract", "relations": ["public.people"], "felt_seconds": 0.1961, "held_seconds": 0.1908}');
INSERT INTO expandcontract.phase VALUES (1, 1, 'expand', 'done', '2026-01-15 03:02:28.624946+00', '2026-01-15 03:02:28.938807+00', NULL);
INSERT INTO expandcontract.phase VALUES (1, 1, 'dual_write', 'done', '2026-01-15 03:02:29.397499+00', '2026-01-15 03:02:29.663301+00', NULL);
INSERT INTO expandcontract.phase VALUES (1, 1, 'backfill', 'done', '2026-01-15 03:02:31.614669+00', '2026-01-15 03:02:34.886793+00', NULL);
INSERT INTO expandcontract.phase VALUES (1, 1, 'verify', 'done', '2026-01-15 03:02:35.813937+00', '2026-01-15 03:02:36.693655+00', NULL);
INSERT INTO expandcontract.phase VALUES (1, 1, 'contract', 'done', '2026-01-15 03:02:40.505008+00', '2026-01-15 03:02:41.256042+00', NULL);
INSERT INTO expandcontract.proof OVERRIDING SYSTEM VALUE VALUES (1, 1, 1, 0, 1, '{"leaves": [{"oid": 19481, "name": "public.people", "columns": [{"name": "display_name", "xmin": "1162"}, {"name": "name", "xmin": "1084"}], "filenode": 19481, "triggers": [{"oid": 19993, "name": "~ec_0001_people", "xmin": "1107", "enabled": "A"}]}], "system": "7713794298634458576", "database": 19480, "functions": [{"oid": 19992, "hash": "1500413790e70fff05ac05bb6a7e635e", "name": "expandcontract_sync.\"~ec_0001_people\"()"}]}', '2026-01-15 03:02:35.966895+00', '2026-01-15 03:02:35.925433+00', '2026-01-15 03:02:36.618636+00', 60, 0, 0, NULL, NULL);
INSERT INTO expandcontract.schema_version VALUES (1, 'tables', '2026-01-15 03:02:26.088902+00');
INSERT INTO expandcontract.schema_version VALUES (2, 'bound_state', '2026-01-15 03:02:26.12853+00');
INSERT INTO expandcontract.schema_version VALUES (3, 'guards', '2026-01-15 03:02:26.192343+00');
INSERT INTO expandcontract.schema_version VALUES (4, 'application', '2026-01-15 03:02:26.204183+00');
INSERT INTO expandcontract.schema_version VALUES (5, 'status', '2026-01-15 03:02:26.269791+00');
INSERT INTO expandcontract.schema_version VALUES (6, 'proof_coverage', '2026-01-15 03:02:26.304086+00');
INSERT INTO expandcontract.schema_version VALUES (7, 'walk', '2026-01-15 03:02:26.464109+00');
INSERT INTO expandcontract.schema_version VALUES (8, 'watch', '2026-01-15 03:02:26.522032+00');
INSERT INTO expandcontract.step VALUES (1, 1, 0, 'expand', 'add_column', 'e0bba024fb74acc0ad20896f01442b5da1105630783c178eb9885fff243ec928', 'done', 1, '2026-01-15 03:02:28.744631+00', '2026-01-15 03:02:28.838735+00', 0.09410340300019016, NULL);
INSERT INTO expandcontract.step VALUES (1, 1, 0, 'dual_write', 'sync_trigger', 'a015b7385c1c70f2185fdfebb5056ca13e1f6c7382d21c097665eacd6af0b990', 'done', 1, '2026-01-15 03:02:29.447898+00', '2026-01-15 03:02:29.592964+00', 0.14506497200000013, NULL);
INSERT INTO expandcontract.step VALUES (1, 1, 0, 'backfill', 'copy', '506bbed76a46ecf4f7238bd4a5d4940d20ddac20984864b3688370f1c5ba7ea9', 'done', 1, '2026-01-15 03:02:31.602358+00', '2026-01-15 03:02:33.081248+00', 1.478888687000108, NULL);
INSERT INTO expandcontract.step VALUES (1, 1, 0, 'backfill', 'check:people_name_check', '079eb7d3b470840ae3b1706e4b3d18a69f6da7913de0473e081951b30abbe7db', 'done', 1, '2026-01-15 03:02:33.98649+00', '2026-01-15 03:02:34.03396+00', 0.04746935800017127, NULL);
INSERT INTO expandcontract.step VALUES (1, 1, 0, 'backfill', 'check:people_name_check:validate', 'd8cf800bb64f873145a0037c432d4b32ba3f4db2f11cddd5fb599b69e667c8bc', 'done', 1, '2026-01-15 03:02:34.05164+00', '2026-01-15 03:02:34.082507+00', 0.030865852000033556, NULL);
INSERT INTO expandcontract.step VALUES (1, 1, 0, 'backfill', 'not_null:display_name', '47c39cac9b86809d8dc75b90ad2b6647e182c89dae49128820485b19828c0e24', 'done', 1, '2026-01-15 03:02:34.101381+00', '2026-01-15 03:02:34.139992+00', 0.03860988599990378, NULL);
INSERT INTO expandcontract.step VALUES (1, 1, 0, 'backfill', 'not_null:display_name:validate', 'f0a20723655e576cbc65003ee0b4d5545f27943c3fca569b777766c375d790fe', 'done', 1, '2026-01-15 03:02:34.157905+00', '2026-01-15 03:02:34.183644+00', 0.025738240999999107, NULL);
INSERT INTO expandcontract.step VALUES (1, 1, 0, 'backfill', 'index:ix_people_name', 'ce4d6e4c1c4370ca24bc64d83f63f816335067a315645df48ba650d8da705eae', 'done', 1, '2026-01-15 03:02:34.205183+00', '2026-01-15 03:02:34.346325+00', 0.1507727949999662, NULL);
INSERT INTO expandcontract.step VALUES (1, 1, 0, 'backfill', 'index:people_name_id', '3f795f9555592d151f606f53ebb28ff98cf03971dadbd2b0690d59f07fc94539', 'done', 1, '2026-01-15 03:02:34.370517+00', '2026-01-15 03:02:34.530426+00', 0.17337673199995152, NULL);
INSERT INTO expandcontract.step VALUES (1, 1, 0, 'backfill', 'index:people_name_id:finish', 'f34df3759b9b09bc33dff86c6c0951a622fdce5e63af79eebaa0e61171da6359', 'done', 1, '2026-01-15 03:02:34.537692+00', '2026-01-15 03:02:34.5766+00', 0.03890653600001315, NULL);
INSERT INTO expandcontract.step VALUES (1, 1, 0, 'backfill', 'statistics', 'd8c4d1d67f18ead4bb66f905e9e9905e639ebfd920c619b8e0e67e1864fd98e0', 'done', 1, '2026-01-15 03:02:34.588068+00', '2026-01-15 03:02:34.625527+00', 0.03745739999999387, NULL);
INSERT INTO expandcontract.step VALUES (1, 1, 0, 'backfill', 'comment', 'dc21b16a37fac6b2d57e1c7696505acee39b36e3d5ead3c262b3b9599fc79531', 'done', 1, '2026-01-15 03:02:34.640182+00', '2026-01-15 03:02:34.672996+00', 0.032813405000069906, NULL);
INSERT INTO expandcontract.step VALUES (1, 1, 0, 'backfill', 'ready', '7185965a481939256268f1cd8a5a4cebc4af2ca85ec5c72d0e81c82b55493b37', 'done', 1, '2026-01-15 03:02:34.687285+00', '2026-01-15 03:02:34.820256+00', 0.1329696329999024, NULL);
INSERT INTO expandcontract.step VALUES (1, 1, 0, 'verify', 'compare', '99b0365c13af74378f99d670f989580bf8dbef07d13fab8077b07bd6c3c0b3c9', 'done', 1, '2026-01-15 03:02:35.803082+00', '2026-01-15 03:02:36.66177+00', 0.8586874190000344, NULL);
INSERT INTO expandcontract.step VALUES (1, 1, 0, 'contract', 'index:people_name_id:plain', '9275747e19355f0025a081486e59bf1412081c209dedbdab3715d273058404d8', 'done', 1, '2026-01-15 03:02:40.599886+00', '2026-01-15 03:02:40.79065+00', 0.21535652900001878, NULL);
INSERT INTO expandcontract.step VALUES (1, 1, 0, 'contract', 'hide', 'c1cb507eb3c0292e59950999a81e2e45b63ddeb426a18ee54dee06ffce72e7f2', 'done', 1, '2026-01-15 03:02:40.798073+00', '2026-01-15 03:02:41.244183+00', 0.4461092209999151, NULL);
INSERT INTO expandcontract.waiver OVERRIDING SYSTEM VALUE VALUES (1, 1, 'new-code-seen', 'operator', 'nobody writes', 'attempt 1, cycle 0: not seen', '2026-01-15 03:02:38.702996+00');
INSERT INTO expandcontract.walk VALUES (1, 1, 'copy', 1, 1, 1, 1, 1, 60, 60, 0, 0, '2026-01-15 03:02:32.422794+00', '2026-01-15 03:02:32.642397+00', '2026-01-15 03:02:32.771838+00', 0, NULL, NULL, NULL);
INSERT INTO expandcontract.walk VALUES (1, 1, 'compare', 1, 1, 1, 1, 1, 60, 0, 0, 0, '2026-01-15 03:02:36.242689+00', '2026-01-15 03:02:36.374305+00', '2026-01-15 03:02:36.451354+00', 0, NULL, NULL, NULL);
INSERT INTO expandcontract.watch VALUES (1, 1, 'absent', '2026-01-15 03:02:37.345936+00', '2026-01-15 03:02:37.345936+00', false, NULL, 0, 0, 60865584);
SELECT pg_catalog.setval('expandcontract.change_id_seq', 1, true);
SELECT pg_catalog.setval('expandcontract.chunk_id_seq', 2, true);
SELECT pg_catalog.setval('expandcontract.conflict_id_seq', 1, false);
SELECT pg_catalog.setval('expandcontract.event_id_seq', 30, true);
SELECT pg_catalog.setval('expandcontract.proof_id_seq', 1, true);
SELECT pg_catalog.setval('expandcontract.waiver_id_seq', 1, true);
