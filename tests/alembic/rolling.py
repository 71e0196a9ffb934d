"""A rolling deploy: instances of images, each a process whose entrypoint is the guides', under load."""

import asyncio
import itertools
import os
import random
import re
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from expandcontract import gates
from expandcontract.engine.context import Context
from expandcontract.engine.verbs import control, status
from expandcontract.model.policy import Policy
from expandcontract.postgres.connect import Database
from tests.alembic.project import Project
from tests.waiting import until

ROOT = Path(__file__).parents[2]
APPS = Path(__file__).parent / "apps"
#: As the guides have it: who comes first migrates, the others find nothing to do.
ENTRYPOINT = '"$0" -m alembic -c "$1" upgrade head && exec "$0" -m uvicorn "$2" --port 0 --no-access-log'
PAUSE_SECONDS = 0.05
LISTENS = re.compile(r"running on (http://\S+)")


class Image:
    """What a container image holds: an application as it is in a release, and the revisions until then."""

    def __init__(self, folder: Path, url: str, app: str, release: int) -> None:
        self.url, self.app, self.release = url, app, release
        self.project = Project(folder / f"{app}{release}", url, "async" if app == "a" else "sync")
        self.project.env(models=f"tests.alembic.apps.{app}.models")
        for number in range(release + 1):
            for revision in self._revisions(number):
                shutil.copy(revision, self.project.folder / "versions")

    async def _at(self) -> str:
        connection = await asyncpg.connect(self.url)
        try:
            return str(await connection.fetchval("SELECT version_num FROM alembic_version"))
        finally:
            await connection.close()

    def _revisions(self, release: int) -> Iterator[Path]:
        return (APPS / self.app / "versions").glob(f"r{release}_*.py")

    def environment(self) -> dict[str, str]:
        """Return the environment of its containers."""
        path = os.pathsep.join((str(self.project.folder), str(ROOT)))
        return self.project.environment({"PYTHONPATH": path, "RELEASE": str(self.release)})

    async def contract(self) -> None:
        """Contract the release's change: a person has seen that no old instance is left, so that nothing has
        to be waited for, and the next `alembic upgrade head` goes on.
        """
        (start,) = (path for path in self._revisions(self.release) if "_contract_" not in path.stem)
        await _nobody_is_old(self.url, start.stem.split("_", 1)[1])
        await self.alembic("upgrade", "head", quiet_for="0s")
        assert await self._at() == f"{self.app}{self.release}c"

    async def alembic(self, *words: str, quiet_for: str = "5min") -> str:
        """Run `alembic` as a deploy step, and return what it said. It must end with 0."""
        process = await asyncio.create_subprocess_exec(
            *self.project.command(*words),
            env={**self.environment(), "EC_QUIET_FOR": quiet_for},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said = (await process.communicate())[0].decode()
        assert process.returncode == 0, said
        return said


@dataclass
class Instance:
    """A process that serves, and how many requests it has answered and is at."""

    image: Image
    process: asyncio.subprocess.Process
    reader: "asyncio.Task[None]"
    url: str = ""
    said: list[str] = field(default_factory=list)
    answered: int = 0
    under_way: int = 0


@dataclass
class Fleet:
    """The instances that a load balancer knows, and what became of the requests."""

    client: httpx.AsyncClient
    started: list[Instance] = field(default_factory=list)
    serving: list[Instance] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    longest: float = 0.0

    async def start(self, image: Image, count: int = 2) -> Sequence[Instance]:
        """Start instances at once, and send them requests as soon as each listens."""
        started = await self.listening(image, count)
        await self.served()
        return started

    async def listening(self, image: Image, count: int = 2) -> Sequence[Instance]:
        """Start instances, without anybody who asks them."""
        return await asyncio.gather(*(self._start(image) for _ in range(count)))

    async def _start(self, image: Image) -> Instance:
        ini, app = image.project.folder / "alembic.ini", f"tests.alembic.apps.{image.app}.app:app"
        process = await asyncio.create_subprocess_exec(
            "sh", "-c", ENTRYPOINT, sys.executable, str(ini), app,
            env=image.environment(),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,  # what the shell has started ends with it
        )  # fmt: skip
        instance = Instance(image, process, asyncio.create_task(asyncio.sleep(0)))
        instance.reader = asyncio.create_task(_heard(instance))
        self.started.append(instance)
        await until(lambda: instance.url or instance.reader.done())
        assert instance.url, "".join(instance.said)
        self.serving.append(instance)
        return instance

    async def stop(self, *instances: Instance) -> None:
        """Send them no more requests, let them answer those that they have, and end them."""
        for instance in instances:
            self.serving.remove(instance)
        await until(lambda: not any(instance.under_way for instance in instances))
        for instance in instances:
            instance.process.send_signal(signal.SIGTERM)
        for instance in instances:
            await instance.process.wait()
            await instance.reader

    async def served(self, times: int = 10) -> None:
        """Wait until each instance has answered some more requests."""
        least = {id(instance): instance.answered + times for instance in self.serving}
        await until(
            lambda: all(each.answered >= least.get(id(each), 0) for each in self.serving) or self.failures
        )
        assert not self.failures, "\n".join(self.failures)

    async def ask(self, method: str, path: str, body: dict[str, str] | None = None) -> Any:  # noqa: ANN401
        """Send a request to whichever instance, and return what it answered; None where it failed."""
        await asyncio.sleep(PAUSE_SECONDS)  # the machine is for the deploys as well
        instance = random.choice(self.serving)
        instance.under_way += 1
        began = asyncio.get_running_loop().time()
        try:
            answer = await self.client.request(method, instance.url + path, json=body)
        except httpx.HTTPError as error:
            self._failed(instance, f"{method} {path}: {error!r}")
            return None
        finally:
            instance.under_way -= 1
            self.longest = max(self.longest, asyncio.get_running_loop().time() - began)
        instance.answered += 1
        if answer.status_code != 200:
            self._failed(instance, f"{method} {path}: {answer.status_code} {answer.text}")
            return None
        return answer.json()

    def expect(self, found: object, wanted: object) -> None:
        """Note as a failure what is not as it was written, through whichever instance."""
        if found is not None and found != wanted:
            self.failures.append(f"{found}, and not {wanted}")

    def _failed(self, instance: Instance, why: str) -> None:
        said = "".join(instance.said[-60:])
        self.failures.append(f"release {instance.image.release}: {why}\n{said}")


async def _nobody_is_old(url: str, change: str) -> None:
    policy = Policy(quiet_for=timedelta(0), soak=timedelta(days=1))
    context = Context(Database(url), policy, lambda _: None, "tests")
    try:
        for verdict in gates.judge_all(await status.one(context, change)):
            if not verdict.open and not verdict.hard:
                await control.ack(context, change, verdict.gate, "no old instance is left")
    finally:
        await context.database.close()


async def _heard(instance: Instance) -> None:
    assert instance.process.stdout is not None
    async for line in instance.process.stdout:
        instance.said.append(line.decode())
        if found := LISTENS.search(instance.said[-1]):
            instance.url = found[1]


async def people(fleet: Fleet) -> None:
    """Write and read all the time: whatever one instance was told, each other one tells."""
    for number in itertools.count():
        called = {"name": f"n{number}", "full_name": f"First{number} Last"}
        user = await fleet.ask("POST", "/users", called)
        if user is None:
            continue
        here = f"/users/{user['id']}"
        fleet.expect(await fleet.ask("GET", here), {**called, "posts": 0})
        called["full_name"] = f"Other{number} Person"
        await fleet.ask("PATCH", here, called)
        title = random.choice((f"Title{number}", f"Title {number}"))
        post = await fleet.ask("POST", f"{here}/posts", {"title": title})
        for views in (1, 2) if post else ():
            found = await fleet.ask("GET", f"/posts/{post['id']}")
            fleet.expect(found, {"title": title, "slug": title.lower(), "views": views})
        called["name"] = f"m{number}"
        await fleet.ask("PATCH", here, called)
        fleet.expect(await fleet.ask("GET", here), {**called, "posts": 1})


@asynccontextmanager
async def fleet_under_load(image: Image, people_at_once: int = 3, instances: int = 2) -> AsyncIterator[Fleet]:
    """Let instances serve, and ask them all the time while the body runs. None is left behind."""
    async with httpx.AsyncClient(timeout=60) as client:
        fleet = Fleet(client)
        asking: list[asyncio.Task[None]] = []
        try:
            await fleet.listening(image, instances)
            asking += [asyncio.create_task(people(fleet)) for _ in range(people_at_once)]
            yield fleet
        finally:
            for task in asking:
                task.cancel()
            await asyncio.gather(*asking, return_exceptions=True)
            for instance in fleet.started:
                if instance.process.returncode is None:
                    os.killpg(instance.process.pid, signal.SIGKILL)
                await instance.process.wait()
                await instance.reader
