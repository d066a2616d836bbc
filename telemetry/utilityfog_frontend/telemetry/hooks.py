"""Callbacks that hear events."""

import inspect
import threading
from collections.abc import Callable, Sequence
from typing import Final

from .events import TelemetryEvent
from .instruments.readings import PATIENCE
from .journal.opening import JournalArgument
from .registry import MetricRegistry
from .support import arguments
from .support.asking import Question
from .support.problems import Problems

Hook = Callable[[TelemetryEvent], object]

COLLECTION: Final = "collection"
"""The event of a collection run. Its hooks fill metrics, and each is called on a thread that it may hold."""


class HookTable:
    """Callbacks by the name of the event they hear. Safe from any thread; never raises on their behalf."""

    def __init__(self, problems: Problems) -> None:
        self._problems = problems
        self._hooks: dict[str, tuple[Hook, ...]] = {}
        self._lock = threading.Lock()
        self._running = threading.local()

    def add(self, name: str, hook: Hook) -> None:
        """Has `hook` called with each event of this name."""
        arguments.text("a hook's type", name)
        arguments.function("a hook", hook)
        if inspect.iscoroutinefunction(hook):
            raise TypeError(f"a hook is called on the recording thread and cannot be async: {hook!r}")
        with self._lock:
            self._hooks[name] = (*self._hooks.get(name, ()), hook)

    def remove(self, name: str, hook: Hook) -> None:
        """Undoes one `add`; nothing happens when there was none."""
        arguments.text("a hook's type", name)
        with self._lock:
            hooks = list(self._hooks.get(name, ()))
            if hook in hooks:
                hooks.remove(hook)
            self._hooks[name] = tuple(hooks)

    def trigger(self, event: TelemetryEvent) -> None:
        """Call the hooks of this event's name.

        A hook may record events, even of the name it hears: those are kept, but it does not hear them itself.
        """
        hooks = self._hooks.get(event.name)
        if hooks:
            self.call(hooks, event)

    def call(self, hooks: Sequence[Hook], event: TelemetryEvent) -> bool:
        """Call some hooks of this event's name, as `trigger` does; tell whether none of them failed."""
        running: set[str] = self._running.__dict__.setdefault("names", set())
        if event.name in running:
            return True
        running.add(event.name)
        try:
            succeeded = [self._call(hook, event) for hook in hooks]
            return all(succeeded)
        finally:
            running.discard(event.name)

    def _call(self, hook: Hook, event: TelemetryEvent) -> bool:
        try:
            hook(event)
        except Exception:  # noqa: BLE001 - a user's callback; recording an event must never raise
            self._problems.report("hook", "a hook for %r failed", event.name, exc_info=True)
            return False
        return True

    def renew(self) -> None:
        """In a forked child: the lock anew."""
        self._lock = threading.Lock()


class HookQuestion(Question):
    """Calls one hook of collection runs; a run that comes while it is still at the last one passes it by."""

    __slots__ = ("_problems", "_table", "event", "hook")

    def __init__(self, hook: Hook, table: HookTable, problems: Problems) -> None:
        super().__init__(getattr(hook, "__qualname__", None) or type(hook).__name__)
        self.hook = hook
        self.event = TelemetryEvent(COLLECTION, None)
        self._table = table
        self._problems = problems
        problems.count_source(self.name, 0)

    def ask(self) -> bool:
        """Call the hook with the event of the latest run."""
        if not self._table.call([self.hook], self.event):
            self._problems.count_source(self.name)
        return True

    def expire(self) -> None:
        """Do nothing: what it fills is its own."""


class HookedRegistry(MetricRegistry):
    """A registry whose metrics may be fed by hooks.

    Attributes:
        integrations: names of the ready-made sets of hooks that are set up.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
        *,
        reserved_names: bool = False,
        journal: JournalArgument = None,
    ) -> None:
        super().__init__(clock, monotonic, reserved_names=reserved_names, journal=journal)
        self.integrations: set[str] = set()
        self._hooks = HookTable(self._scope.problems)
        self._fillers: tuple[HookQuestion, ...] = ()

    def add_hook(self, hook_type: str, callback: Hook) -> None:
        """Call `callback` with each event whose name is `hook_type`, on the thread that records it.

        After each collection run the hooks of type `collection` hear an event, which is not recorded, whose value has
        `duration` (seconds), `metrics_count` and `events_count`. They are called on a thread of the collector's, and
        waited for as the function of a gauge: one that hangs is counted and logged, and called again once it is back.

        An exception of a callback is counted and logged.

        Raises:
            TypeError: not callable, or async.
        """
        self._hooks.add(hook_type, callback)
        if hook_type == COLLECTION:
            self._fillers = (*self._fillers, HookQuestion(callback, self._hooks, self._scope.problems))

    def remove_hook(self, hook_type: str, callback: Hook) -> None:
        """Undoes one `add_hook`; nothing happens when there was none."""
        self._hooks.remove(hook_type, callback)
        if hook_type == COLLECTION:
            fillers = list(self._fillers)
            for filler in fillers:
                if filler.hook == callback:
                    fillers.remove(filler)
                    break
            self._fillers = tuple(fillers)

    def call_fillers(self, event: TelemetryEvent) -> None:
        """Call the hooks of collection runs, each for a bounded time. Never raises."""
        for filler in self._fillers:
            filler.event = event
        self._scope.readings.ask(self._fillers, PATIENCE)

    def renew(self) -> None:
        """In a forked child: locks anew, counts from zero, watches closed."""
        super().renew()
        self._hooks.renew()
