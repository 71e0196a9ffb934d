"""A change through a few databases: planned, begun in waves, stopped by a failure, gone on with."""

from pathlib import Path

from tests.fleet.conftest import CHANGE, READY, Make, execute

WAVES = """
[[waves]]
name = "canary"
match = "tier = canary"

[[waves]]
name = "rest"
parallel = 1
"""


def test_a_wave_is_stopped_by_its_first_failure_and_goes_on_from_the_ledgers(desk: Make) -> None:
    """Plans are grouped by what they do; the first failure of a wave keeps the others from being begun, and
    run again the same command begins with what is left and touches nothing that is there.
    """
    fleet = desk("canary", 'it\'s "one"', "two")
    fleet.inventory(WAVES, canary="canary")
    planned = fleet.read("fleet", "plan", "rename-column", "users.email", "mail")
    assert planned["change"] == CHANGE
    assert [len(group["targets"]) for group in planned["plans"]] == [3]
    first, second = (each["target"] for each in planned["targets"] if each["wave"] == "rest")

    execute(fleet.urls[first], "ALTER TABLE users ADD CHECK (length(email) > 1)")
    stopped = fleet.read("fleet", "run", CHANGE, code=4)
    assert stopped["stopped_in"] == "rest"
    assert stopped["left"] == [second]
    assert [(each["target"], each["result"]) for each in stopped["outcomes"]] == [
        ("canary", "done"),
        (first, "failed"),
    ]
    assert stopped["outcomes"][1]["error"]["code"] == "EC307"
    assert "compiles to another plan" in stopped["outcomes"][1]["said"]
    assert fleet.states()[second] == "not started"

    groups = fleet.read("fleet", "plan", CHANGE)["plans"]
    assert [group["targets"] for group in groups] == [sorted(["canary", second]), [first]]
    assert any("users_mail_check" in each for each in groups[1]["differs"])
    assert len(list(Path("phases", CHANGE, "plans").glob("*.sql"))) == 2
    done = fleet.read("fleet", "run", CHANGE)
    assert done["results"] == {"done": 2, "passed": 1}
    assert set(fleet.states().values()) <= READY

    index = next(each["index"] for each in planned["targets"] if each["target"] == first)
    beyond = ("fleet", "exec", "--wave", "rest", "--index", "2", "--json", "--", "status", CHANGE)
    assert "it has 2 targets" in fleet.ec(*beyond, code=2)
    one = fleet.ec("fleet", "exec", "--wave", "rest", "--index", str(index), "--json", "--", "status", CHANGE)
    assert '"ready": true' in one
