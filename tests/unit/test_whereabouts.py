"""What leads to a database: files with secrets, services, and how much TLS is asked for."""

from pathlib import Path

import pytest

from expandcontract.model.errors import BadSetting, UsageError
from expandcontract.postgres.address import Address
from expandcontract.postgres.whereabouts import Whereabouts


@pytest.fixture(autouse=True)
def _nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No service or TLS of whoever runs the tests."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PGSYSCONFDIR", str(tmp_path / "system"))
    for name in ("PGSERVICE", "PGSERVICEFILE", "PGSSLMODE"):
        monkeypatch.delenv(name, raising=False)


def _secret(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


def test_files_are_read_each_time(tmp_path: Path) -> None:
    """A password or a URL that is replaced counts for the next connection."""
    url = _secret(tmp_path / "url", "postgresql://app@db/shop\n")
    password = _secret(tmp_path / "password", "one \n", 0o440)
    where = Whereabouts(url_file=url, password_file=password)
    assert where.address() == Address(("db",), (5432,), "app", "shop", "one ")
    _secret(url, "postgresql://app@other/shop")
    password.chmod(0o600)
    _secret(password, "two\r\n")
    assert where.address() == Address(("other",), (5432,), "app", "shop", "two")


def test_the_password_of_a_url_goes_before_that_of_a_file(tmp_path: Path) -> None:
    """As with PGPASSWORD: the URL is the nearer one."""
    password = _secret(tmp_path / "password", "file")
    assert Whereabouts("postgresql://app:url@db/shop", password_file=password).address().password == "url"


@pytest.mark.parametrize(
    ("text", "mode", "words"),
    [
        ("sesame", 0o604, "every user may read it"),
        ("sesame", 0o620, "others may write it"),
        ("sesame", 0o602, "others may write it"),
        ("\n", 0o600, "empty"),
        (None, 0, "No such file"),
    ],
)
def test_a_file_that_is_not_a_secret_is_refused(
    tmp_path: Path, text: str | None, mode: int, words: str
) -> None:
    """The setting and the file are named, never what is in it."""
    path = tmp_path / "password"
    if text is not None:
        _secret(path, text, mode)
    with pytest.raises(BadSetting, match="password_file") as caught:
        Whereabouts("postgresql://app@db/shop", password_file=path).address()
    told = f"{caught.value.message} {caught.value.why} {caught.value.next}"
    assert words in told
    assert "sesame" not in told


_SERVICES = """
# of the team
[other]
host=elsewhere
[shop]
host=db
port=6000
dbname=shop
user=app
password=100%sesame
sslmode=verify-full
[nested]
service=shop
[odd]
sesame
"""


def test_a_service_says_what_the_url_leaves_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its name in the URL or in PGSERVICE, from the file that is named or that of the user, then that of
    the machine; as libpq has it, a password with a percent sign as well.
    """
    (tmp_path / ".pg_service.conf").write_text(_SERVICES)
    found = Address(("db",), (6000,), "app", "shop", "100%sesame", tls={"sslmode": "verify-full"})
    assert Whereabouts("service=shop").address() == found
    assert Whereabouts("postgresql://?service=shop").address() == found
    assert Whereabouts("postgresql://ann@here:7/?service=shop").address() == Address(
        ("here",), (7,), "ann", "shop", "100%sesame", tls={"sslmode": "verify-full"}
    )
    monkeypatch.setenv("PGSERVICE", "shop")
    assert Whereabouts("postgresql://").address() == found
    (tmp_path / "mine").write_text("[shop]\nhost=mine\n")
    monkeypatch.setenv("PGSERVICEFILE", str(tmp_path / "mine"))
    assert Whereabouts("postgresql://").address() == Address(("mine",), (5432,))
    (tmp_path / "system").mkdir()
    (tmp_path / "system" / "pg_service.conf").write_text("[all]\nhost=all\n")
    assert Whereabouts("service=all").address() == Address(("all",), (5432,))


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("service=shops", "There is no service shops"),
        ("service=nested", "cannot name another service"),
        ("service=odd", "is not KEY=VALUE"),
        ("service=shop servicefile=/nowhere", "/nowhere is not there"),
    ],
)
def test_a_service_that_leads_nowhere(tmp_path: Path, url: str, words: str) -> None:
    """No connection to somewhere else instead, and no line of the file in the message."""
    (tmp_path / ".pg_service.conf").write_text(_SERVICES)
    with pytest.raises(UsageError, match=words) as caught:
        Whereabouts(url).address()
    assert "sesame" not in f"{caught.value.message} {caught.value.why}"


@pytest.mark.parametrize(
    ("query", "variable", "mode"),
    [
        ("", None, "require"),
        ("sslmode=prefer", None, "require"),
        ("sslmode=allow", "verify-full", "require"),
        ("sslmode=verify-ca", None, "verify-ca"),
        ("", "verify-full", None),
    ],
)
def test_tls_is_asked_for_and_never_less_of_it(
    monkeypatch: pytest.MonkeyPatch, query: str, variable: str | None, mode: str | None
) -> None:
    """require_tls raises what is weaker; a stricter PGSSLMODE is left to the driver."""
    if variable:
        monkeypatch.setenv("PGSSLMODE", variable)
    found = Whereabouts(f"postgresql://db/shop?{query}", require_tls=True).address()
    assert found.tls.get("sslmode") == mode


def test_tls_that_is_ruled_out_and_required(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two settings that say the opposite are an error before anything is sent."""
    monkeypatch.setenv("PGSSLMODE", "disable")
    with pytest.raises(UsageError, match="require_tls"):
        Whereabouts("postgresql://db/shop", require_tls=True).address()
