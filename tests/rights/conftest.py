"""The servers of these tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.rights.shipped import CONFIGURATIONS, Shipped


@pytest.fixture(scope="module", params=CONFIGURATIONS)
def shipped(request: pytest.FixtureRequest) -> Iterator[Shipped]:
    """Provide a server with each of the shipped configurations in turn."""
    with CONFIGURATIONS[request.param]() as running:
        yield running
