"""Tenants by schema: whose tables a revision means that names them without one."""

from sqlalchemy import Connection

from expandcontract.model.names import quote
from expandcontract.postgres.home import PUBLIC, Home

__all__ = ["PUBLIC", "Home", "home"]

_HOME = """
SELECT pg_catalog.current_schema(), pg_catalog.current_setting('search_path'), (
    SELECT reset_val FROM pg_catalog.pg_settings WHERE name OPERATOR(pg_catalog.=) 'search_path'
)
""".strip()


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
