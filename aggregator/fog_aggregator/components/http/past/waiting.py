"""Do something for a request for as long as its client waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

from aiohttp import web

from fog_aggregator.components.past.errors import PastError
from fog_aggregator.components.past.sharing import look_at

T = TypeVar("T")

_LOOK: Final = 0.1
_ERRORS: Final = {404: web.HTTPNotFound, 503: web.HTTPServiceUnavailable}


async def while_wanted(request: web.Request, work: Coroutine[Any, Any, T]) -> T:
    """Return what some work returns; cancel it when the client goes away.

    Raises:
        HTTPException: a question about the past has no answer.
        ConnectionResetError: the client went away.
    """
    task = asyncio.create_task(work)
    task.add_done_callback(look_at)
    try:
        while not (await asyncio.wait({task}, timeout=_LOOK))[0]:
            if request.transport is None:
                raise ConnectionResetError("the client did not wait for the answer")
        return task.result()
    except PastError as error:
        raise _ERRORS.get(error.status, web.HTTPBadRequest)(text=str(error)) from None
    finally:
        task.cancel()
