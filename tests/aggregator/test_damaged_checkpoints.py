"""A checkpoint with a right checksum and a wrong inside is damaged, and never a traceback."""

from __future__ import annotations

import contextlib
import copy
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fog_aggregator.core.checkpoint import AWAITED, CheckpointError, Image, read_image, restore, take_image
from fog_aggregator.core.fleet.event_list import EventList
from fog_aggregator.core.fleet.fleet import Fleet as FleetState
from fog_aggregator.core.fleet.parts import LATER
from fog_aggregator.core.kinds.table import FREE
from fog_aggregator.query.ratchet import Ratchet
from tests.aggregator.fleet import Fleet
from tests.aggregator.golden.recipe import POSITIONS, SCOPE, VIEWS, answers, exported, rich, silence
from tests.examples import examples

WRONG: Final[tuple[Any, ...]] = (
    None,
    True,
    -1,
    7,
    2**70,
    1.5,
    float("nan"),
    "text",
    b"bytes",
    [],
    [1],
    [[]],
    [["x"]],
    {},
    {"x": 1},
)


def image_of_all() -> Image:
    """Take a checkpoint that has all that there can be."""
    recorder = rich()
    image = take_image(recorder.state, recorder.events, recorder.network.ratchet, POSITIONS, SCOPE)
    return read_image(b"".join(image.chunks()))


@pytest.fixture(scope="module")
def whole() -> Image:
    """Give that checkpoint; each test changes a copy of it."""
    return image_of_all()


def places_in(value: Any, where: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """List where there is a value, within mappings and the first three records of lists."""
    found = [where] if where else []
    if isinstance(value, dict):
        found += [place for key, one in value.items() for place in places_in(one, (*where, key))]
    elif isinstance(value, list | tuple):
        found += [place for key, one in enumerate(value[:3]) for place in places_in(one, (*where, key))]
    return found


def container(image: Image, where: tuple[Any, ...]) -> Any:
    """Give the mapping or list that has the value at a place."""
    found: Any = image.plain
    for key in where[:-1]:
        found = found[key]
    return found


def use(image: Image) -> None:
    """Restore an image and do all that there is with what comes of it.

    Raises:
        CheckpointError: it cannot be restored.
    """
    state, events, ratchet = FleetState(), EventList(), Ratchet()
    restore(image, state, events, ratchet)
    fleet = Fleet()
    fleet.state, fleet.events = state, events
    fleet.network.adopt(state, events, ratchet)
    fleet.now = 1_701_386_410.0
    for view in VIEWS.values():
        exported(fleet.network, view)
    answers(fleet.network)
    silence(fleet)
    take_image(state, events, ratchet, POSITIONS, SCOPE)


def test_the_whole_one_is_used(whole: Image) -> None:
    """Nothing is wrong with it."""
    use(copy.deepcopy(whole))


def test_no_value_may_be_missing(whole: Image) -> None:
    """Neither a part, nor a value of one, nor a column; but for a part without columns that came later."""
    with_columns = {name.partition("/")[0] for name in whole.arrays}
    later = {("parts", name) for name in {*LATER, AWAITED} - with_columns}
    assert later
    for where in places_in(whole.plain):
        if isinstance(container(whole, where), dict) and where[0] == "parts" and len(where) <= 3:
            image = copy.deepcopy(whole)
            del container(image, where)[where[-1]]
            if where in later:
                use(image)  # a program wrote it that did not know the part
                continue
            with pytest.raises(CheckpointError):
                use(image)
    for name in whole.arrays:
        image = copy.deepcopy(whole)
        del image.arrays[name]
        with pytest.raises(CheckpointError):
            use(image)


@pytest.mark.parametrize("change", ["shorter", "longer", "type", "dimension"])
def test_no_column_may_have_another_shape(whole: Image, change: str) -> None:
    """Of another length, of another type, or of more dimensions than it has."""
    for name, column in whole.arrays.items():
        image = copy.deepcopy(whole)
        changed = {
            "shorter": column[:-1],
            "longer": np.concatenate((column, column[:1])),
            "type": column.astype(np.float32),
            "dimension": column[:, np.newaxis],
        }[change]
        image.arrays[name] = changed
        if name == "retired/last_held" and change in {"shorter", "longer"}:
            continue  # it is as long as the catalog was at the last sweep
        if change in {"shorter", "longer"} and not len(column):
            continue  # it is empty then as well
        with pytest.raises(CheckpointError):
            use(image)


def test_a_series_has_values_of_its_familys_kind(whole: Image) -> None:
    """A slot of a series whose family, or whose bounds, ask for values of another kind is damage."""
    catalog = whole.plain["parts"]["catalog"]
    types = [key[1] for key, *_ in catalog["families"]]
    for number, (family, labels, shared) in enumerate(catalog["series"]):
        bounds = list(catalog["bounds"][shared])
        others = [other for other, type_ in enumerate(types) if type_ != types[family]]
        changes: list[tuple[int, Any, list[float]]] = [(other, labels, []) for other in others]
        if bounds:
            changes += [(family, labels, changed) for changed in (bounds[:-1], [*bounds, bounds[-1] + 1], bounds[::-1])]
        else:
            changes.append((family, labels, [1.0, 2.0]))
        for changed in changes:
            image = copy.deepcopy(whole)
            other, kept, changed_bounds = changed
            image.plain["parts"]["catalog"]["bounds"].append(changed_bounds)
            image.plain["parts"]["catalog"]["series"][number] = (other, kept, len(catalog["bounds"]))
            if number in catalog["free"] or bounds == changed[2] == bounds[::-1]:
                continue
            with pytest.raises(CheckpointError):
                use(image)


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), -1.0])
@pytest.mark.parametrize("name", ["slots/gauge_summary.values", "roster/place.interval", "roster/place.last_seen"])
def test_what_no_node_can_have_sent_is_damage(whole: Image, name: str, wrong: float) -> None:
    """A summary that is not finite, or of less than no node, and a time that is none are found, not added up."""
    if wrong < 0 and name.endswith("last_seen"):
        return  # a server's clock may stand anywhere
    image = copy.deepcopy(whole)
    image.arrays[name].reshape(-1)[0] = wrong
    with pytest.raises(CheckpointError):
        use(image)


@pytest.mark.parametrize("name", ["now", "audible_seconds", "observed_seconds"])
def test_a_time_that_is_no_number_is_damage(whole: Image, name: str) -> None:
    """As it is in a column: nobody's age would be one either."""
    image = copy.deepcopy(whole)
    image.plain["parts"]["time"][name] = float("nan")
    with pytest.raises(CheckpointError):
        use(image)


@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_wrong_value_is_damage_or_harmless(whole: Image, data: st.DataObject) -> None:
    """Whatever stands in place of a value: it is refused, or all goes on with it."""
    image = copy.deepcopy(whole)
    places = [where for where in places_in(image.plain) if where[0] in {"parts", "streams"}]
    where = data.draw(st.sampled_from(places))
    container_ = container(image, where)
    if isinstance(container_, tuple):
        return
    container_[where[-1]] = data.draw(st.sampled_from(WRONG))
    with contextlib.suppress(CheckpointError):
        use(image)


@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_wrong_number_in_a_column_is_damage_or_harmless(whole: Image, data: st.DataObject) -> None:
    """Rows, series and ids that are not there, twice or beyond all bounds."""
    image = copy.deepcopy(whole)
    name = data.draw(st.sampled_from(sorted(name for name, column in image.arrays.items() if column.size)))
    column = image.arrays[name].reshape(-1)
    wrong: tuple[Any, ...] = (0, 1, 3)
    if column.dtype.kind in "iu":
        info = np.iinfo(column.dtype)
        wrong = (0, 1, 3, 99, max(-1, info.min), max(-2, info.min), info.max, info.min)
    elif column.dtype.kind == "f":
        wrong = (0.0, -1.0, float("inf"), float("-inf"), float("nan"), 1e300)
    column[data.draw(st.integers(0, len(column) - 1))] = data.draw(st.sampled_from(wrong))
    with contextlib.suppress(CheckpointError):
        use(image)


def test_what_a_free_slot_says_is_not_believed(whole: Image) -> None:
    """Its epoch may be of any row: nobody has the slot."""
    image, slots = copy.deepcopy(whole), 0
    for name, series in image.arrays.items():
        if name.startswith("slots/") and name.endswith(".series"):
            image.arrays[name.replace(".series", ".epoch")][series == FREE] = 99
            slots += int(np.count_nonzero(series == FREE))
    assert slots
    use(image)
