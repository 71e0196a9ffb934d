"""What autogenerate makes of differences between models and database, told by tables, without a server."""

import re
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import pytest
import sqlalchemy as sa
from alembic.autogenerate import render_python_code
from alembic.migration import MigrationContext
from alembic.operations import ops
from alembic.util import CommandError
from sqlalchemy import orm
from sqlalchemy.dialects import postgresql

import expandcontract.alembic  # noqa: F401 - registers the operations
from expandcontract.alembic.at_once import at_once
from expandcontract.alembic.autogenerate import named, rewrite


def users(*items: Any, **columns: Any) -> sa.Table:  # noqa: ANN401
    """Return a table of users with these columns, of types or as they are."""
    made = [
        each._copy() if isinstance(each, sa.Column) else sa.Column(name, each)
        for name, each in columns.items()
    ]
    for column, name in zip(made, columns, strict=True):
        column.name = column.key = name
    return sa.Table("users", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True), *made, *items)


def differences(old: sa.Table, new: sa.Table) -> Iterator[Any]:
    """Yield what Alembic would find, in its order."""
    yield from (ops.AddColumnOp.from_column(c) for c in new.columns if c.name not in old.columns)
    was, now = ({str(each.name): each for each in table.indexes} for table in (old, new))
    for name in sorted({*was, *now}):
        keys = [[str(getattr(e, "name", e)) for e in t[name].expressions] for t in (was, now) if name in t]
        if len(keys) == 2 and keys[0] == keys[1]:
            continue
        yield from [ops.DropIndexOp.from_index(was[name])] if name in was else []
        yield from [ops.CreateIndexOp.from_index(now[name])] if name in now else []
    for column in old.columns:
        if column.name not in new.columns:
            yield ops.DropColumnOp.from_column_and_tablename(None, "users", column)


def scripts(
    found: Sequence[Any], metadata: sa.MetaData, message: str | None = None
) -> list[ops.MigrationScript]:
    """Return the revisions that come of what Alembic found of users."""
    upgrade = ops.UpgradeOps([ops.ModifyTableOps("users", list(found))])
    downgrade = upgrade.reverse_into(ops.DowngradeOps([]))
    made = [ops.MigrationScript("4f1c2a", upgrade, downgrade, head="base", message=message)]
    rewrite(context(metadata), made)
    return made


def context(metadata: sa.MetaData | None = None) -> MigrationContext:
    """Return Alembic's context, without a database."""
    return MigrationContext.configure(dialect_name="postgresql", opts={"target_metadata": metadata})


def code(script: ops.MigrationScript, *, down: bool = False) -> str:
    """Return the body of a revision's function."""
    body = script.downgrade_ops if down else script.upgrade_ops
    assert body is not None
    text = render_python_code(body, migration_context=context())
    return "\n".join(line.strip() for line in text.splitlines() if not line.strip().startswith("# ###"))


def generated(old: sa.Table, new: sa.Table) -> list[str]:
    """Return what each revision does."""
    return [code(script) for script in scripts(list(differences(old, new)), new.metadata)]


def hinted(type_: Any, old: str = "name") -> sa.Column[Any]:  # noqa: ANN401
    """Return a column that says what it was called."""
    return sa.Column("x", type_, info={"renamed_from": old})


def test_a_rename_is_two_revisions_with_the_command_s_own_first() -> None:
    """The first has the number and message that were asked for, and its change is called after it."""
    old, new = users(name=sa.Text), users(display_name=hinted(sa.Text))
    start, contract = scripts(list(differences(old, new)), new.metadata, message="greet")
    assert (start.rev_id, start.message, start.head) == ("4f1c2a", "greet", "base")
    assert (contract.head, contract.message) == ("4f1c2a", "contract rename users name")
    name = "4f1c2a_rename_users_name"
    assert code(start).splitlines()[-1] == (
        f"op.ec_start('rename-column', 'users.name', 'display_name', name='{name}')"
    )
    assert code(start).startswith("# Old and new code both run from here on")
    assert code(start, down=True) == f"op.ec_rollback('{name}')"
    assert code(contract).splitlines()[-1] == f"op.ec_contract('{name}', soak='1d')"
    assert code(contract, down=True) == f"op.ec_undo('{name}')"


def test_a_change_s_name_has_room_in_63_bytes() -> None:
    """As the database keeps no more."""
    assert len(named("4f1c2a5d6e7f", "rename_" + "x" * 60)) == 63
    assert named("4f1c2a", "rename_users_name") == "4f1c2a_rename_users_name"


def test_indexes_go_with_the_column_under_the_model_s_names() -> None:
    """Nothing is built that is carried anyway; only names that the server would not choose are told."""
    old = users(sa.Index("ix_users_name", "name"), sa.Index("find", "name", "id"), name=sa.Text)
    new = users(
        sa.Index("ix_users_display_name", "display_name"),
        sa.Index("find", "display_name", "id"),
        display_name=hinted(sa.Text),
    )
    start, _contract = generated(old, new)
    assert "names={'find': 'find'}" in start
    assert "index" not in start.replace("names", "")


def test_an_index_that_has_the_column_in_its_condition_alone_keeps_its_name() -> None:
    """Alembic does not compare conditions: nothing else says that the model has it still."""
    old = users(sa.Index("found", "id", postgresql_where=sa.text("name IS NOT NULL")), name=sa.Text)
    new = users(
        sa.Index("found", "id", postgresql_where=sa.text("display_name IS NOT NULL")),
        display_name=hinted(sa.Text),
    )
    start, _contract = generated(old, new)
    assert "names={'found': 'found'}" in start


def test_a_rename_that_says_another_thing_of_null_leaves_that_for_later() -> None:
    """One change does not do both, and neither is left out in silence."""
    given = sa.Column("x", sa.Text, nullable=False, info={"renamed_from": "name"})
    old, new = users(name=sa.Text), users(display_name=given)
    start, _contract = generated(old, new)
    assert "Left for later: set-not-null users.display_name" in start


def test_an_index_on_an_expression_goes_along() -> None:
    """The server adds casts and parentheses to what it keeps."""
    old = users(sa.Index("by_name", sa.text("lower((name)::text)")), name=sa.String(9))
    new = users(display_name=hinted(sa.String(9)))
    sa.Index("by_display", sa.func.lower(new.c.display_name))
    start, _contract = generated(old, new)
    assert "names={'by_name': 'by_display'}" in start


def test_a_hint_with_another_type_is_a_change_of_type() -> None:
    """Under the new name."""
    start, contract = generated(users(cents=sa.Integer), users(total=hinted(sa.BigInteger, "cents")))
    assert "op.ec_start('change-type', 'users.cents', name=" in start
    assert "type='BIGINT', to='total'" in start
    assert "op.ec_contract(" in contract


def test_the_class_may_have_the_hints() -> None:
    """By the names of its columns or attributes, from a mixin as well."""

    class Base(orm.DeclarativeBase):
        pass

    class Renamed:
        __ec_renames__: ClassVar = {"shown": "name", "mail": "post"}

    class User(Renamed, Base):
        __tablename__ = "users"
        id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
        shown: orm.Mapped[str] = orm.mapped_column("display_name", sa.Text)
        mail: orm.Mapped[str] = orm.mapped_column(sa.Text)

    table = User.__table__
    assert isinstance(table, sa.Table)
    texts = generated(users(name=sa.Text, post=sa.Text), table)
    assert [re.findall(r"'users\.\w+', '\w+'", text) for text in texts[:2]] == [
        ["'users.name', 'display_name'"],
        ["'users.post', 'mail'"],
    ]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            users(other=sa.Text),
            users(display_name=hinted(sa.Text)),
            "display_name was called name, as it says, and the table has no such column",
        ),
        (
            users(name=sa.Text),
            users(name=sa.Text, display_name=hinted(sa.Text)),
            "display_name was called name, as it says, and name is still in the model",
        ),
        (
            users(name=sa.Text),
            users(first=hinted(sa.Text), last=hinted(sa.Text)),
            "both first and last were called name",
        ),
    ],
    ids=["no such column", "still in the model", "two"],
)
def test_a_hint_that_cannot_be_meant_is_refused(old: sa.Table, new: sa.Table, said: str) -> None:
    """With the code of a usage error and what to do; no revision is written."""
    with pytest.raises(
        CommandError, match=f"EC201 The model of users: {said}.*No revision was written.*Next"
    ):
        generated(old, new)


def test_a_hint_of_a_column_that_is_there_says_nothing_any_more() -> None:
    """It may stay in the model for ever."""
    table = users(display_name=hinted(sa.Text))
    assert generated(table, users(display_name=hinted(sa.Text), bio=sa.Text)) == [
        "op.add_column('users', sa.Column('bio', sa.Text(), nullable=True))"
    ]


def test_a_rename_is_never_guessed() -> None:
    """The column comes, the old one stays, and the file says which line decides."""
    (only,) = generated(users(sa.Index("ix_users_name", "name"), name=sa.Text), users(display_name=sa.Text))
    assert "op.add_column('users', sa.Column('display_name', sa.Text(), nullable=True))" in only
    assert "# Is users.display_name what users.name was?" in only
    assert '#     info={"renamed_from": "name"}' in only
    assert "#     op.drop_column('users', 'name')" in only
    assert "\nop.drop" not in only


def test_a_column_of_another_type_is_no_rename() -> None:
    """It is dropped by a change of its own, and takes its indexes along."""
    first, start, contract = generated(
        users(sa.Index("ix_users_fax", "fax"), fax=sa.Text), users(size=sa.Integer)
    )
    assert "add_column" in first
    assert "op.ec_start('drop-column', 'users.fax'" in start
    assert "op.ec_contract" in contract


def test_what_needs_a_column_of_an_open_change_is_left_for_later() -> None:
    """It could not be begun before that is contracted, and the file says so."""
    new = users(sa.Index("again", "display_name"), display_name=hinted(sa.Text))
    start, _contract = generated(users(name=sa.Text), new)
    assert "# Left for later: add-index users, display_name." in start
    assert len([line for line in start.splitlines() if not line.startswith("#")]) == 1


def test_what_is_done_at_once_comes_before_what_is_open_for_days() -> None:
    """An index on a column that gets NOT NULL is built before."""
    new = users(sa.Index("ix_users_size", "size"), size=sa.Column("x", sa.Integer, nullable=False))
    texts = generated(users(), new)
    assert [re.findall(r"op\.(\w+)\('?(\w*)", text)[-1] for text in texts] == [
        ("add_column", "users"),
        ("ec_run", "add"),
        ("ec_start", "set"),
        ("ec_contract", texts[2].split("name='")[1][:12] + "_set_not_null_users_size"),
    ]


def test_an_index_that_changes_under_its_name_steps_aside_first() -> None:
    """The new one is built while the old one serves, and the old one goes afterwards."""
    old = users(sa.Index("ix", "size"), size=sa.Integer)
    new = users(sa.Index("ix", "size", "id"), size=sa.Integer)
    first, built, dropped, _contract = generated(old, new)
    assert "ALTER INDEX ix RENAME TO ix_old" in first
    assert "op.ec_run('add-index', 'users', 'size, id'" in built
    assert "called='ix'" in built
    assert "op.ec_start('drop-index', 'ix_old'" in dropped


def test_all_that_is_said_of_an_index_is_carried_over() -> None:
    """In the words of the kind."""
    new = users(
        sa.Index(
            "ix_Users",
            sa.text("lower(name) DESC"),
            postgresql_using="btree",
            postgresql_where=sa.column("size") > 3,
            postgresql_include=["size"],
            postgresql_with={"fillfactor": 70},
        ),
        name=sa.Text,
        size=sa.Integer,
    )
    (built,) = generated(users(name=sa.Text, size=sa.Integer), new)
    assert "'lower(name) DESC'" in built
    for said in (
        "called='\"ix_Users\"'",
        "method='btree'",
        "where='size > 3'",
        "include='size'",
        "storage='fillfactor = 70'",
    ):
        assert said in built


def test_a_table_of_the_same_revision_stays_alembic_s() -> None:
    """Nobody uses it yet."""
    table = users(sa.Index("ix", "size"), size=sa.Integer)
    upgrade = ops.UpgradeOps(
        [
            ops.CreateTableOp.from_table(table),
            ops.ModifyTableOps("users", [ops.CreateIndexOp.from_index(next(iter(table.indexes)))]),
        ]
    )
    made = [ops.MigrationScript("4f", upgrade, upgrade.reverse_into(ops.DowngradeOps([])))]
    rewrite(context(table.metadata), made)
    (script,) = made
    assert "op.create_index('ix'" in code(script)
    assert "lock_timeout" not in code(script)


def test_a_table_s_rename_is_not_guessed_either() -> None:
    """One goes and one of its columns comes: the old one stays, and the file says what decides."""
    old, new = users(size=sa.Integer), sa.Table("people", sa.MetaData(), sa.Column("id", sa.Integer))
    new.append_column(sa.Column("size", sa.Integer))
    upgrade = ops.UpgradeOps([ops.CreateTableOp.from_table(new), ops.DropTableOp.from_table(old)])
    made = [ops.MigrationScript("4f", upgrade, upgrade.reverse_into(ops.DowngradeOps([])))]
    rewrite(context(new.metadata), made)
    (script,) = made
    assert "op.create_table('people'" in code(script)
    assert "# Is people what users was?" in code(script)
    assert "#     op.ec_start(\"rename-table\", 'users', 'people'" in code(script)
    assert "\nop.ec_start" not in code(script)


@pytest.mark.parametrize(
    ("was", "to", "expected"),
    [
        (sa.String(20), sa.String(80), True),
        (sa.String(20), sa.Text(), True),
        (sa.Text(), sa.String(), True),
        (sa.String(80), sa.String(20), False),
        (sa.Text(), sa.String(20), False),
        (sa.CHAR(20), sa.String(80), False),
        (sa.Numeric(10, 2), sa.Numeric(12, 2), True),
        (sa.Numeric(10, 2), sa.Numeric(), True),
        (sa.Numeric(10, 2), sa.Numeric(12, 4), False),
        (sa.Integer(), sa.BigInteger(), False),
        (postgresql.TIMESTAMP(precision=3), postgresql.TIMESTAMP(), True),
        (sa.DateTime(), sa.DateTime(timezone=True), False),
        (postgresql.CIDR(), postgresql.INET(), True),
        (postgresql.JSON(), postgresql.JSONB(), False),
        (sa.Float(), sa.Double(), False),
        (sa.Enum("a", name="mood"), sa.String(), False),
    ],
)
def test_what_the_server_does_at_once(was: Any, to: Any, expected: bool) -> None:  # noqa: ANN401
    """As the manual has it; what is not known to be so, is not."""
    assert at_once(was, to) is expected
