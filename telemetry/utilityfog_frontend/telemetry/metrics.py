"""Metric types and values."""

from .instruments.counter import Counter
from .instruments.gauge import Gauge
from .instruments.histogram import Histogram
from .instruments.labeled import LabeledCounter, LabeledGauge, LabeledHistogram, LabeledMetric
from .instruments.metric import Metric
from .instruments.state_set import StateSet
from .model import MetricType, MetricValue

__all__ = [
    "Counter",
    "Gauge",
    "Histogram",
    "LabeledCounter",
    "LabeledGauge",
    "LabeledHistogram",
    "LabeledMetric",
    "Metric",
    "MetricType",
    "MetricValue",
    "StateSet",
]
