"""A checkpoint of every released version is read, and exports and goes on as it did when it was written."""

from __future__ import annotations

import json
import re
from pathlib import Path as FilePath
from typing import Any

import pytest

from fog_aggregator.core.checkpoint import read_image, restore
from fog_aggregator.core.fleet.event_list import EventList
from fog_aggregator.core.fleet.fleet import Fleet as FleetState
from fog_aggregator.query.ratchet import Ratchet
from fog_schema.paths import Path
from tests.aggregator.fleet import Fleet
from tests.aggregator.golden.recipe import POSITIONS, SCOPE, VIEWS, answers, exported, silence

VERSIONS = sorted((FilePath(__file__).parent / "golden").glob("version_*"))


@pytest.fixture(params=VERSIONS, ids=lambda folder: folder.name)
def folder(request: pytest.FixtureRequest) -> FilePath:
    """Give the golden files of one version; `golden/recipe.py` says what is in them."""
    found: FilePath = request.param
    return found


def restored(folder: FilePath) -> Fleet:
    """Restore the golden checkpoint."""
    image = read_image((folder / "checkpoint.fog").read_bytes())
    assert image.scope == SCOPE
    fleet, state, events, ratchet = Fleet(), FleetState(), EventList(), Ratchet()
    assert restore(image, state, events, ratchet) == POSITIONS
    fleet.state, fleet.events = state, events
    fleet.network.adopt(state, events, ratchet)
    fleet.now = state.now
    return fleet


def expected(folder: FilePath, name: str) -> Any:
    """Read a golden answer."""
    return with_evictions(in_states_of_before(json.loads((folder / name).read_text())))


def answered(fleet: Fleet) -> Any:
    """Ask the fleet what the golden answers say."""
    return in_states_of_before(json.loads(json.dumps(answers(fleet.network))))


def as_told_before(exported: str) -> str:
    """Leave out what came with version 6: states of nodes, where nobody is in them, and where the silent ones are."""
    exported = re.sub(r"\n# HELP fog_aggregator_silent .*?(?=\n# HELP|\Z)", "", exported, flags=re.DOTALL)
    return re.sub(r'fog_aggregator_nodes\{[^}]*state="(ended|missing)"\} 0\n', "", exported)


def with_evictions(answers: Any) -> Any:
    """Add what came with version 7: how many events gave way, which follows from the others, and the next page."""
    if isinstance(answers, dict) and "events" in answers:
        events = {"next": None, "evicted": answers["events"]["total"] - answers["events"]["kept"]} | answers["events"]
        return answers | {"events": events}
    return answers


def without_later(exported: str) -> str:
    """Leave out what came after the golden files: states, where nobody is in them, and who waits for a keyframe."""
    exported = re.sub(r"\n# HELP fog_aggregator_nodes_gapped .*?(?=\n# HELP|\Z)", "", exported, flags=re.DOTALL)
    return re.sub(r'fog_aggregator_nodes\{[^}]*state="(quarantined|unread)"\} 0\n', "", exported)


def in_states_of_before(answers: Any) -> Any:
    """Leave out the same in answers."""
    if isinstance(answers, list):
        return [in_states_of_before(one) for one in answers]
    if not isinstance(answers, dict):
        return answers
    later = {"ended", "missing", "quarantined", "unread"} if {"departed", "baselines"} & answers.keys() else set()
    of_places = {"branch"} if "children" in answers else set()
    answers = {name: one for name, one in answers.items() if name not in {"gapped", "saturated"} | of_places}
    return {name: in_states_of_before(one) for name, one in answers.items() if name not in later or one}


def test_every_version_exports_what_it_exported(folder: FilePath) -> None:
    """Metrics of the root, by level and of one node, and what the JSON interface says."""
    fleet = restored(folder)
    for name, view in VIEWS.items():
        shown, golden = without_later(exported(fleet.network, view)), (folder / name).read_text()
        assert (as_told_before(shown) if folder.name in {"version_4", "version_5"} else shown) == golden
    assert answered(fleet) == expected(folder, "answers.json")


def test_every_version_goes_on_as_it_would_have(folder: FilePath) -> None:
    """Keyframes under way end, a return counts from its baseline, a replay is ignored, silent nodes retire."""
    fleet = restored(folder)
    frames: list[tuple[list[str], str, float]] = expected(folder, "frames-after.json")
    for path, data, at in frames:
        fleet.now = at
        where: Path = tuple(path)
        fleet.apply(where, bytes.fromhex(data))
    assert answered(fleet) == expected(folder, "answers-after.json")
    silence(fleet)
    assert answered(fleet) == expected(folder, "answers-after-silence.json")
