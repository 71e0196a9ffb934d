"""A project of Alembic's in a folder: env.py in the forms that people have, revisions, commands."""

import io
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

from alembic import command
from alembic.config import Config

ENV = {
    "async": """
        import asyncio
        import os

        from alembic import context
        from sqlalchemy import pool
        from sqlalchemy.ext.asyncio import create_async_engine

        import expandcontract.alembic as ec
        {models}

        def do_run_migrations(connection):
            context.configure(
                connection=connection, target_metadata=target_metadata,
                {configure}**ec.options(connection{options}),
            )
            with context.begin_transaction():
                context.run_migrations()


        async def run_migrations_online():
            engine = create_async_engine(os.environ["DATABASE_URL"], poolclass=pool.NullPool)
            async with engine.{opens}() as connection:
                await connection.run_sync(do_run_migrations)
            await engine.dispose()


        def run_migrations_offline():
            context.configure(
                url=os.environ["DATABASE_URL"], target_metadata=target_metadata, literal_binds=True,
                **ec.options({options_offline})
            )
            with context.begin_transaction():
                context.run_migrations()


        if context.is_offline_mode():
            run_migrations_offline()
        else:
            asyncio.run(run_migrations_online())
    """,
    "sync": """
        import os

        from alembic import context
        from sqlalchemy import create_engine, pool

        import expandcontract.alembic as ec
        {models}

        def run_migrations_online():
            engine = create_engine(os.environ["DATABASE_URL"], poolclass=pool.NullPool)
            with engine.{opens}() as connection:
                context.configure(
                    connection=connection, target_metadata=target_metadata,
                    {configure}**ec.options(connection{options}),
                )
                with context.begin_transaction():
                    context.run_migrations()


        def run_migrations_offline():
            context.configure(
                url=os.environ["DATABASE_URL"], target_metadata=target_metadata, literal_binds=True,
                **ec.options({options_offline})
            )
            with context.begin_transaction():
                context.run_migrations()


        if context.is_offline_mode():
            run_migrations_offline()
        else:
            run_migrations_online()
    """,
}

DRIVERS = {"async": "postgresql+asyncpg", "sync": "postgresql+psycopg"}


@dataclass(frozen=True)
class Ran:
    """What a command did that ran in a process of its own."""

    code: int
    out: str


class Project:
    """A project whose env.py has one of the `ENV` forms, on the database of `url`."""

    def __init__(self, folder: Path, url: str, form: str = "async") -> None:
        self.folder, self.form = folder, form
        self.url = url.replace("postgresql", DRIVERS[form], 1)
        (folder / "versions").mkdir(parents=True, exist_ok=True)
        # What is written twice in a second, as long as before, Python takes for what it has compiled. Where
        # this is no folder it keeps nothing.
        for place in (folder, folder / "versions"):
            (place / "__pycache__").touch()
        (folder / "alembic.ini").write_text(f"[alembic]\nscript_location = {folder}\n", encoding="utf-8")
        (folder / "script.py.mako").write_text(_MAKO, encoding="utf-8")
        self.env()

    def env(
        self,
        *,
        models: str | None = None,
        options: str = "",
        configure: str = "",
        opens: str = "connect",
    ) -> None:
        """Write env.py: `models` is a module with `target_metadata`, the others go in as they are."""
        text = dedent(ENV[self.form]).format(
            models=f"from {models} import target_metadata\n" if models else "target_metadata = None\n",
            options=f", {options}" if options else "",
            options_offline=options,
            configure=f"{configure}, " if configure else "",
            opens=opens,
        )
        (self.folder / "env.py").write_text(text, encoding="utf-8")

    def merge(self, name: str, below: tuple[str, ...]) -> None:
        """Write a revision that merges others."""
        self.revision(name, below, "pass")

    def revision(self, name: str, below: str | tuple[str, ...] | None, up: str, down: str = "pass") -> None:
        """Write a revision whose functions have these bodies."""
        (self.folder / "versions" / f"{name}.py").write_text(
            "from alembic import op\nimport sqlalchemy as sa\n\n"
            f"revision = {name!r}\ndown_revision = {below!r}\n\n\n"
            f"def upgrade():\n{_indented(up)}\n\n\ndef downgrade():\n{_indented(down)}\n",
            encoding="utf-8",
        )

    def alembic(self, *arguments: str, environment: Mapping[str, str] | None = None) -> Ran:
        """Run `alembic` as people do, in a process of its own."""
        ran = subprocess.run(
            self.command(*arguments),
            env=self.environment(environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return Ran(ran.returncode, ran.stdout)

    def command(self, *arguments: str) -> Sequence[str]:
        """Return the words of a command line."""
        return (sys.executable, "-m", "alembic", "-c", str(self.folder / "alembic.ini"), *arguments)

    def environment(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return the environment of a process that runs `alembic`."""
        return {**os.environ, "DATABASE_URL": self.url, "PYTHONPATH": str(self.folder), **(more or {})}

    def upgrade(self, to: str = "head") -> None:
        """Upgrade within this process, which is quicker by a second."""
        self.within("upgrade", to)

    def downgrade(self, to: str = "base") -> None:
        """Downgrade within this process."""
        self.within("downgrade", to)

    def at(self) -> str:
        """Return the revision at which the database is; empty at base."""
        return self.within("current").partition(" ")[0].strip()

    def within(self, verb: str, *arguments: str, **options: object) -> str:
        """Run a command of Alembic's within this process; return what it printed."""
        printed = io.StringIO()
        config = Config(str(self.folder / "alembic.ini"), stdout=printed)
        before = os.environ.get("DATABASE_URL")
        os.environ["DATABASE_URL"] = self.url
        sys.path.insert(0, str(self.folder))
        try:
            with redirect_stdout(printed):
                getattr(command, verb)(config, *arguments, **options)
        finally:
            sys.path.remove(str(self.folder))
            if before is None:
                del os.environ["DATABASE_URL"]
            else:
                os.environ["DATABASE_URL"] = before
        return printed.getvalue()


def _indented(body: str) -> str:
    return "\n".join(f"    {line}" if line else "" for line in dedent(body).strip().splitlines())


_MAKO = '''"""${message}"""
from alembic import op
import sqlalchemy as sa
${imports if imports else ""}

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}


def upgrade():
    ${upgrades if upgrades else "pass"}


def downgrade():
    ${downgrades if downgrades else "pass"}
'''
