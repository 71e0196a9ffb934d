import importlib.util

import pytest

from expandcontract.changes import registry
from expandcontract.cli.app import VERBS, module_of
from expandcontract.cli.entry import run
from tests.golden.kept import same

#: `ec plan` and `ec run` take the same kinds with the same arguments.
KINDS = [["start", kind] for kind in registry.kinds()]
KINDS += [[verb, "rename-column"] for verb in ("plan", "run")]


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
        assert importlib.util.find_spec(module_of(verb)) is not None, verb
