"""Whether a background task still runs."""

import asyncio
from typing import Any, TypeGuard


def is_alive(task: asyncio.Task[Any] | None) -> TypeGuard[asyncio.Task[Any]]:
    """Whether `task` is under way. One whose event loop was closed never ends, and nobody can cancel it."""
    return task is not None and not task.done() and not task.get_loop().is_closed()
