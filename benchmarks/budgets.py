"""Say what is asked of each figure, and which benchmark measures it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Budget:
    """One figure: what it is, how much is asked for, and what notes it under which name."""

    what: str
    figure: str
    """The name in `figures.note`."""
    asked: float
    form: str
    """How a value is shown, for `str.format`."""
    command: tuple[str, ...]
    """The benchmark and its arguments."""
    at_least: bool
    """Whether more is better."""

    def met(self, value: float) -> bool:
        """Return whether a value keeps the budget, as precisely as it is shown."""
        shown, asked = (float(re.match(r"[\d.]+", self.form.format(number))[0]) for number in (value, self.asked))  # type: ignore[index]
        return shown >= asked if self.at_least else shown <= asked


SDK: Final = ("sdk.py", "--quick")
DELTA: Final = ("agent_delta.py",)
AGENTS: Final = ("agents.py", "--agents", "100")
BYTES: Final = ("frame_bytes.py", "--interval", "2")
MERGE: Final = ("merge.py", "--rounds", "8")
LARGE_MERGE: Final = ("merge.py", "--nodes", "100000", "--rounds", "3")
ROLLUP: Final = ("rollup.py",)
AT_REST: Final = ("at_rest.py",)
TIERS: Final = ("tiers.py",)
SLOW: Final = (LARGE_MERGE, TIERS)
"""They take minutes each."""

_USUAL: Final = "160 counters, 20 histograms, 20 gauges, usual names"
_SHORT: Final = "160 counters, 20 histograms, 20 gauges, short names"


def _at_most(what: str, figure: str, asked: float, form: str, command: tuple[str, ...]) -> Budget:
    return Budget(what, figure, asked, form, command, at_least=False)


def _at_least(what: str, figure: str, asked: float, form: str, command: tuple[str, ...]) -> Budget:
    return Budget(what, figure, asked, form, command, at_least=True)


def _sdk(what: str, asked: float) -> Budget:
    return _at_least(f"{what}, beside prometheus_client", f"sdk {what}", asked, "{:.1f}x", SDK)


BUDGETS: Final = (
    _sdk("increment(), 1 thread", 3),
    _sdk("increment(5), 1 thread", 3),
    _sdk("increment(5), 4 threads", 3),
    _sdk("increment(0.5), 1 thread", 2),
    _sdk("increment(0.5), 4 threads", 2),
    _sdk("set(42.0), 1 thread", 2),
    _sdk("set(42.0), 4 threads", 2),
    _sdk("up by 2, 1 thread", 2),
    _sdk("up by 2, 4 threads", 2),
    _sdk("observe(), spread values, 1 thread", 4),
    _sdk("observe(), exponential, 1 thread", 2.5),
    _sdk("memory a series", 1),
    _at_most("a delta of 200 series on a node", "delta us", 150, "{:.0f} µs", DELTA),
    _at_most("a frame of one of 100 agents in a process at 1 s", "agents us", 425, "{:.0f} µs of CPU", AGENTS),
    _at_least("bytes of gzipped text for one of a frame, usual names", f"bytes {_USUAL}", 9, "{:.1f}", BYTES),
    _at_least("the same, short names", f"bytes {_SHORT}", 6, "{:.1f}", BYTES),
    _at_least("bytes of snappy remote-write for one of a frame", f"remote {_USUAL}", 6, "{:.1f}", BYTES),
    _at_least("socket to state, 1,000 nodes", "merge 1000 numba", 20, "{:.1f} million series/s", MERGE),
    _at_least("Prometheus's scrape of the same node beside it", "prometheus scrape", 40, "{:.0f}x", MERGE),
    _at_least("socket to state, 100,000 nodes", "merge 100000 numba", 12, "{:.1f} million series/s", LARGE_MERGE),
    _at_most("all levels of 100,000 nodes, after a node came", "levels came ms", 150, "{:.0f} ms", ROLLUP),
    _at_most("peak memory of it", "levels GB", 2, "{:.1f} GB", ROLLUP),
    _at_least("text, beside prometheus_client's", "exposition text", 10, "{:.1f}x", ROLLUP),
    _at_least("OpenMetrics, beside prometheus_client's", "exposition OpenMetrics", 10, "{:.1f}x", ROLLUP),
    _at_most("root `/metrics` at 100,000 nodes, after a node came", "one /metrics, one came", 60, "{:.0f} ms", AT_REST),
    _at_most("explain at 100,000 nodes", "one explain", 5, "{:.1f} ms", AT_REST),
    _at_most("`?node=` at 100,000 nodes", "one ?node=, each time another", 5, "{:.1f} ms", AT_REST),
    _at_most("one family at 100,000 nodes", "one one family", 5, "{:.1f} ms", AT_REST),
    _at_most("all tiers beside one flat aggregator, 600 nodes", "tiers 600", 1.2, "{:.2f}x", TIERS),
    _at_most("all tiers beside one flat aggregator, 6,000 nodes", "tiers 6000", 1.2, "{:.2f}x", TIERS),
)
"""In the order of the table."""
