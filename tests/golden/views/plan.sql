-- == expand ==

-- + Add the column display_name.
-- ACCESS EXCLUSIVE on public.users; instant
ALTER TABLE public.users ADD COLUMN display_name text;

-- == backfill ==

-- = Copy the rows.
-- ROW EXCLUSIVE on public.users; by size
UPDATE ...;

-- + Build the index ix_users_display_name.
-- SHARE UPDATE EXCLUSIVE on public.users; by size
CREATE INDEX CONCURRENTLY ix_users_display_name ON public.users (display_name);

-- == purge ==

-- - Drop the column.
-- ACCESS EXCLUSIVE on public.users; instant
ALTER TABLE public.users ADD COLUMN display_name text;
