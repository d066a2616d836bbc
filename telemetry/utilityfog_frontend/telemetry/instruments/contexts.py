"""Context managers that are decorators as well, of plain and of async functions."""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import wraps
from time import perf_counter
from types import TracebackType
from typing import Any, Self, TypeVar, cast

from utilityfog_frontend.telemetry.support import arguments
from utilityfog_frontend.telemetry.support.arguments import shown

F = TypeVar("F", bound=Callable[..., Any])


class CallScope(ABC):
    """Something that happens around a block or around each call of a function."""

    @abstractmethod
    def fresh(self) -> Self:
        """One for a single call: calls of a decorated function overlap, in threads and in tasks."""

    @abstractmethod
    def __enter__(self) -> Self: ...

    @abstractmethod
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def __call__(self, function: F) -> F:
        """Decorate `function`; of an async one the whole await counts."""
        arguments.function("a decorated function", function)
        if inspect.iscoroutinefunction(function):

            @wraps(function)
            async def call_async(*args: Any, **kwargs: Any) -> Any:
                with self.fresh():
                    return await function(*args, **kwargs)

            return cast("F", call_async)

        @wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            with self.fresh():
                return function(*args, **kwargs)

        return cast("F", call)


class Timer(CallScope):
    """Hands the seconds that passed to `observe`, however the block ends."""

    def __init__(self, observe: Callable[[float], None], clock: Callable[[], float] = perf_counter) -> None:
        self._observe = observe
        self._clock = clock
        self._start = 0.0

    def fresh(self) -> Self:
        """Another with a start of its own."""
        return type(self)(self._observe, self._clock)

    def __enter__(self) -> Self:
        self._start = self._clock()
        return self

    def __exit__(self, *_: object) -> None:
        self._observe(self._clock() - self._start)


class ExceptionCounter(CallScope):
    """Calls `increment` for each exception of the given kind that leaves the block."""

    def __init__(
        self, increment: Callable[[], None], exception: type[BaseException] | tuple[type[BaseException], ...]
    ) -> None:
        kinds: tuple[object, ...] = exception if isinstance(exception, tuple) else (exception,)
        for kind in kinds:
            if not isinstance(kind, type) or not issubclass(kind, BaseException):
                raise TypeError(f"a class of exceptions, or a tuple of such, is counted, not {shown(kind)}")
        self._increment = increment
        self._exception = exception

    def fresh(self) -> Self:
        """Return the same: it has no state."""
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None and issubclass(kind, self._exception):
            self._increment()


class InProgress(CallScope):
    """Calls `enter` before and `leave` after."""

    def __init__(self, enter: Callable[[], None], leave: Callable[[], None]) -> None:
        self._enter = enter
        self._leave = leave

    def fresh(self) -> Self:
        """Return the same: it has no state."""
        return self

    def __enter__(self) -> Self:
        self._enter()
        return self

    def __exit__(self, *_: object) -> None:
        self._leave()
