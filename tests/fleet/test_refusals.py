"""What a fleet refuses before any of its databases is changed, and what one does not do to the others."""

import json

import pytest

from expandcontract.testing.server import Server
from tests.fleet.conftest import CHANGE, Make, execute

SECRET = "correct-horse"


def test_two_names_of_one_database_and_a_ledger_of_another_version_are_named(desk: Make) -> None:
    """One database by two addresses is known by what it is; of an older ledger the next command is said; one
    that cannot be reached keeps nobody from the others. `run` changes nothing where one of the first two is.
    """
    fleet = desk("one", "old", "new")
    fleet.urls["same"] = fleet.urls["one"] + "&connect_timeout=7"
    fleet.inventory("")
    (both,) = [each for each in fleet.read("fleet", "targets", code=4)["targets"] if each["fault"]]
    assert {both["name"], both["fault"].split()[-1]} == {"one", "same"}
    fleet.ec("fleet", "plan", "rename-column", "users.email", "mail")
    assert fleet.read("fleet", "run", CHANGE, code=2)["code"] == "EC212"

    del fleet.urls["same"]
    ledger = "expandcontract.schema_version"
    newest = f"DELETE FROM {ledger} WHERE version = (SELECT max(version) FROM {ledger})"
    execute(fleet.urls["old"], f"ALTER TABLE {ledger} DISABLE TRIGGER ALL; {newest}")
    execute(fleet.urls["new"], f"INSERT INTO {ledger} (version, name) VALUES (9999, 'later')")
    fleet.urls["gone"] = fleet.urls["one"].replace("/test_", "/gone_").replace("@", f":{SECRET}@")
    fleet.inventory("[defaults]\nparallel = 8\n[[waves]]\nname = 'all'\nmax_failed = 3\n")
    codes = {each["name"]: each["code"] for each in fleet.read("fleet", "targets", code=1)["targets"]}
    assert codes == {"one": None, "old": "EC209", "new": "EC210", "gone": "EC207"}
    refused = fleet.read("fleet", "run", CHANGE, code=2)
    assert refused["code"] in ("EC209", "EC210")
    assert "So it is with 1 more: ec fleet targets" in refused["why"]
    assert fleet.states()["one"] == "not started"

    ran = fleet.read("fleet", "run", CHANGE, "--match", "name != old, name != new", code=1)
    assert {each["target"]: each["result"] for each in ran["outcomes"]} == {"one": "done", "gone": "failed"}
    assert fleet.states()["gone"] == "cannot be reached"
    for words in (
        ("targets",),
        ("run", CHANGE, "-v"),
        ("status", CHANGE),
        ("pause", CHANGE),
        ("plan", CHANGE),
    ):
        fleet.capture.readouterr()
        fleet.run("fleet", *words)
        said = fleet.capture.readouterr()
        assert SECRET not in said.out + said.err
    assert not [path for path in fleet.folder.rglob("*.*") if SECRET in _text(path)]


def _text(path: "object") -> str:
    from pathlib import Path

    assert isinstance(path, Path)
    return "" if path.name == "fleet.toml" or path.is_dir() else path.read_text()


@pytest.mark.slow
def test_what_cannot_be_taken_back_wants_the_number_of_targets(
    desk: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Purge without the number, or with another one, drops nothing and says the number; undo brings all
    back.
    """
    monkeypatch.setenv("EC_FRESH", "1")
    fleet = desk("one", "two", rows=1)
    fleet.inventory("")
    fleet.ec("fleet", "plan", "drop-column", "users.email")
    change = "0001_drop_users_email"
    found = json.loads((fleet.folder / "phases" / change / "fleet.json").read_text())
    assert [len(wave["targets"]) for wave in found["waves"]] == [2]
    codes = fleet.read("fleet", "plan", change)["plans"][0]["acknowledge"]
    agreed = [word for code in codes for word in ("--acknowledge", code)]
    fleet.ec("fleet", "run", change, "--until", "contract", *agreed)
    assert set(fleet.states(change).values()) == {"hidden"}
    for confirm in ((), ("--confirm", "1"), ("--confirm", "3")):
        refused = fleet.read("fleet", "purge", change, "--now", *confirm, code=4)
        assert (refused["code"], refused["next"]) == ("EC313", f"ec fleet purge {change} --now --confirm 2")
    assert fleet.read("fleet", "undo", change)["results"] == {"done": 2}
    fleet.ec("fleet", "contract", change)
    assert fleet.read("fleet", "purge", change, "--now", "--confirm", "2")["results"] == {"done": 2}
    assert set(fleet.states(change).values()) == {"purged"}
    fleet.ec("fleet", "report", change, "--output", "records")
    assert sorted(path.name for path in (fleet.folder / "records").iterdir()) == ["one.md", "two.md"]


@pytest.mark.slow
def test_a_standby_is_refused(desk: Make, server: Server) -> None:
    """A target that is a standby has whatever is done on its primary, and is named."""
    fleet = desk("primary")
    with Server.start(server.version) as primary, Server.replica(primary) as standby:
        fleet.urls = {"standby": standby.url()}
        fleet.inventory("")
        (found,) = fleet.read("fleet", "targets", code=4)["targets"]
    assert "is a standby" in found["fault"]
