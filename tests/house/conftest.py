"""Syntax trees of the whole repository stay in memory while its guards run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fog_cli.later import lasting


@pytest.fixture(scope="package", autouse=True)
def trees_stay() -> Iterator[None]:
    """Keep the trees from Python's collector of garbage, which would look at them for half of the time."""
    with lasting():
        yield
