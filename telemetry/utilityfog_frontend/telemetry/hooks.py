"""Callbacks that hear events."""

import inspect
import threading
from collections.abc import Callable

from .events import TelemetryEvent
from .registry import MetricRegistry
from .support.problems import Problems

Hook = Callable[[TelemetryEvent], object]


class HookTable:
    """Callbacks by the name of the event they hear. Safe from any thread; never raises on their behalf."""

    def __init__(self, problems: Problems) -> None:
        self._problems = problems
        self._hooks: dict[str, tuple[Hook, ...]] = {}
        self._lock = threading.Lock()
        self._running = threading.local()

    def add(self, name: str, hook: Hook) -> None:
        """Has `hook` called with each event of this name."""
        if not callable(hook):
            raise TypeError(f"a hook must be callable, not {hook!r}")
        if inspect.iscoroutinefunction(hook):
            raise TypeError(f"a hook is called on the recording thread and cannot be async: {hook!r}")
        with self._lock:
            self._hooks[name] = (*self._hooks.get(name, ()), hook)

    def remove(self, name: str, hook: Hook) -> None:
        """Undoes one `add`; nothing happens when there was none."""
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
        if not hooks:
            return
        running: set[str] = self._running.__dict__.setdefault("names", set())
        if event.name in running:
            return
        running.add(event.name)
        try:
            for hook in hooks:
                self._call(hook, event)
        finally:
            running.discard(event.name)

    def _call(self, hook: Hook, event: TelemetryEvent) -> None:
        try:
            hook(event)
        except Exception:  # noqa: BLE001 - a user's callback; recording an event must never raise
            self._problems.report("hook", "a hook for %r failed", event.name, exc_info=True)

    def renew(self) -> None:
        """In a forked child: the lock anew."""
        self._lock = threading.Lock()


class HookedRegistry(MetricRegistry):
    """A registry whose metrics may be fed by hooks.

    Attributes:
        integrations: names of the ready-made sets of hooks that are set up.
    """

    def __init__(
        self, clock: Callable[[], float], monotonic: Callable[[], float], *, reserved_names: bool = False
    ) -> None:
        super().__init__(clock, monotonic, reserved_names=reserved_names)
        self.integrations: set[str] = set()
        self._hooks = HookTable(self._scope.problems)

    def add_hook(self, hook_type: str, callback: Hook) -> None:
        """Call `callback` with each event whose name is `hook_type`, on the thread that records it.

        After each collection run the hooks of type `collection` hear an event, which is not recorded, whose value has
        `duration` (seconds), `metrics_count` and `events_count`.

        An exception of a callback is counted and logged.

        Raises:
            TypeError: not callable, or async.
        """
        self._hooks.add(hook_type, callback)

    def remove_hook(self, hook_type: str, callback: Hook) -> None:
        """Undoes one `add_hook`; nothing happens when there was none."""
        self._hooks.remove(hook_type, callback)

    def renew(self) -> None:
        """In a forked child: locks anew, counts from zero, watches closed."""
        super().renew()
        self._hooks.renew()
