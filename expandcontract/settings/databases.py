"""The databases that the settings name, for whoever opens them."""

from dataclasses import replace

from pydantic import SecretStr

from expandcontract.model.errors import BadSetting
from expandcontract.model.hooks import Hooks
from expandcontract.postgres.connect import Database
from expandcontract.postgres.whereabouts import Whereabouts
from expandcontract.settings.settings import TABLE, Settings, left_out

_HOW = (
    "Set EC_DATABASE_URL, or EC_DATABASE_URL_FILE, which names a file that holds it, or database_url in "
    f"{TABLE} of pyproject.toml."
)


def database(settings: Settings) -> Database:
    """Return the database, with its direct way. Raises BadSetting where nobody named one, and UsageError."""
    if not settings.names_database:
        raise BadSetting(
            "No database was named.",
            why=" ".join((_HOW, *(f"Not used: {each}." for each in left_out()))),
            next="EC_DATABASE_URL=postgresql://user@host/database ec status",
        )
    return Database(
        _whereabouts(settings, settings.database_url),
        direct_url=_whereabouts(settings, settings.direct_url) if settings.direct_url else None,
        ledger_schema=settings.ledger_schema,
        lock_timeout=settings.lock_timeout,
    )


def whereabouts(settings: Settings) -> Whereabouts:
    """Return how the database is reached."""
    return _whereabouts(settings, settings.database_url)


def hooks(settings: Settings) -> Hooks:
    """Return the hooks, with what leads to the database where they are to have that."""
    urls = {"EC_DATABASE_URL": settings.database_url, "EC_DIRECT_URL": settings.direct_url}
    urls["EC_STANDBY"] = settings.standby
    files = {"EC_PASSWORD_FILE": settings.password_file}
    if settings.database_url is None:
        files["EC_DATABASE_URL_FILE"] = settings.database_url_file
    leading = {name: url.get_secret_value() for name, url in urls.items() if url}
    leading |= {name: str(file.absolute()) for name, file in files.items() if file}
    return replace(settings.hooks.hooks, database=leading)


def standby(settings: Settings) -> Database | None:
    """Return the standby that was named, if any. Raises UsageError."""
    return Database(_whereabouts(settings, settings.standby)) if settings.standby else None


def _whereabouts(settings: Settings, url: SecretStr | None) -> Whereabouts:
    return Whereabouts(
        url.get_secret_value() if url else None,
        settings.database_url_file,
        settings.password_file,
        settings.require_tls,
    )
