"""A tree as columns is the tree, in few bytes, and is sent once."""

from __future__ import annotations

import json
from base64 import b64decode
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fog_aggregator.components.http.page.tagged import is_named
from fog_aggregator.components.http.past.keys import PastApi
from fog_aggregator.core.places.expected import parse_expected
from fog_aggregator.query.listing.columns import layer, scale_of, shape_of
from fog_schema.paths import Path
from tests.aggregator.api.asking import asking
from tests.aggregator.fleet import Fleet
from tests.aggregator.serving import sample_fleet, serving
from tests.promql.asking import load, repeat

TOKENS = st.text("ab0-_", min_size=1, max_size=4)
TREES = st.lists(st.lists(TOKENS, min_size=1, max_size=5).map(tuple), max_size=30, unique=True).map(sorted)
MAGNITUDES = st.floats(-1e30, 1e30).filter(lambda value: not value or abs(value) > 1e-280)
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_"


def opened(columns: dict[str, Any]) -> dict[Path, int]:
    """Read columns as a page does: the number of each place by its path."""
    names: list[str] = []
    rests = columns["names"]["rests"].split(",") if columns["names"]["shared"] else []
    for shared, rest in zip(columns["names"]["shared"], rests, strict=True):
        names.append((names[-1][: DIGITS.index(shared)] if names else "") + rest)
    above = tuple(columns["path"].split("/")[:-1])
    paths: list[Path] = [(*above, name) for name in names[: columns["levels"][0]]] if names else []
    for place, count in enumerate(columns["children"]):
        paths += [(*paths[place], names[len(paths) + child]) for child in range(count)]
    assert len(paths) == len(names) == sum(columns["levels"]), "every name has its place"
    return {path: place for place, path in enumerate(paths)}


@given(TREES)
def test_every_place_is_found_again(paths: list[Path]) -> None:
    """Of any tree: all paths and all places above them, each once, level by level; the nodes are where they were."""
    shape = shape_of((), paths)
    found = opened({"path": "", "levels": shape.levels, "names": shape.names, "children": shape.children})
    places = {path[:tokens] for path in paths for tokens in range(1, len(path) + 1)}
    assert list(found) == sorted(places, key=lambda path: (len(path), path))
    nodes = {path: paths[node] for path, node in zip(found, shape.nodes.tolist(), strict=True) if node >= 0}
    assert nodes == {path: path for path in paths}


@given(TREES.filter(bool), st.integers(1, 4))
def test_a_part_of_a_tree_is_as_a_tree(paths: list[Path], tokens: int) -> None:
    """From any place down: exactly what lies there."""
    under = paths[0][:tokens]
    below = [path for path in paths if path[: len(under)] == under]
    shape = shape_of(under, below)
    found = opened({"path": "/".join(under), "levels": shape.levels, "names": shape.names, "children": shape.children})
    assert set(found) == {path[:end] for path in below for end in range(len(under), len(path) + 1)}


@given(st.lists(MAGNITUDES | st.none(), min_size=1, max_size=20), st.booleans())
def test_a_layer_has_every_value(values: list[float | None], precise: bool) -> None:  # noqa: FBT001 - drawn
    """As precise as its floats are, whatever the magnitudes; NaN for a node without."""
    paths: list[Path] = [(f"{number:02d}",) for number in range(len(values))]
    given_values = dict(zip(paths, values, strict=True))
    written = layer(shape_of((), paths), lambda path: given_values[path], precise=precise)
    found = np.frombuffer(b64decode(written["data"]), "<f4" if precise else "<f2").astype(float) * written["scale"]
    largest = max(abs(value or 0.0) for value in values)
    for value, read in zip(values, found.tolist(), strict=True):
        if value is None:
            assert np.isnan(read)
        else:
            assert read == pytest.approx(value, rel=1e-3, abs=largest * 1e-7)


def test_the_scale_is_exact() -> None:
    """A power of two: a value that a half float holds comes back as it was; infinite ones do not matter."""
    assert scale_of(np.array([np.inf, np.nan, 65536.0])) == 2.0
    assert scale_of(np.array([0.0])) == 1.0
    assert scale_of(np.array([2.0**-20])) == 2.0**-35


async def test_states_stand_at_their_places() -> None:
    """Live, silent, missing by name and by number, below a branch that nobody reads, and places that are no nodes."""
    fleet = Fleet()
    fleet.network.unread.found = {("lab", "7"): 3}
    fleet.network.expected = parse_expected(["fog/0/9", "fog/1=4"])
    gone, *_, last = [fleet.join(path) for path in ("fog/0/1", "fog/0/2", "fog/1/1", "fog/1/2", "fog")]
    for member in (gone, last):
        member.collector.register_counter("requests_total").increment()
    fleet.send()
    fleet.now += 40
    for member in fleet.members[1:]:
        member.send()
    async with serving(fleet) as served:
        found = await served.json("/api/tree?format=columns")
        places = opened(found)
        states = {"/".join(path): found["letters"][found["states"][place]] for path, place in places.items()}
        assert states == {
            "fog": "live",
            "fog/0": "",
            "fog/1": "",
            "fog/0/1": "stale",
            "fog/0/2": "live",
            "fog/0/9": "missing",
            "fog/1/1": "live",
            "fog/1/2": "live",
            "lab": "",
            "lab/7": "unread",
        }
        assert found["unread"] == [{"path": "lab/7", "nodes": [2]}]
        assert (found["missing"], found["branches"]) == ([{"path": "fog/1", "nodes": [2]}], [])
        part = await served.json("/api/tree?format=columns&path=fog/1")
        assert (list(opened(part)), part["states"]) == ([("fog", "1"), ("fog", "1", "1"), ("fog", "1", "2")], "-ll")
        assert (await served.ask("/api/tree?format=columns&path=fog/7")).status == 404


async def test_what_a_client_has_is_not_sent_again() -> None:
    """The tag holds while nothing changes, and no longer; a browser may keep the answer and asks each time."""
    fleet = sample_fleet()
    async with serving(fleet) as served:
        first = await served.ask("/api/tree?format=columns")
        tag = first.headers["ETag"]
        assert (first.status, first.headers["Cache-Control"]) == (200, "private, no-cache")
        again = await served.ask("/api/tree?format=columns", If_None_Match=f'"x", {tag}', Accept_Encoding="gzip")
        assert (again.status, again.body, again.headers["ETag"]) == (304, b"", tag)
        fleet.now += 45
        later = await served.ask("/api/tree?format=columns", If_None_Match=tag)
        assert (later.status, later.headers["ETag"] != tag) == (200, True)
        assert json.loads(later.body)["shape"] == json.loads(first.body)["shape"], "the places are the same"
        fleet.join("fog/new")
        fleet.send()
        other = await served.json("/api/tree?format=columns")
        assert other["shape"] != json.loads(first.body)["shape"]


def test_tags_are_compared_weakly() -> None:
    """As RFC 9110 says of If-None-Match."""
    assert is_named('W/"a"', ['"b", "a"'])
    assert is_named('W/"a"', ["*"])
    assert not is_named('W/"a"', ['"b"'])
    assert not is_named('W/"a"', [])


async def test_a_metric_is_a_layer() -> None:
    """A gauge by its value and a counter by its rate, at the nodes that have one; others have none."""
    level = 'fog_level="2",fog_path="fog/{}"'
    kept = load(
        *(f"level{{{level.format(place)}}} {repeat(11, value, 0)}" for place, value in (("0/1", 5), ("1/1", 7))),
        *(f'requests_total{{{level.format("0/1")},path="{path}"}} {repeat(11, 0, 10)}' for path in ("/a", "/b")),
    )
    async with asking(kept, now=100.0) as asked:
        places = opened(json.loads((await asked.ask("/api/tree?format=columns")).body))

        async def values(question: str) -> dict[str, float]:
            found = json.loads((await asked.ask(f"/api/tree?format=columns&{question}")).body)
            column = np.frombuffer(b64decode(found["data"]), "<f4" if found["type"] == "float32" else "<f2")
            read = {"/".join(path): float(column[place]) * found["scale"] for path, place in places.items()}
            return {path: value for path, value in read.items() if not np.isnan(value)}

        assert await values("metric=level") == {"fog/0/1": 5.0, "fog/1/1": 7.0}
        assert await values("metric=level&path=fog") == {"fog/0/1": 5.0, "fog/1/1": 7.0}
        rates = await values("metric=requests_total&values=float32")
        assert rates == {"fog/0/1": pytest.approx(2 / 3)}
        unknown = await asked.ask("/api/tree?format=columns&metric=nothing{}")
        assert (unknown.status, "no node there has a metric 'nothing{}'" in unknown.text) == (404, True)


class _Upper:
    """A history that has room for level 1 and for those above."""

    def has_level(self, level: int, since: int) -> bool:
        """Tell whether there is history of a level."""
        return level <= 1 and since > 0

    def has_total(self, place: Path, since: int) -> bool:
        """Tell whether there is history of the total of a place."""
        return self.has_level(len(place) - 1, since)

    def children(self, place: Path) -> list[Path]:
        """Return none: nobody asks."""
        return [place][:0]


async def test_where_a_level_is_not_kept_each_node_has_the_mean_above() -> None:
    """A count is divided by the live nodes, if any; a gauge is a mean already. The answer names the level."""
    kept = load(
        f'level{{fog_level="1",fog_path="fog/0",stat="avg"}} {repeat(11, 5, 0)}',
        f'requests_total{{fog_level="1",fog_path="fog/0"}} {repeat(11, 0, 20)}',
        f'fog_aggregator_nodes{{fog_level="1",fog_path="fog/0",state="live"}} {repeat(11, 4, 0)}',
        f'fog_aggregator_nodes{{fog_level="1",fog_path="fog/0",state="stale"}} {repeat(11, 3, 0)}',
        f'requests_total{{fog_level="1",fog_path="fog/1"}} {repeat(11, 0, 20)}',
        f'fog_aggregator_nodes{{fog_level="1",fog_path="fog/1",state="live"}} {repeat(11, 0, 0)}',
    )
    reader: Any = SimpleNamespace(step=10.0)
    async with asking(kept, now=100.0, past=PastApi(reader, _Upper())) as asked:
        columns = json.loads((await asked.ask("/api/tree?format=columns")).body)
        nodes = [place for path, place in opened(columns).items() if path[:2] == ("fog", "0") and len(path) > 2]
        for metric, mean in (("level", 5.0), ("requests_total", 1 / 6)):
            found = json.loads((await asked.ask(f"/api/tree?format=columns&metric={metric}&values=float32")).body)
            column = np.frombuffer(b64decode(found["data"]), "<f4") * found["scale"]
            assert found["means_of_level"] == 1
            assert nodes
            assert list(column[nodes]) == pytest.approx([mean] * len(nodes))
            assert not np.isinf(column).any()


async def test_without_history_there_is_no_layer() -> None:
    """An application that evaluates nothing says so."""
    async with serving(sample_fleet()) as served:
        answer = await served.ask("/api/tree?format=columns&metric=level")
        assert answer.status == 503
