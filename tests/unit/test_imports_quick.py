"""What a process pays before it does anything."""

import subprocess
import sys

SCRIPT = """
import pydantic

def refuse(*_, **__):
    raise AssertionError("a validator is made by an import")

pydantic.TypeAdapter.__init__ = refuse
import expandcontract.alembic.looking
import expandcontract.cli
"""


def test_no_import_makes_the_validator_of_a_whole_document() -> None:
    """Those of plans and catalogs take longer to make than everything else takes to import, and few processes
    need both.
    """
    ran = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
