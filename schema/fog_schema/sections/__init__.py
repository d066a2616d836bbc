"""The sections of a body, one module for each kind of value: its fields, its encoding, its decoding and its checks.

`SECTIONS` is the only list of them. The codec walks it, in the order of the fields' numbers.
"""

from __future__ import annotations

from typing import Final

from fog_schema.sections import (
    bucket_histogram,
    coverage,
    fractional_counter,
    gauge,
    gauge_summary,
    integer_counter,
)
from fog_schema.sections.field import Field

SECTIONS: Final[tuple[tuple[Field, ...], ...]] = (
    integer_counter.FIELDS,
    fractional_counter.FIELDS,
    gauge.FIELDS,
    bucket_histogram.FIELDS,
    gauge_summary.FIELDS,
    coverage.FIELDS,
)
