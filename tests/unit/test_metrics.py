"""The series that monitoring gets. Their names and labels are an interface."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]

from expandcontract import gates
from expandcontract.ledger.tally import Tally
from expandcontract.metrics.exposition import text
from expandcontract.metrics.series import OF_CHANGE, OF_DATABASE, OfChange, OfDatabase, Type
from expandcontract.metrics.watched import WatchedChange, WatchedDatabase
from expandcontract.model.phases import State
from expandcontract.model.records import Holder, Proof, Wish
from expandcontract.model.situation import Situation
from tests.golden.kept import same
from tests.unit.situations import NOW, phases, proof, situation, sweep, writer

ROOT = Path(__file__).parents[2]
CONTRIB = ROOT / "contrib"
ALL: tuple[OfDatabase | OfChange, ...] = (*OF_DATABASE, *OF_CHANGE)
SERIES = {each.name: each for each in ALL}
#: What Alertmanager's rules and Grafana's panels may be made of beside our series' own labels.
OTHERS = {"alertname", "severity", "job", "instance"}


def _watched(found: Situation, state: str, tally: Tally | None = None) -> WatchedChange:
    return WatchedChange(found, state, gates.judge_all(found), tally)


def _text(*changes: WatchedChange) -> str:
    return text([WatchedDatabase("shop", 0.25, changes, {"running": 1, "purged": 12})])


def test_every_series() -> None:
    """A change that copies, one that waits for contract, one that is hidden, and a database that is away."""
    at_work = Holder("backfill", "db-7", 411, "ada", NOW + timedelta(seconds=20), alive=True)
    copying = situation(
        phases=phases(2, running=True), copy=sweep(40, eta_seconds=12.5, active_at=NOW), compare=None,
        proof=None, holders=(at_work,), wish=Wish(paused=False),
    )  # fmt: skip
    waiting = situation(name="0002_waits", old_writers=(writer(),), conflicts=3)
    hidden = situation(name="0003_hidden", state=State.HIDDEN, phases=phases(5), hidden_at=NOW)
    tally = Tally(5, 2, 0.012, 0.101, {"replica-lag": 61.5, "max-rate": 4.0})
    found = WatchedDatabase(
        "shop",
        0.25,
        (
            _watched(copying, "running", tally),
            _watched(waiting, "waiting for gates", Tally()),
            _watched(hidden, "hidden"),
        ),
        {"running": 1, "waiting for gates": 1, "hidden": 1, "purged": 12},
    )
    same("metrics.prom", text([found, WatchedDatabase("away", 2.0)]))


def test_an_open_change_is_about_sixty_series() -> None:
    """So that a fleet of a thousand databases is no burden."""
    at_work = Holder("backfill", "db-7", 411, "ada", NOW, alive=True)
    found = situation(holders=(at_work,), old_writers=(writer(),))
    lines = [line for line in _text(_watched(found, "running", Tally(1))).splitlines() if "change=" in line]
    assert 40 <= len(lines) <= 70


@pytest.mark.parametrize(
    "gone",
    [proof(mismatches=2), proof(spoiled_at=NOW), proof(differences=("the trigger was replaced",)), None],
)
def test_a_proof_that_does_not_hold_has_no_end(gone: Proof | None) -> None:
    """An alert on a proof that ends soon must not wait for one that ended otherwise."""
    found = situation(proof=gone)
    assert "ec_proof_valid_until" not in _text(_watched(found, "waiting for gates"))


def test_an_estimate_is_told_while_somebody_works() -> None:
    """The rate of a process that died says nothing of when it will end."""
    record = sweep(40, eta_seconds=12.5)
    dead = Holder("backfill", "db-7", 411, "ada", NOW, alive=False)
    found = situation(copy=record, phases=phases(2, running=True), proof=None, holders=(dead,))
    assert "ec_eta_seconds" not in _text(_watched(found, "nobody is working on it"))


def test_hostile_names_stay_labels() -> None:
    """A name of a database or a change is a label's value, whatever it is."""
    name = 'a"} 1\nec_up{database="b\\'
    found = text([WatchedDatabase(name, 0.1, (_watched(situation(name=name), "ready to deploy"),))])
    assert not [line for line in found.splitlines() if not re.match(r"# |ec_\w+\{.*\} \S+$", line)]


def test_each_series_is_described() -> None:
    """Its help is a sentence, counters and only they end in _total, and a name is there once."""
    assert len(SERIES) == len(OF_DATABASE) + len(OF_CHANGE)
    for name, each in SERIES.items():
        assert re.fullmatch(r"[A-Z1].*\.", each.help), name
        assert (each.type == Type.COUNTER) == name.endswith("_total"), name


def test_alerts_and_panels_are_made_of_what_there_is() -> None:
    """Each name in an expression is one of ours, with labels that it has."""
    used = set[str]()
    for expression in (*_of_rules(), *_of_dashboard()):
        for name, selector in re.findall(r"\b(ec_\w+)(?:\{([^}]*)\})?", expression):
            used.add(name)
            labels = {"database", *(("change",) if SERIES[name] in OF_CHANGE else ()), *SERIES[name].labels}
            assert {*re.findall(r"(\w+)\s*[=!]~?", selector)} <= labels | OTHERS, expression
    assert len(used) > len(SERIES) * 2 / 3


def _of_rules() -> Iterator[str]:
    rules = yaml.safe_load((CONTRIB / "prometheus/ec.rules.yml").read_text())
    for group in rules["groups"]:
        for rule in group["rules"]:
            assert rule["labels"]["severity"] in {"page", "ticket"}
            yield rule["expr"]


def _of_dashboard() -> Iterator[str]:
    board = json.loads((CONTRIB / "grafana/ec.json").read_text())
    for panel in board["panels"]:
        for target in panel["targets"]:
            yield target["expr"]
    for annotation in board["annotations"]["list"]:
        yield annotation["expr"]
    for variable in board["templating"]["list"]:
        yield variable.get("definition", "")
