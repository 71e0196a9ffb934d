"""How a target is opened: the command line knows what a session of it is given, this room does not."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TypeAlias

from expandcontract.engine.context import Context
from expandcontract.fleet.target import Target

#: Gives the context of a target, and closes its connections.
Open: TypeAlias = Callable[[Target], AbstractAsyncContextManager[Context]]
