import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_what_a_test_starts_imports_what_was_compiled_once() -> None:
    """Else each of hundreds of processes compiles all that it imports, for most of the time that it takes."""
    asked = [sys.executable, "-c", "import sys; print(sys.dont_write_bytecode)"]
    assert subprocess.run(asked, capture_output=True, text=True, check=True).stdout == "False\n"


def test_make_keeps_what_is_compiled_whoever_calls_it() -> None:
    """Images of Python say that nothing is to be kept, and pytest itself comes from `make`."""
    rule = "asked: ; @$(PYTHON) -c 'import sys; print(sys.dont_write_bytecode)'"
    asked = ["make", "--silent", f"PYTHON={sys.executable}", "--eval", rule, "asked"]
    env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    found = subprocess.run(asked, cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    assert found.stdout == "False\n"
