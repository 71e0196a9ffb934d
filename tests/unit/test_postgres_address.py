"""Database URLs: what is understood, what is refused, and that no message shows a password."""

import pytest

from expandcontract.model.errors import UsageError
from expandcontract.postgres.address import Address, parse


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "postgresql+asyncpg://app:p%40ss@db:5433/shop",
            Address(("db",), (5433,), "app", "shop", "p@ss"),
            id="SQLAlchemy",
        ),
        pytest.param(
            "postgresql+psycopg://db/shop", Address(("db",), (5432,), None, "shop"), id="other driver"
        ),
        pytest.param("postgres://app@db", Address(("db",), (5432,), "app"), id="short scheme"),
        pytest.param("postgresql://", Address(), id="all from the environment"),
        pytest.param(
            "postgresql://app@/shop?host=/run/postgresql&port=5433",
            Address(("/run/postgresql",), (5433,), "app", "shop"),
            id="socket",
        ),
        pytest.param(
            "postgresql://%2Frun%2Fpostgresql/shop",
            Address(("/run/postgresql",), (5432,), None, "shop"),
            id="encoded socket",
        ),
        pytest.param("postgresql://a:1,b:2/shop", Address(("a", "b"), (1, 2), None, "shop"), id="two hosts"),
        pytest.param(
            "postgresql:///shop?host=a:1&host=b:2",
            Address(("a", "b"), (1, 2), None, "shop"),
            id="two hosts, SQLAlchemy",
        ),
        pytest.param(
            "host=a,b port=7 dbname=shop",
            Address(("a", "b"), (7, 7), None, "shop"),
            id="one port for two hosts",
        ),
        pytest.param("postgresql://[::1]:5433/shop", Address(("::1",), (5433,), None, "shop"), id="IPv6"),
        pytest.param(
            r"host = db user='o''s' ".replace("''", r"\'") + r"password='a \\ b'",
            Address(("db",), (5432,), "o's", None, r"a \ b"),
            id="key=value",
        ),
        pytest.param(
            "postgresql://db/shop?connect_timeout=3&options=-csearch_path%3Dapp",
            Address(("db",), (5432,), None, "shop", None, 3.0, "-csearch_path=app"),
            id="options",
        ),
        pytest.param(
            "postgresql://db/shop?sslmode=verify-full&sslrootcert=/ca.pem&application_name=x",
            Address(("db",), (5432,), None, "shop", tls={"sslmode": "verify-full", "sslrootcert": "/ca.pem"}),
            id="TLS",
        ),
        pytest.param(
            "postgresql+asyncpg://db/shop?ssl=true&prepared_statement_cache_size=0",
            Address(("db",), (5432,), None, "shop", tls={"sslmode": "require"}),
            id="TLS as asyncpg's dialect says it",
        ),
    ],
)
def test_every_usual_form_is_read(text: str, expected: Address) -> None:
    """SQLAlchemy URLs, libpq URIs and key=value strings mean what they mean to their own programs."""
    assert parse(text) == expected


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("mysql://app:sesame@db/shop", "not one of PostgreSQL"),
        ("sesame", "not one of PostgreSQL"),
        ("postgresql://app:sesame@db:port/shop", "host"),
        ("postgresql://app:sesame@db:99999/shop", "port"),
        ("postgresql://app:sesame@db/shop?sslmod=require", "sslmod"),
        ("postgresql://app:sesame@db/shop?service=other", "service"),
        ("postgresql://app:sesame@db/shop?channel_binding=require", "channel_binding"),
        ("postgresql://app:sesame@db/shop?sslmode", "without a value"),
        ("postgresql://app:sesame@a,b/shop?port=1,2,3", "2 hosts and 3 ports"),
        ("postgresql://app:sesame@db/shop?connect_timeout=sesame", "connect_timeout"),
        ("host=db password=sesame nonsense", "key=value"),
        ("host=db password='sesame", "key=value"),
        ("host=db passwort=sesame", "passwort"),
        ("postgresql://db/shop?Sesame=sesame", "unknown parameter"),
    ],
)
def test_what_is_refused_is_named_without_its_value(text: str, part: str) -> None:
    """A URL that cannot be used is a usage error that names the parameter and never the password."""
    with pytest.raises(UsageError) as refused:
        parse(text)
    error = refused.value
    assert part in error.message
    assert "sesame" not in f"{error.message}{error.why}{error.next}".lower()


def test_no_rendering_shows_the_password() -> None:
    """Neither str nor repr of an address has the password, and the address says where it is."""
    address = parse("postgresql://app:sesame@db/shop?sslpassword=sesame")
    assert "sesame" not in f"{address} {address!r}"
    assert str(address) == "server db:5432, database shop, role app"


def test_tls_settings_reach_the_driver() -> None:
    """Some go to asyncpg in a URI; it has no path, which would be an empty database name."""
    arguments = parse(
        "postgresql://app@db/shop?sslmode=verify-full&sslrootcert=/my ca.pem"
    ).connect_arguments()
    assert arguments["dsn"] == "postgresql://?sslmode=verify-full&sslrootcert=%2Fmy+ca.pem"
    assert (arguments["host"], arguments["port"], arguments["database"]) == (["db"], [5432], "shop")
