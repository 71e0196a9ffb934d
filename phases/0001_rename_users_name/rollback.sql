-- + keep in the ledger what is written to display_name from now on
--   instant, reversible; locks: SHARE ROW EXCLUSIVE on public.users
LOCK TABLE public.users IN SHARE UPDATE EXCLUSIVE MODE;
LOCK TABLE public.users IN SHARE ROW EXCLUSIVE MODE;
CREATE OR REPLACE TRIGGER "~er_0001_rename_users_name" AFTER INSERT OR UPDATE ON public.users FOR EACH ROW WHEN (NEW.display_name IS NOT NULL AND NOT (CASE WHEN NEW.display_name IS NULL THEN NEW.name IS NULL ELSE COALESCE(NEW.display_name OPERATOR(pg_catalog.=) NEW.name, false) END)) EXECUTE FUNCTION expandcontract_sync.keep_new('0001_rename_users_name', 'all', 'name', 'display_name', 'id');
ALTER TABLE public.users ENABLE ALWAYS TRIGGER "~er_0001_rename_users_name";
CREATE OR REPLACE TRIGGER "~es_0001_rename_users_name" AFTER UPDATE ON public.users FOR EACH ROW WHEN (OLD.display_name IS NOT NULL AND NOT (CASE WHEN OLD.display_name IS NULL THEN OLD.name IS NULL ELSE COALESCE(OLD.display_name OPERATOR(pg_catalog.=) OLD.name, false) END) AND NOT (NEW.display_name IS NOT NULL AND NOT (CASE WHEN NEW.display_name IS NULL THEN NEW.name IS NULL ELSE COALESCE(NEW.display_name OPERATOR(pg_catalog.=) NEW.name, false) END))) EXECUTE FUNCTION expandcontract_sync.keep_new('0001_rename_users_name', 'all', 'name', 'display_name', 'id');
ALTER TABLE public.users ENABLE ALWAYS TRIGGER "~es_0001_rename_users_name";

-- = keep in the ledger what only display_name holds
--   by size, reversible; locks: ACCESS SHARE on public.users
WITH mine AS MATERIALIZED (
  SELECT c.id, c.change_id
  FROM expandcontract.chunk c
  WHERE c.id OPERATOR(pg_catalog.=) $1 AND c.token OPERATOR(pg_catalog.=) $2 AND c.status OPERATOR(pg_catalog.=) 'running'
    AND c.filenode OPERATOR(pg_catalog.=) pg_catalog.pg_relation_filenode('public.users'::pg_catalog.regclass)
  FOR UPDATE
),
kept AS (
  INSERT INTO expandcontract.conflict (change_id, kind, key, old_value, new_value, role, sentence, seen_in)
  SELECT mine.change_id, 'kept', pg_catalog.jsonb_build_object('id', expandcontract_sync.as_key(t.id)) AS key, expandcontract_sync.as_text(t.name) AS old, expandcontract_sync.as_text(t.display_name) AS new, CURRENT_USER,
         'only the new side held this value when the change was rolled back', pg_catalog.pg_current_snapshot()::pg_catalog.text
  FROM ONLY public.users t, mine
  WHERE t.ctid OPERATOR(pg_catalog.>=) $3 AND t.ctid OPERATOR(pg_catalog.<) $4 AND (t.display_name IS NOT NULL AND NOT (CASE WHEN t.display_name IS NULL THEN t.name IS NULL ELSE COALESCE(t.display_name OPERATOR(pg_catalog.=) t.name, false) END))
  RETURNING 1
),
seen AS MATERIALIZED (
  SELECT pg_catalog.count(*) AS rows, 0::pg_catalog.int8 AS mismatches FROM kept
)
UPDATE expandcontract.chunk c
SET leased_until = pg_catalog.clock_timestamp() OPERATOR(pg_catalog.+) INTERVAL '10 seconds', updated_at = pg_catalog.clock_timestamp(),
    batch = $6,
    rows = c.rows OPERATOR(pg_catalog.+) seen.rows,
    mismatches = c.mismatches OPERATOR(pg_catalog.+) seen.mismatches,
    next_block = $5
FROM mine, seen
WHERE c.id OPERATOR(pg_catalog.=) mine.id
RETURNING seen.rows, seen.mismatches;

-- - remove display_name and what keeps it in sync
--   instant, reversible; locks: ACCESS EXCLUSIVE on public.users
LOCK TABLE public.users IN SHARE UPDATE EXCLUSIVE MODE;
LOCK TABLE public.users IN ACCESS EXCLUSIVE MODE;
DROP TRIGGER IF EXISTS "~er_0001_rename_users_name" ON public.users;
DROP TRIGGER IF EXISTS "~es_0001_rename_users_name" ON public.users;
DROP TRIGGER IF EXISTS "!ec_0001_rename_users_name" ON public.users;
DROP TRIGGER IF EXISTS "~ec_0001_rename_users_name" ON public.users;
DROP FUNCTION IF EXISTS expandcontract_sync."~ec_0001_rename_users_name"();
DROP FUNCTION IF EXISTS expandcontract_sync."~ek_0001_rename_users_name"();
ALTER TABLE public.users DROP COLUMN IF EXISTS display_name;
