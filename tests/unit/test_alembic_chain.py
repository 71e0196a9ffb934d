"""What is wrong with a chain of revisions, found without a database."""

from collections.abc import Mapping
from textwrap import indent

import pytest

from expandcontract.alembic.checking import check, of_run
from expandcontract.alembic.revisions import Revision, read

RENAME = 'op.ec_start("rename-column", "users.name", "display_name", name="b_rename")'
BACK = 'op.ec_rollback("b_rename")'
CONTRACT, UNDO = 'op.ec_contract("b_rename")', 'op.ec_undo("b_rename")'
SOUND = {"a": ("", "pass", "pass"), "b": ("a", RENAME, BACK), "c": ("b", CONTRACT, UNDO)}


def chain(files: Mapping[str, tuple[str, str, str]]) -> list[Revision]:
    """Return revisions from their names to what is below them, with both bodies; without one: no function."""
    return [
        read(
            "".join(
                f"def {name}():\n{indent(body, '    ')}\n\n"
                for name, body in (("upgrade", up), ("downgrade", down))
                if body
            ),
            id=id_,
            below=tuple(below.split()),
        )
        for id_, (below, up, down) in files.items()
    ]


def found(files: Mapping[str, tuple[str, str, str]]) -> list[str]:
    """Return what is found, with its place; each says why and what to do."""
    findings = list(check(chain(files)))
    assert all(each.fault.why and each.fault.do and each.fault.line for each in findings)
    return [f"{each.place} {each.fault.what}" for each in findings]


def test_a_sound_chain_has_no_finding() -> None:
    """Starts, contracts, runs and waits, with their ways back, above what is Alembic's own."""
    assert not found(
        {
            **SOUND,
            "d": ("c", 'op.ec_run("set-default", "users.age", "0", name="d")', 'op.ec_rollback("d")'),
            "e": ("d", 'op.ec_wait("b_rename", "hidden", "1h")', "pass"),
            "f": ("e", "op.drop_table('t')", "op.create_table('t')"),
        }
    )


@pytest.mark.parametrize(
    ("files", "what"),
    [
        pytest.param(
            {"b": ("a", f"{RENAME}\nop.drop_table('t')", BACK)}, "b:3 stands beside an operation", id="mixed"
        ),
        pytest.param(
            {"b": ("a", f"{RENAME}\n{CONTRACT}", BACK)}, "b:3 is a second operation", id="two of ours"
        ),
        pytest.param({"b": ("a", "op.ec_start(*WORDS)", "")}, "b:2 gives ec_start something", id="computed"),
        pytest.param(
            {"d": ("c", RENAME.replace("users.name", "users.age"), BACK)},
            "d:2 ec_start b_rename: b does that already",
            id="a name twice",
        ),
        pytest.param(
            {"d": ("c", CONTRACT, UNDO)}, "d:2 ec_contract b_rename: c does that", id="contract twice"
        ),
        pytest.param(
            {"d": ("c", 'op.ec_contract("d")', 'op.ec_undo("d")')},
            "d:2 ec_contract d: no revision begins that change",
            id="without a start",
        ),
        pytest.param(
            {"d": ("c", 'op.ec_undo("d")', "")},
            "d:2 ec_undo d: no revision begins",
            id="undo without a start",
        ),
        pytest.param(
            {"d": ("c", 'op.ec_rollback("d")', "")}, "d:2 ec_rollback d: no revision", id="rollback without"
        ),
        pytest.param(
            {"b": ("a", CONTRACT, UNDO), "c": ("b", RENAME, BACK)},
            "b:2 ec_contract b_rename comes before c, which begins it",
            id="contract before start",
        ),
        pytest.param(
            {"c": ("a", CONTRACT, UNDO)},
            "c:2 ec_contract b_rename comes before b",
            id="start in another branch",
        ),
        pytest.param(
            {"b": ("a", RENAME.replace("rename-column", "rename-colum"), BACK)},
            "b:2 There is no kind of change 'rename-colum'",
            id="unknown kind",
        ),
        pytest.param(
            {"b": ("a", RENAME.replace('"display_name"', '"x", "y"'), BACK)},
            "b:2 rename-column does not take 'y'",
            id="a word too many",
        ),
        pytest.param(
            {"b": ("a", RENAME.replace('"display_name", ', ""), BACK)},
            "b:2 rename-column needs the field 'new_name'",
            id="a word too few",
        ),
        pytest.param(
            {"b": ("a", RENAME.replace("name=", "upsert=True, name="), BACK)},
            "b:2 rename-column has no field 'upsert'",
            id="unknown option",
        ),
        pytest.param(
            {"b": ("a", RENAME.replace(', name="b_rename"', ""), "")},
            "b:2 ec_start gives no name",
            id="nameless",
        ),
        pytest.param(
            {"c": ("b", CONTRACT.replace(")", ', soak="a while")'), UNDO)}, "c:2 'a while'", id="soak"
        ),
        pytest.param(
            {"b": ("a", RENAME.replace('name="b_rename"', 'name="b/rename"'), "")},
            "b:2 'b/rename' is no name of a change",
            id="no name",
        ),
        pytest.param(
            {"b": ("a", RENAME.replace("name=", 'acknowledge="upsert", name='), BACK)},
            "b:2 acknowledge is a text",
            id="codes that are a text",
        ),
        pytest.param(
            {"b": ("a", RENAME, UNDO)},
            "b:5 ec_undo b_rename does not take back ec_start",
            id="downgrade of another",
        ),
        pytest.param(
            {"b": ("a", RENAME, BACK.replace("b_", "c_"))},
            "b:5 ec_rollback c_rename does not take back ec_start b_rename",
            id="downgrade of another change",
        ),
        pytest.param(
            {"b": ("a", RENAME, "pass")}, "b:4 ec_start b_rename is not taken back", id="downgrade of nothing"
        ),
        pytest.param(
            {"d": ("c", "other()", BACK)},
            "d:5 takes back b_rename, which the upgrade",
            id="a stray downgrade",
        ),
    ],
)
def test_what_does_not_fit_is_found_with_its_line(
    files: Mapping[str, tuple[str, str, str]], what: str
) -> None:
    """Each kind of fault in one chain that is otherwise sound."""
    said = found({**SOUND, **files})
    assert any(each.startswith(what) for each in said), said


@pytest.mark.parametrize("down", ["raise NotImplementedError", ""])
def test_a_downgrade_that_cannot_be_may_say_so(down: str) -> None:
    """By raising, or by not being there."""
    assert not found({**SOUND, "b": ("a", RENAME, down)})


BRANCHES = {
    "a": ("", "pass", "pass"),
    "b": ("a", RENAME, BACK),
    "x": (
        "a",
        'op.ec_start("change-type", "users.{}", type="int8", swap=True, name="x")',
        'op.ec_rollback("x")',
    ),
    "m": ("b x", "pass", "pass"),
}


def branches(column: str) -> dict[str, tuple[str, str, str]]:
    """Return two branches, of which one is about that column, merged."""
    return {id_: (below, up.format(column), down) for id_, (below, up, down) in BRANCHES.items()}


@pytest.mark.parametrize("column", ["name", "display_name"])
def test_one_column_in_two_branches_is_found(column: str) -> None:
    """The one that is there as well as the one that comes: which one is first differs between databases."""
    (said,) = found(branches(column))
    assert said.startswith(f"x:2 x and b_rename of b are both about {column}")


def test_two_columns_of_one_table_in_two_branches_are_well() -> None:
    """They have nothing to do with each other, in whichever order."""
    assert not found(branches("age"))


def test_one_column_in_one_line_is_well() -> None:
    """The second change begins after the first one everywhere."""
    files = branches("display_name")
    assert not found(
        {**files, "c": ("b", CONTRACT, UNDO), "x": ("c", *files["x"][1:]), "m": ("x", "pass", "pass")}
    )


def test_a_run_is_asked_only_for_what_concerns_it() -> None:
    """A fault in what was carried out before is no reason to stop; one of a pending revision is."""
    faulty = chain(branches("name"))
    assert not list(of_run(faulty, {"m"}))
    assert [each.revision.id for each in of_run(faulty, {"b"})] == ["x"]
    assert [each.revision.id for each in of_run(faulty, {"x", "m"})] == ["x"]
