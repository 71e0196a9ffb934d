-- What a step is for the plan says, and nothing is told by what it is called: the picture that was taken in the phase backfill is that of
-- a new side that is ready.

-- What of the new side is not there any more, of all that it had when it was ready.
CREATE OR REPLACE FUNCTION {schema}.new_side_lost(change_id bigint, attempt integer) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(jsonb_agg(thing), '[]') FROM (
        SELECT p.sync->'new_side' AS had, {schema}.new_side(new_side_lost.change_id) AS has
        FROM {schema}.picture p JOIN {schema}.change c ON c.id = p.change_id
        WHERE p.change_id = new_side_lost.change_id AND p.attempt = new_side_lost.attempt
            AND c.plan->'sections'->'backfill' @> jsonb_build_array(jsonb_build_object('id', p.step))
        ORDER BY p.id DESC LIMIT 1
    ) ready, jsonb_array_elements(ready.had) thing
    WHERE NOT ready.has @> jsonb_build_array(thing)
$$;
ALTER FUNCTION {schema}.new_side_lost(bigint, integer) SET plan_cache_mode = force_generic_plan;

-- As it was, but that the function of ready is what the step of backfill made of which there is a picture.
CREATE OR REPLACE VIEW {schema}.watch_v1 AS
SELECT c.id AS change_id,
    w.source, w.at, w.since, w.was_reset, w.evicted, w.ready_wal,
    (
        SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
            'role', s.role, 'query_id', s.query_id, 'query', s.query, 'times', s.times, 'first_seen', s.first_seen,
            'seen_after', s.seen_after, 'last_seen', s.last_seen, 'by_name', s.by_name, 'through', s.through
        ) ORDER BY s.last_seen DESC, s.times DESC)
        FROM {schema}.statement s WHERE s.change_id = c.id AND s.times > 0
    ) AS readers,
    (
        SELECT pg_catalog.min(n.at) FROM {schema}.old_use n
        WHERE n.change_id = c.id AND n.side = 'new' AND n.at >= greatest(coalesce(steps.ready, phases.ready), steps.undone)
    ) AS new_code_at,
    CASE WHEN phases.noting IS NOT NULL THEN greatest(phases.noting, steps.repaired, steps.undone) END AS noting_since
FROM {schema}.change c
CROSS JOIN LATERAL (
    SELECT pg_catalog.max(p.finished_at) FILTER (WHERE p.phase = 'dual_write') AS noting,
        pg_catalog.max(p.finished_at) FILTER (WHERE p.phase = 'backfill') AS ready
    FROM {schema}.phase p WHERE p.change_id = c.id AND p.attempt = c.attempt AND p.status = 'done'
) phases
CROSS JOIN LATERAL (
    SELECT pg_catalog.max(s.started_at) FILTER (WHERE s.section = 'backfill' AND phases.ready IS NOT NULL) AS ready,
        pg_catalog.max(s.finished_at) FILTER (WHERE s.section = 'repair') AS repaired,
        pg_catalog.max(s.finished_at) FILTER (WHERE s.section = 'undo') AS undone
    FROM {schema}.step s
    WHERE s.change_id = c.id AND s.attempt = c.attempt AND s.status = 'done' AND (
        s.section IN ('repair', 'undo') OR s.section = 'backfill' AND EXISTS (
            SELECT FROM {schema}.picture p WHERE p.change_id = c.id AND p.attempt = c.attempt AND p.step = s.step
        )
    )
) steps
LEFT JOIN {schema}.watch w ON w.change_id = c.id AND w.attempt = c.attempt;
