import importlib.util

import pytest

from expandcontract.changes import registry
from expandcontract.cli.app import VERBS
from expandcontract.cli.entry import run
from tests.golden.kept import same

KINDS = [[verb, kind] for verb in ("plan", "start", "run") for kind in registry.kinds()]


@pytest.mark.parametrize(
    "words", [[], *([verb] for verb in VERBS), *KINDS], ids=lambda words: "_".join(["ec", *words])
)
def test_help(words: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Every command says what it does and what it takes, in 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")
    assert run([*words, "--help"]) == 0
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 80
    same(f"help/{'_'.join(['ec', *words])}.txt", text)


def test_every_verb_has_a_module() -> None:
    """The table of verbs and the folder of commands say the same."""
    for verb in VERBS:
        assert importlib.util.find_spec(f"expandcontract.cli.commands.{verb}") is not None, verb
