-- + make the view public.reviews again
--   instant, reversible; locks: SHARE UPDATE EXCLUSIVE on public.ratings
LOCK TABLE public.ratings IN SHARE UPDATE EXCLUSIVE MODE;
DROP VIEW IF EXISTS public.reviews;
DO $ec$ DECLARE shown text; BEGIN
    SELECT pg_catalog.string_agg(pg_catalog.quote_ident(a.attname), ', ' ORDER BY a.attnum) INTO shown
    FROM pg_catalog.pg_attribute a
    WHERE a.attrelid = 'public.ratings'::pg_catalog.regclass AND a.attnum > 0 AND NOT a.attisdropped;
    EXECUTE pg_catalog.format('CREATE VIEW public.reviews WITH (security_invoker = true) AS
SELECT %s
FROM public.ratings', shown);
END $ec$;
DO $ec$ DECLARE given record; BEGIN
    SELECT pg_catalog.pg_get_userbyid(c.relowner) AS owner,
           pg_catalog.obj_description(c.oid, 'pg_class') AS said
    INTO given FROM pg_catalog.pg_class c WHERE c.oid = 'public.ratings'::pg_catalog.regclass;
    EXECUTE pg_catalog.format('ALTER VIEW public.reviews OWNER TO %I', given.owner);
    EXECUTE pg_catalog.format('COMMENT ON VIEW public.reviews IS %L', given.said);
    FOR given IN
        SELECT DISTINCT CASE x.grantee WHEN 0 THEN 'PUBLIC'
                        ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(x.grantee)) END AS who
        FROM pg_catalog.pg_class c, pg_catalog.aclexplode(c.relacl) x
        WHERE c.oid = 'public.reviews'::pg_catalog.regclass AND x.grantee <> c.relowner
    LOOP
        EXECUTE pg_catalog.format('REVOKE ALL ON public.reviews FROM %s', given.who);
    END LOOP;
    FOR given IN
        SELECT p.what, CASE p.grantee WHEN 0 THEN 'PUBLIC'
                       ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(p.grantee)) END AS who,
               CASE WHEN p.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END AS further
        FROM (
            SELECT x.privilege_type AS what, x.grantee, x.is_grantable
            FROM pg_catalog.pg_class c, pg_catalog.aclexplode(c.relacl) x
            WHERE c.oid = 'public.ratings'::pg_catalog.regclass AND x.grantee <> c.relowner
            UNION ALL
            SELECT pg_catalog.format('%s (%I)', x.privilege_type, shown.name), x.grantee, x.is_grantable
            FROM pg_catalog.pg_attribute a, pg_catalog.aclexplode(a.attacl) x, LATERAL (
              SELECT a.attname::text AS name) shown
            WHERE a.attrelid = 'public.ratings'::pg_catalog.regclass AND NOT a.attisdropped
        ) p
    LOOP
        EXECUTE pg_catalog.format('GRANT %s ON public.reviews TO %s%s',
                                  given.what, given.who, given.further);
    END LOOP;
END $ec$;
