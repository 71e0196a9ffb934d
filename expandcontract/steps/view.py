"""A view under a table's name: the table itself goes aside, and both names are live and can be written.

From 15 on the view does what it does with the rights of whoever asks. Before, it does so with those of its
owner, who is that of the table; row-level security would be that of the owner as well. So it does where a
role may read some columns only: who asks through a view with rights of his own needs those of all columns.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from expandcontract.model.names import RelationName, do, literal, quote
from expandcontract.postgres.catalog.snapshot import Snapshot

#: server_version_num of 15.0.
SECURITY_INVOKER_SINCE = 150000


@dataclass(frozen=True)
class StandIn:
    """A view `name` in the place of a table that is called `base`, whose columns were `renamed` (old name to
    new); the view shows those under both names, in the table's order and then the old ones. Once the view
    goes the table `stays_aside`, or gets the name back.
    """

    name: RelationName
    base: RelationName
    snapshot: Snapshot
    renamed: Mapping[str, str]
    stays_aside: bool

    def put_up(self) -> tuple[str, ...]:
        """Return the statements that move the table aside and make the view."""
        columns = [f"RENAME COLUMN {quote(old)} TO {quote(new)}" for old, new in self.renamed.items()]
        return (
            *(f"ALTER TABLE {self.name.sql} {each}" for each in columns),
            rename(self.name, self.base),
            *self.make(),
        )

    def make(self) -> tuple[str, ...]:
        """Return the statements that make the view, with the owner, the comment and the privileges of the
        table.
        """
        own = [quote(self.renamed.get(each.name, each.name)) for each in self.snapshot.columns]
        shown = ", ".join((*own, *self._under_old_names()))
        return (f"{self._create()}\nSELECT {shown}\nFROM {self.base.sql}", self._like_the_table())

    def _make_again(self) -> tuple[str, ...]:
        """As `make`, with the columns that the table has by then: some may have come, or gone."""
        view = f"{self._create()}\nSELECT "
        also = "".join(f", {each}" for each in self._under_old_names())
        from_ = f"{also}\nFROM {self.base.sql}"
        make = f"""DECLARE shown text; BEGIN
    SELECT pg_catalog.string_agg(pg_catalog.quote_ident(a.attname), ', ' ORDER BY a.attnum) INTO shown
    FROM pg_catalog.pg_attribute a
    WHERE a.attrelid = {literal(self.base.sql)}::pg_catalog.regclass AND a.attnum > 0 AND NOT a.attisdropped;
    EXECUTE pg_catalog.format('{_inside(view)}%s{_inside(from_)}', shown);
END"""
        return (do(make), self._like_the_table())

    def _create(self) -> str:
        invoker = " WITH (security_invoker = true)" if self._as_invoker else ""
        return f"CREATE VIEW {self.name.sql}{invoker} AS"

    def _under_old_names(self) -> list[str]:
        return [f"{quote(new)} AS {quote(old)}" for old, new in self.renamed.items()]

    def take_down(self) -> tuple[str, ...]:
        """Return the statements that take the view away."""
        name_again = () if self.stays_aside else (rename(self.base, self.name),)
        return (f"DROP VIEW IF EXISTS {self.name.sql}", *name_again)

    def again(self) -> tuple[str, ...]:
        """Return the statements that take `take_down` back."""
        aside = () if self.stays_aside else (rename(self.name, self.base),)
        return (*aside, *self._make_again())

    def put_up_again(self) -> tuple[str, ...]:
        """Return the statements that make the view where somebody dropped it."""
        return (f"DROP VIEW IF EXISTS {self.name.sql}", *self._make_again())

    def back(self) -> str:
        """Return the statement that brings everything back to where it was, also where somebody dropped the
        view, and does nothing where the table did not go aside.
        """
        columns = [
            f"ALTER TABLE {self.name.sql} RENAME COLUMN {quote(new)} TO {quote(old)};"
            for old, new in self.renamed.items()
        ]
        then = "\n        ".join((f"{rename(self.base, self.name)};", *columns))
        name, base = literal(self.name.sql), literal(self.base.sql)
        return do(f"""BEGIN
    IF EXISTS (SELECT FROM pg_catalog.pg_class c
               WHERE c.oid = pg_catalog.to_regclass({name}) AND c.relkind = 'v') THEN
        DROP VIEW {self.name.sql};
    END IF;
    IF pg_catalog.to_regclass({name}) IS NULL AND pg_catalog.to_regclass({base}) IS NOT NULL THEN
        {then}
    END IF;
END""")

    @property
    def _as_invoker(self) -> bool:
        whole = self.snapshot.whole
        known = self.snapshot.server_version >= SECURITY_INVOKER_SINCE
        return known and (whole.row_security or not whole.column_readers)

    def _like_the_table(self) -> str:
        """The view gets the owner, the comment and the privileges that the table has at that moment, and
        loses what default privileges gave it.
        """
        view, base = self.name.sql, self.base.sql
        also = "".join(
            f"\n              UNION ALL SELECT {literal(old)} WHERE a.attname = {literal(new)}"
            for old, new in self.renamed.items()
        )
        return do(f"""DECLARE given record; BEGIN
    SELECT pg_catalog.pg_get_userbyid(c.relowner) AS owner,
           pg_catalog.obj_description(c.oid, 'pg_class') AS said
    INTO given FROM pg_catalog.pg_class c WHERE c.oid = {literal(base)}::pg_catalog.regclass;
    EXECUTE pg_catalog.format('ALTER VIEW {_inside(view)} OWNER TO %I', given.owner);
    EXECUTE pg_catalog.format('COMMENT ON VIEW {_inside(view)} IS %L', given.said);
    FOR given IN
        SELECT DISTINCT CASE x.grantee WHEN 0 THEN 'PUBLIC'
                        ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(x.grantee)) END AS who
        FROM pg_catalog.pg_class c, pg_catalog.aclexplode(c.relacl) x
        WHERE c.oid = {literal(view)}::pg_catalog.regclass AND x.grantee <> c.relowner
    LOOP
        EXECUTE pg_catalog.format('REVOKE ALL ON {_inside(view)} FROM %s', given.who);
    END LOOP;
    FOR given IN
        SELECT p.what, CASE p.grantee WHEN 0 THEN 'PUBLIC'
                       ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(p.grantee)) END AS who,
               CASE WHEN p.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END AS further
        FROM (
            SELECT x.privilege_type AS what, x.grantee, x.is_grantable
            FROM pg_catalog.pg_class c, pg_catalog.aclexplode(c.relacl) x
            WHERE c.oid = {literal(base)}::pg_catalog.regclass AND x.grantee <> c.relowner
            UNION ALL
            SELECT pg_catalog.format('%s (%I)', x.privilege_type, shown.name), x.grantee, x.is_grantable
            FROM pg_catalog.pg_attribute a, pg_catalog.aclexplode(a.attacl) x, LATERAL (
              SELECT a.attname::text AS name{also}) shown
            WHERE a.attrelid = {literal(base)}::pg_catalog.regclass AND NOT a.attisdropped
        ) p
    LOOP
        EXECUTE pg_catalog.format('GRANT %s ON {_inside(view)} TO %s%s',
                                  given.what, given.who, given.further);
    END LOOP;{self._labelled}
END""")

    @property
    def _labelled(self) -> str:
        """What masks a column of the table, or shuts it, must do so in the view as well."""
        return "".join(
            f"\n    SECURITY LABEL FOR {quote(provider)} ON COLUMN {self.name.sql}.{quote(name)} "
            f"IS {literal(label)};"
            for each in self.snapshot.columns
            for provider, label in each.labels
            for name in dict.fromkeys((self.renamed.get(each.name, each.name), each.name))
        )


def rename(table: RelationName, to: RelationName) -> str:
    """Return what gives a table another name in its schema."""
    return f"ALTER TABLE {table.sql} RENAME TO {quote(to.name)}"


def _inside(name: str) -> str:
    """Return a name as it stands in a constant of format()."""
    return name.replace("'", "''").replace("%", "%%")
