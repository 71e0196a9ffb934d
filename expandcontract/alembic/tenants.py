"""Tenants by schema: whose tables a revision means that names them without one."""

from dataclasses import dataclass

from sqlalchemy import URL, Connection, make_url

from expandcontract.model.names import quote
from expandcontract.postgres import home as homes

_HOME = """
SELECT pg_catalog.current_schema(), pg_catalog.current_setting('search_path'), (
    -- What a client said when it connected, only it knows.
    SELECT CASE WHEN source OPERATOR(pg_catalog.<>) 'client' THEN reset_val END
    FROM pg_catalog.pg_settings WHERE name OPERATOR(pg_catalog.=) 'search_path'
)
""".strip()


@dataclass(frozen=True)
class Home(homes.Home):
    """The schema that comes first on Alembic's connection, with its search_path."""

    def leading(self, url: str) -> str:
        """Return a URL whose sessions find what Alembic's connection finds."""
        if not self.path:
            return url
        escaped = self.path.replace("\\", "\\\\").replace(" ", "\\ ")
        if "://" not in url:  # libpq's key=value, where a backslash has to be doubled once more
            doubled = escaped.replace("\\", "\\\\").replace("'", "\\'")
            return f"{url} options='-csearch_path={doubled}'"
        made = make_url(url)
        given = made.query.get("options", "")
        options = f"{given if isinstance(given, str) else ' '.join(given)} -csearch_path={escaped}".strip()
        return rendered(made.update_query_dict({"options": options}))

    @property
    def first(self) -> str | None:
        """The tenant's own schema, in which a table of a revision is or comes; None where it is no tenant."""
        return self.schema if self.path else None


PUBLIC = Home("public")


def rendered(url: URL) -> str:
    """Return a URL of SQLAlchemy's as everybody reads it: a blank of a parameter, which it writes as +, is
    one; a + of its own it writes as %2B.
    """
    before, mark, query = url.render_as_string(hide_password=False).partition("?")
    return f"{before}{mark}{query.replace('+', '%20')}"


def home(connection: Connection) -> Home:
    """Return where the names of a connection are: by its schema_translate_map, or its search_path."""
    began = not connection.in_transaction()
    schema, path, own = connection.exec_driver_sql(_HOME).one()
    if began:
        connection.commit()
    translated = (connection.get_execution_options().get("schema_translate_map") or {}).get(None)
    if translated is not None:
        return Home(translated, quote(translated))
    return Home(schema or "public", "" if path == own else path)
