"""Any history of one writer, against a slow and obvious reader."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.agent.node import BIG, Node
from tests.examples import examples

CHILDREN = ("0", "1", "2", "3")
COUNTING = ("count", "count", "count", "fraction", "observe", "remove", "reset", "set")
SENDING = ("delta", "delta", "delta", "lose", "unfit", "keyframe", "parts", "drop")


class History:
    """A node that is told what to do, and the books of what it has counted."""

    def __init__(self) -> None:
        self.node = Node()
        collector = self.node.collector
        self.labeled = collector.register_counter("a_total", "", ["l"])
        self.fractional = collector.register_counter("f_total", "")
        self.histogram = collector.register_histogram("h", "", buckets=[1.0, 2.0])
        self.gauge = collector.register_gauge("g", "", ["l"])
        self.truth: dict[str, float] = dict.fromkeys((*CHILDREN, "f", "h"), 0)

    def count(self, which: int, amount: int) -> None:
        """Increment an integer counter."""
        self.labeled.labels(str(which)).increment(amount)
        self.truth[str(which)] += amount

    def fraction(self, which: int, _: int) -> None:
        """Increment a fractional counter, by quarters, so that sums are exact."""
        self.fractional.increment(which / 4)
        self.truth["f"] += which / 4

    def observe(self, which: int, _: int) -> None:
        """Observe with a histogram."""
        self.histogram.observe(which)
        self.truth["h"] += 1

    def remove(self, which: int, _: int) -> None:
        """End a child."""
        self.labeled.remove(str(which))
        self.gauge.remove(str(which))

    def reset(self, *_: int) -> None:
        """Series end, and begin again."""
        self.histogram.reset()
        self.fractional.reset()

    def set(self, which: int, value: int) -> None:
        """Set a gauge."""
        self.gauge.labels(str(which)).set(value)

    def delta(self, *_: int) -> None:
        """Let a delta arrive."""
        self.node.delta()

    def lose(self, *_: int) -> None:
        """Lose a delta."""
        self.node.delta(lost=True)

    def unfit(self, *_: int) -> None:
        """Try to encode a delta that is too large."""
        self.node.writer.encode_delta(self.node.now, 1)

    def drop(self, *_: int) -> None:
        """Let the first part of a keyframe arrive, and drop the rest."""
        self.node.reader.read(self.node.writer.encode_part(self.node.now, 400).data)
        self.node.writer.dropped()

    def keyframe(self, *_: int) -> None:
        """Send a keyframe in one part."""
        self.node.keyframe(BIG)
        assert self.known() == self.truth

    def parts(self, *_: int) -> None:
        """Send a keyframe in several parts."""
        self.node.keyframe(400)
        assert self.known() == self.truth

    def known(self) -> dict[str, float]:
        """Return the reader's counts, as in the books."""
        reader = self.node.reader
        counters = {which: reader.total("a_total", l=which) for which in CHILDREN} | {"f": reader.total("f_total")}
        histogram = reader.total("h")
        known = {which: value for which, value in counters.items() if not isinstance(value, tuple)}
        return known | {"h": sum(histogram[0]) if isinstance(histogram, tuple) else 0}

    def gauges(self) -> dict[str, object]:
        """Return the reader's gauges, by label."""
        return {labels[0][1]: value for (name, labels), value in self.node.reader.totals().items() if name == "g"}


@settings(max_examples=examples(150))
@given(st.lists(st.tuples(st.sampled_from(COUNTING + SENDING), st.integers(0, 3)), min_size=5, max_size=60))
def test_the_reader_is_never_above_and_equal_after_a_keyframe(operations: list[tuple[str, int]]) -> None:
    """Whatever is counted, removed, reset, lost and dropped, in any order."""
    history = History()
    for step, (operation, which) in enumerate(operations, 1):
        history.node.now += 60.0
        getattr(history, operation)(which, step)
        known = history.known()
        assert all(known[name] <= truth for name, truth in history.truth.items())
    history.keyframe()
    live = [series for series in history.node.watch.series() if series.family.name == "g"]
    assert history.gauges() == {series.labels[0][1]: series.read() for series in live}
