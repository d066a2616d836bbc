"""Take datagrams with lines of statsd. Pure.

Each (name, what follows the value) is looked up once and then remembered with the series that it leads to, so that a
line costs a microsecond.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Final, NamedTuple

from fog_agent.sources.names import Names
from utilityfog_frontend.telemetry.model import FamilySnapshot

from .families import Families
from .lines import (
    DOGSTATSD,
    EVENTS,
    LASTING,
    MALFORMED,
    MAPPING,
    NAME,
    TOO_LONG,
    Happening,
    RefusedError,
    is_happening,
    read_happening,
    read_head,
    read_tail,
)
from .mapping import UPDOWN, Mapping
from .plan import Allowance, Plan
from .series import Level, Refusing, StatsdSeries

MAX_ROUTES: Final = 20_000
"""Pairs of a name and what follows the value that are remembered; all are forgotten at the next one."""
MAX_ROUTE: Final = 256
"""Bytes of such a pair: a longer one is looked up each time."""
MAX_HAPPENINGS: Final = 1_000
CHECK_STATUS: Final = "service_check_status"
_SHOWN: Final = 200


class _Route(NamedTuple):
    """Where values go, and how much each stands for."""

    series: StatsdSeries
    weight: int | float


class Totals:
    """The sums of what lines have said until now. One call at a time.

    Args:
        plan: how lines are read.
        clash: told of two names that become one; see `Names`.
        taken: tells whether a name of a sample is another's, in the collector that will show these.

    Attributes:
        counted: values, events and service checks that were taken.
        examples: a line for each reason, the first.
    """

    def __init__(
        self,
        plan: Plan,
        clash: Callable[[str, str, str], None] = lambda _name, _first, _valid: None,
        taken: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self.counted = 0
        self._refused: Counter[str] = Counter()
        self.examples: dict[str, str] = {}
        self._plan = plan
        self._families = Families(plan, Names(clash), taken)
        self._routes: dict[tuple[bytes, bytes], _Route] = {}
        self._ended = 0
        self._events = Allowance(plan.limits.events)
        self._happenings: list[Happening] = []

    def take(self, data: bytes, now: float) -> None:
        """Take a datagram; `now`: unix seconds."""
        routes = self._routes
        for line in data.split(b"\n"):
            head, _, rest = line.partition(b":")
            text, _, tail = rest.partition(b"|")
            route = routes.get((head, tail))
            if route is None or b":" in text:
                if line:
                    self._take_slowly(line, now)
                continue
            series = route.series
            series.used = True
            reason = series.take(text, route.weight)
            if reason:
                self.refuse(reason, line)
            else:
                self.counted += 1

    def refuse(self, reason: str, line: bytes) -> None:
        """Count a line, or a value of it, that is not taken."""
        self._refused[reason] += 1
        if reason not in self.examples:
            self.examples[reason] = line[:_SHOWN].decode("utf-8", "replace")

    def refuse_long(self, data: bytes) -> None:
        """Count a datagram that has lost its end, as one."""
        self.refuse(TOO_LONG, data)

    def take_refused(self) -> list[tuple[str, int]]:
        """Return how many were refused since the last call, by reason."""
        found = list(self._refused.items())
        self._refused.clear()
        return found

    def collect(self, now: float) -> list[FamilySnapshot]:
        """Return all families with their series."""
        found = self._families.collect(now)
        if self._families.ended != self._ended:  # routes may lead to series that are shown no more
            self._ended = self._families.ended
            self._routes.clear()
        return found

    def take_happenings(self) -> list[Happening]:
        """Return the events and the changes of service checks since the last call."""
        found, self._happenings = self._happenings, []
        return found

    def _take_slowly(self, line: bytes, now: float) -> None:
        """Take a line that is new, that has several values, or that is no metric."""
        if is_happening(line) and self._plan.dialect == DOGSTATSD:
            self._take_happening(line, now)
            return
        head, _, rest = line.partition(b":")
        for sample in self._samples(rest):
            values, _, tail = sample.partition(b"|")
            try:
                route = self._route(head, tail, now)
            except RefusedError as refused:
                self.refuse(refused.reason, line)
                continue
            for text in values.split(b":"):
                route.series.used = True
                reason = route.series.take(text, route.weight)
                if reason:
                    self.refuse(reason, line)
                else:
                    self.counted += 1

    def _samples(self, rest: bytes) -> list[bytes]:
        """Divide what follows the name: statsd has `1|c:2|ms`, DogStatsD `1:2|c`."""
        return [rest] if self._plan.dialect == DOGSTATSD or b"|#" in rest else rest.split(b":")

    def _route(self, head: bytes, tail: bytes, now: float) -> _Route:
        route = self._routes.get((head, tail))
        if route is not None:
            return route
        try:
            route = self._resolve(head, tail, now)
        except RefusedError as refused:
            if refused.reason not in LASTING:
                raise
            route = _Route(Refusing(refused.reason), 1)
        if len(head) + len(tail) <= MAX_ROUTE and b"|T" not in tail:  # a time is another at each line
            if len(self._routes) >= MAX_ROUTES:
                self._routes.clear()
            self._routes[head, tail] = route
        return route

    def _resolve(self, head: bytes, tail: bytes, now: float) -> _Route:
        if not tail:
            raise RefusedError(MALFORMED)
        name, tags = read_head(head)
        kind, weight, more = read_tail(tail)
        mapped = self._plan.mappings.map(name)
        if not mapped.name:  # `$1` of a name with nothing between two dots
            raise RefusedError(NAME)
        if mapped.mapping.drop:
            raise RefusedError(MAPPING)
        kind = UPDOWN if kind == "c" and mapped.mapping.updown else kind
        labels = tags | more | mapped.labels
        return _Route(self._families.series(mapped.name, kind, labels, mapped.mapping, now), weight)

    def _take_happening(self, line: bytes, now: float) -> None:
        try:
            happening = read_happening(line)
            if happening.status is None or self._changes(happening, happening.status, now):
                self._note(happening, now)
        except RefusedError as refused:
            self.refuse(refused.reason, line)
            return
        self.counted += 1

    def _note(self, happening: Happening, now: float) -> None:
        if len(self._happenings) >= MAX_HAPPENINGS or not self._events.take(now):
            raise RefusedError(EVENTS)
        self._happenings.append(happening)

    def _changes(self, check: Happening, status: int, now: float) -> bool:
        """Show the status of a service check, and tell whether it is another one than before."""
        tags = check.tags | {"check": check.title[:_SHOWN]}
        series = self._families.series(CHECK_STATUS, "g", tags, _OF_CHECKS, now)
        before = series.read()
        series.used = True
        if isinstance(series, Level):
            series.set(status)
        return before != status if before is not None else status > 0


_OF_CHECKS: Final = Mapping(CHECK_STATUS, rollup=("max",))
