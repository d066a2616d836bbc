"""The Prometheus that the tests of the language have, for those of the API too."""

from __future__ import annotations

from tests.promql.conftest import prometheus

__all__ = ["prometheus"]
