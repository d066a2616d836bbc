"""One Prometheus for all tests that ask one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.promql.grammar import random_series
from tests.promql.prometheus import BINARY, WHY_NOT, Prometheus, running_prometheus


@pytest.fixture(scope="session")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """Run a Prometheus with the random series of seed 1; the test is skipped where none is installed."""
    if BINARY is None:
        pytest.skip(WHY_NOT)
    with running_prometheus(tmp_path_factory.mktemp("prometheus")) as server:
        server.write(random_series(1))
        yield server
