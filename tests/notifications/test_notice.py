"""A notice names its alert as Alertmanager does."""

from __future__ import annotations

import pytest

from fog_aggregator.notifications.notice import Notice, fingerprint
from fog_aggregator.promql.labels import Labels, make_labels


def notice(labels: Labels, *, firing: bool = True, starts_at: int = 1_000) -> Notice:
    """Make a notice of these labels."""
    return Notice(labels, (), starts_at, 2_000, firing)


def test_the_fingerprint_is_prometheus_one() -> None:
    """A real Alertmanager has given these labels this fingerprint; no labels have the offset of FNV-1a."""
    assert notice(make_labels({"alertname": "A", "fog_path": "fog/0/3", "x": "é"})).fingerprint == "645274a5eee4b6e2"
    assert f"{fingerprint(()):016x}" == "cbf29ce484222325"


def test_labels_are_hashed_once() -> None:
    """All alerts are looked at each 2 s while a page is open: to hash their labels was most of that."""
    first, again = (fingerprint(make_labels({"alertname": "Once"})) for _ in range(2))
    assert first is again


def test_the_key_tells_states_and_lives_apart() -> None:
    """Firing, resolved and a second life of one alert are three messages; the same state twice is one."""
    labels = make_labels({"alertname": "A", "fog_path": "fog/0"})
    keys = {notice(labels).key, notice(labels, firing=False).key, notice(labels, starts_at=5).key, notice(labels).key}
    assert len(keys) == 3


@pytest.mark.parametrize(
    ("labels", "path"),
    [
        ({"fog_path": "fog/0/3", "fog_node": "fog/1"}, ("fog", "0", "3")),
        ({"fog_node": "fog/1"}, ("fog", "1")),
        ({"fog_path": "not a path"}, ()),
        ({}, ()),
    ],
)
def test_the_path_is_that_of_the_labels(labels: dict[str, str], path: tuple[str, ...]) -> None:
    """The first label of the tree names the place; what is no path is the whole."""
    assert notice(make_labels(labels)).path == path
