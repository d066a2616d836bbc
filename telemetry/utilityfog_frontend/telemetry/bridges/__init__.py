"""To and from other libraries' metrics. None of them is a dependency: whoever uses a bridge has the library.

- `prometheus_source` reads a registry of prometheus_client, and `PrometheusBridge` shows a collector in one.
- `bridges.opentelemetry` has a reader for a program that counts with OpenTelemetry: it is imported by its own name.
"""

from .prometheus import PrometheusBridge
from .prometheus_source import prometheus_source

__all__ = ["PrometheusBridge", "prometheus_source"]
