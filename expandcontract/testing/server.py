"""An embedded PostgreSQL server: up in about a second, as root or as a user, and gone with its owner.

```python
with Server.start(18) as server:
    connect(server.url())
```

A supervisor process of its own session (`supervisor.py`) is the server's parent and holds a pipe from the owner. When the
pipe closes, even because the owner was killed with SIGKILL, the supervisor shuts the server down and removes its directory;
a SIGINT that a terminal sends to the owner's process group reaches neither of them.
"""

import functools
import importlib.metadata
import importlib.util
import json
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import quote

type_checking_only = None  # placeholder
