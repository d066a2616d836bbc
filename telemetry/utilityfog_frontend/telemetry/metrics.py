"""Metric types and values."""

from .exponential.resolution import Exponential
from .instruments.counter import Counter
from .instruments.exponential import ExponentialHistogram
from .instruments.gauge import Gauge
from .instruments.histogram import Histogram
from .instruments.labeled import LabeledCounter, LabeledGauge, LabeledHistogram, LabeledMetric
from .instruments.metric import Metric
from .instruments.state_set import StateSet
from .model import MetricType, MetricValue

__all__ = [
    "Counter",
    "Exponential",
    "ExponentialHistogram",
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
