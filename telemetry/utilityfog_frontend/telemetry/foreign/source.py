"""One source of a collector: a function that tells of families and their series, as a whole or in parts."""

import threading
from collections.abc import Callable, Hashable, Iterable, Mapping
from contextlib import suppress
from typing import Final, NamedTuple, Protocol

from utilityfog_frontend.telemetry.instruments.family import Scope
from utilityfog_frontend.telemetry.instruments.metric import Metric, MetricState
from utilityfog_frontend.telemetry.instruments.readings import PATIENCE, Readings
from utilityfog_frontend.telemetry.model import Family, FamilySnapshot, Labels, LeftOut, SeriesSnapshot
from utilityfog_frontend.telemetry.support.asking import Question

from .family import ForeignMetric, ForeignState
from .outside import FamilyKey, Outside, OutsideState
from .readings import LastReadings
from .rollups import RollupByName, RollupChoice

Reported = FamilySnapshot | LeftOut
Collect = Callable[[], Iterable[Reported]]

MAX_LEFT_OUT: Final = 10_000
"""Names that are remembered as left out, so that each is counted once; those beyond are not counted."""


class Part(NamedTuple):
    """A part of a source that may fail or hang by itself, such as one collector of a registry.

    Attributes:
        name: for people.
        collect: asked for its families.
        immutable: it never changes what it has told, so that the same object is the same series with the same value.
    """

    name: str
    collect: Collect
    immutable: bool = False


class Parts(Protocol):
    """A source that is made of parts. Whole, it can be called like any other.

    It may have a method `begins_at_zero`, too, as any source may, which tells whether its counts begin at zero in a
    forked child by themselves. A fork copies the counts of any other source.
    """

    def parts(self) -> Mapping[Hashable, Part]:
        """Return the parts that there are now, by something that identifies each. Quick, and never raises."""


def name_of(collect: Collect) -> str:
    """Name a source by what it is."""
    return getattr(collect, "__name__", None) or type(collect).__name__


class ForeignSource:
    """One source of a collector: the latest of its parts, together.

    Args:
        name: for people.
        collect: asked for the families; by its parts, where it has some.
        scope: the collector's.
        add: takes a family that is new; raises ValueError when its name is taken or not valid.
        rollup: how a tree merges its gauges.
        outside: what is true of totals that live outside of the process; None when they die with it.

    Raises:
        ValueError: `rollup` has a choice that is none.
    """

    def __init__(
        self,
        name: str,
        collect: Collect,
        scope: Scope,
        add: Callable[[MetricState, Metric], None],
        rollup: RollupByName | None = None,
        outside: Outside | None = None,
    ) -> None:
        self._name = name
        self._collect: Collect | None = collect
        self._scope = scope
        self._add = add
        self._states: dict[str, ForeignState] = {}
        self._outside = outside
        self._rollup = RollupChoice(rollup)
        self._refused: set[str] = set()
        self._left_out: set[LeftOut] = set()
        self._parts: dict[Hashable, PartQuestion] = {}
        self._latest: dict[str, dict[PartQuestion, list[SeriesSnapshot]]] = {}  # by family
        self._lock = threading.Lock()
        scope.problems.count_source(name, 0)

    def renew(self) -> None:
        """In a forked child: the lock anew. Counts from before the fork are the parent's.

        So are totals that live outside, which it goes on reading. A source that begins at zero by itself is forgotten.
        """
        self._lock = threading.Lock()
        if self._outside is not None:
            self._collect = None
            text = (
                "the source %r with since='outside' is read by the parent process alone: in a forked child it is silent"
            )
            self._scope.problems.warn(text, self._name)
        elif getattr(self._collect, "begins_at_zero", bool)():
            self._parts.clear()
            self._latest.clear()
            for state in self._states.values():
                state.forget()

    def questions(self) -> list["PartQuestion"]:
        """Return what is to be asked: a question for each part that there is now."""
        parts = self._parts_now()
        with self._lock:
            for key in self._parts.keys() - parts.keys():
                gone = self._parts.pop(key)
                self._tell(gone, {})
                gone.removed = True
            for key, part in parts.items():
                if key not in self._parts:
                    self._parts[key] = PartQuestion(self._name, part, self)
            return list(self._parts.values())

    def _parts_now(self) -> Mapping[Hashable, Part]:
        if self._collect is None:
            return {}
        divided: Parts | None = self._collect if hasattr(self._collect, "parts") else None
        return {None: Part("", self._collect)} if divided is None else divided.parts()

    def incarnation(self) -> str:
        """Ask which run of it counts now; empty when nobody knows. Raises whatever the function raises."""
        return "" if self._outside is None else self._outside.ask()

    def tell(self, question: "PartQuestion", families: Iterable[Reported], incarnation: str = "") -> None:
        """Take what one part says now. It may tell of one family several times; what it no longer tells has ended.

        A family stays as it was when all its series are of another kind now.
        """
        latest: dict[str, list[SeriesSnapshot]] = {}
        other_kinds: set[str] = set()
        with self._lock:
            if self._outside is not None and self._outside.now != incarnation:
                for other in self._parts.values():  # their latest are of the run before
                    self._tell(other, {})
                self._outside.now = incarnation
            for snapshot in families:
                if isinstance(snapshot, LeftOut):
                    self._leave_out(snapshot)
                    continue
                name = snapshot.family.name
                if self._state(snapshot.family) is not None:
                    latest.setdefault(name, []).extend(snapshot.series)
                else:
                    other_kinds.add(name)
            for name in other_kinds - latest.keys():
                if question in self._latest.get(name, ()):
                    latest[name] = self._latest[name][question]
            if not question.removed:  # while it was asked
                self._tell(question, latest)

    def expire(self, question: "PartQuestion") -> None:
        """Let the gauges of one part end; counts stay as they are."""
        with self._lock:
            counts = [name for name in question.families if self._states[name].family.type.incremental]
            self._tell(question, {name: self._latest[name][question] for name in counts})

    def failed(self, part: str) -> None:
        """Count and log that a part could not be read, while its failure is handled."""
        self._scope.problems.count_source(self._name)
        self._scope.problems.report(
            "source", "a source of metrics failed: %s", f"{self._name} {part}".strip(), exc_info=True
        )

    def _tell(self, question: "PartQuestion", latest: dict[str, list[SeriesSnapshot]]) -> None:
        """Bring the families up to date that a part told of before or tells of now. The caller holds the lock."""
        before = [name for name in question.families if name not in latest]
        question.families = tuple(latest)
        for name in before:
            del self._latest[name][question]
        for name, series in latest.items():
            self._latest.setdefault(name, {})[question] = series
        for name in (*before, *latest):
            latest_of = self._latest[name]
            parts = latest_of if len(latest_of) < 2 else [part for part in self._parts.values() if part in latest_of]
            self._states[name].update([(part, latest_of[part]) for part in parts])

    def resume(self, readings: LastReadings) -> list[tuple[FamilyKey, Labels]]:
        """Go on from the readings of an earlier life; return those that are to be forgotten."""
        forgotten = []
        with self._lock:
            for state in self._states.values():
                key = (state.family.name, state.family.bounds)
                if isinstance(state, OutsideState) and key in readings:
                    forgotten += [(key, labels) for labels in state.resume(readings[key])]
        return forgotten

    def _state(self, family: Family) -> ForeignState | None:
        state = self._states.get(family.name)
        if state is None and family.name not in self._refused:
            state = self._begin(family)
        if state is None or (state.family.type, state.family.bounds) != (family.type, family.bounds):
            self._leave_out(LeftOut(family.name, "source_family"))
            return None
        return state

    def _leave_out(self, what: LeftOut) -> None:
        """Count what is left out once, not at each reading."""
        if what not in self._left_out and len(self._left_out) < MAX_LEFT_OUT:
            self._left_out.add(what)
            self._scope.problems.count(what.reason)

    def _begin(self, family: Family) -> ForeignState | None:
        family = self._rollup.apply(family)
        outside = self._outside
        state = ForeignState(family, self._scope) if outside is None else OutsideState(family, self._scope, outside)
        try:
            self._add(state, ForeignMetric(state, self._scope))
        except ValueError as error:
            self._refused.add(family.name)
            self._scope.problems.warn("a source's metric is left out: %s", error)
            return None
        self._states[family.name] = state
        return state


class PartQuestion(Question):
    """Asks one part of a source.

    Attributes:
        families: names of those that it told of last.
        removed: the source has this part no more.
        immutable: the part never changes what it has told.
    """

    __slots__ = ("_collect", "_source", "families", "immutable", "removed")

    def __init__(self, name: str, part: Part, source: ForeignSource) -> None:
        super().__init__(name, part.name)
        self._collect = part.collect
        self._source = source
        self.families: tuple[str, ...] = ()
        self.removed = False
        self.immutable = part.immutable

    def ask(self) -> bool:
        """Ask for the families, and tell the source."""
        try:
            incarnation = self._source.incarnation()
            latest = list(self._collect())
        except Exception:  # noqa: BLE001 - a broken source must break nothing else
            self._source.failed(self.detail)
            return False
        self._source.tell(self, latest, incarnation)
        return True

    def expire(self) -> None:
        """Let its gauges end."""
        self._source.expire(self)


def ask_before_fork(sources: Iterable[ForeignSource], readings: Readings) -> None:
    """Ask sources in full, for a second at most: when one hangs or holds a lock, its last answer is what there is."""

    def ask() -> None:
        questions = [question for source in sources for question in source.questions()]
        under_way = any(question.outstanding for question in questions)
        readings.ask(questions, PATIENCE)
        if under_way:  # its answer may be of a while ago
            readings.ask(questions, PATIENCE)

    with suppress(RuntimeError):  # no thread can begin, as at the interpreter's end
        thread = threading.Thread(target=ask, name="telemetry-fork", daemon=True)
        thread.start()
        thread.join(PATIENCE)
