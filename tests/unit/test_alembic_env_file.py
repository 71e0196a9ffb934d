"""What env.py needs, put into the forms that it has in the world."""

from importlib.resources import files

import pytest

from expandcontract.alembic.env_file import NotKnown, difference, edited

GUIDE = """
from alembic import context
from sqlalchemy.ext.asyncio import create_async_engine

# größe: Umlaute zählen für den Baum in Bytes
def do_run_migrations(connection):
    context.configure(connection=connection, target_metadata=target_metadata)
    with context.begin_transaction():
        context.run_migrations()


async def run_migrations_online():
    engine = create_async_engine(DATABASE_URL)
    größe = 1; async_engine = engine
    async with engine.begin() as connection:  # as the guide has it
        await connection.run_sync(do_run_migrations)
    await engine.dispose()
"""

#: As the template of FastAPI and its tutorials have it.
FASTAPI = """
from alembic import context

def run_migrations_offline():
    url = get_url()
    context.configure(
        url=url, target_metadata=target_metadata, literal_binds=True, compare_type=True
    )

def run_migrations_online():
    connectable = engine_from_config(
        configuration, prefix="sqlalchemy.", poolclass=pool.NullPool,
    )

    with connectable.connect() as connection:
        context.configure(
            connection=connection, target_metadata=target_metadata, compare_type=True
        )

        with context.begin_transaction():
            context.run_migrations()
"""

HOOKS = """
from alembic import context

with engine.begin() as connection:
    context.configure(
        connection,
        include_object=include_object,
        target_metadata=target_metadata,
        process_revision_directives=own,  # no empty revisions
        compare_type=True,  # types too
    )
    context.run_migrations()
"""


def changed(source: str) -> list[str]:
    """Return the lines that go and come; what is written needs nothing more."""
    after = edited(source)
    assert edited(after) == after
    return [
        line
        for line in difference(source, after, "env.py").splitlines()
        if line[0] in "+-" and line[:3] not in ("+++", "---") and line not in ("+", "-")
    ]


def template(name: str) -> str:
    """Return the env.py of one of Alembic's templates."""
    return files("alembic").joinpath(f"templates/{name}/env.py").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        (
            "generic",
            [
                "+import expandcontract.alembic as ec",
                "+        **ec.options(),",
                "-            connection=connection, target_metadata=target_metadata",
                "+            connection=connection, target_metadata=target_metadata,",
                "+            **ec.options(connection),",
            ],
        ),
        (
            "async",
            [
                "+import expandcontract.alembic as ec",
                "+        **ec.options(),",
                "-    context.configure(connection=connection, target_metadata=target_metadata)",
                "+    context.configure(",
                "+        connection=connection, target_metadata=target_metadata,",
                "+        **ec.options(connection),",
                "+    )",
            ],
        ),
    ],
)
def test_templates_of_alembic_get_what_they_lack(name: str, lines: list[str]) -> None:
    """An import, and our options in each call; those of pyproject.toml are the same files."""
    assert changed(template(name)) == lines


def test_a_template_for_several_databases_is_refused() -> None:
    """One chain is carried out in several databases there."""
    with pytest.raises(NotKnown, match="several databases"):
        edited(template("multidb"))


def test_a_guides_begin_becomes_connect() -> None:
    """Alembic has to own its transaction; the comment stays."""
    lines = changed(GUIDE)
    assert "-    async with engine.begin() as connection:  # as the guide has it" in lines
    assert "+    async with engine.connect() as connection:  # as the guide has it" in lines
    assert "+        **ec.options(connection)," in lines


def test_each_of_several_ways_gets_our_options() -> None:
    """An env.py may have one for an async engine, and one for a connection that tests hand to it."""
    lines = changed(f"{GUIDE}\nwith engine.begin() as given:\n    context.configure(connection=given)\n")
    assert "+        **ec.options(connection)," in lines
    assert "+    context.configure(connection=given, **ec.options(given))" in lines
    assert "+with engine.connect() as given:" in lines


def test_a_begin_that_is_not_alembics_stays() -> None:
    """Whatever else env.py does with the engine."""
    source = GUIDE.replace("await connection.run_sync(do_run_migrations)", "await connection.run_sync(seed)")
    assert not [line for line in changed(source) if "connect()" in line]


def test_what_fits_on_the_line_stays_on_it() -> None:
    """As long as it is one that others would write."""
    lines = changed(FASTAPI)
    assert (
        "+        url=url, target_metadata=target_metadata, literal_binds=True, compare_type=True," in lines
    )
    assert "+        **ec.options()," in lines
    short = changed(
        FASTAPI.replace(", compare_type=True", "").replace("target_metadata=target_metadata", "x=x")
    )
    assert "+            connection=connection, x=x, **ec.options(connection)" in short


def test_a_call_that_ends_on_the_line_of_its_last_argument() -> None:
    """With a comma or without one."""
    source = "from alembic import context\ncontext.configure(\n    connection=c,\n    x=x{})\n"
    assert changed(source.format(",")) == [
        "+import expandcontract.alembic as ec",
        "-    x=x,)",
        "+    x=x, **ec.options(c))",
    ]
    assert "+    x=x, **ec.options(c))" in changed(source.format(""))


def test_hooks_go_into_our_options() -> None:
    """Ours asks them after itself; comments stay where they are."""
    assert set(changed(HOOKS)) == {
        "+import expandcontract.alembic as ec",
        "-with engine.begin() as connection:",
        "+with engine.connect() as connection:",
        "-        include_object=include_object,",
        "-        process_revision_directives=own,  # no empty revisions",
        "+        # no empty revisions",
        "+        **ec.options(connection, include_object=include_object, process_revision_directives=own),",
    }


def test_line_ends_of_windows_stay() -> None:
    """Every line has them afterwards, too."""
    after = edited(template("async").replace("\n", "\r\n"))
    assert after.count("\n") == after.count("\r\n")


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("def run():\n  from alembic import context\n  context.configure(connection=c)", "Nothing is imp"),
        ("import this", "no call of context.configure"),
        ("from alembic import context\ncontext.configure(url=url)", "No call"),
        (GUIDE.replace("target_metadata)", "target_metadata, **arguments)"), "may hold hooks"),
        (f"{GUIDE}\nec = 1", "ec is the name of something else"),
    ],
)
def test_what_is_not_known_is_left_to_a_person(source: str, why: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(NotKnown, match=why):
        edited(source)
