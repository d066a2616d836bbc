"""Find the bucket of a value, and the bounds of a bucket. Pure.

The bucket `i` of schema `s` has values above 2^((i - 1) / 2^s) and up to 2^(i / 2^s), as Prometheus numbers them. Two
buckets of a schema are one bucket of the schema below it, so that a merge is exact at the lower one of two schemas.
"""

from bisect import bisect_left
from math import frexp, inf, ldexp
from typing import Final

from .mantissas import MANTISSAS

MIN_SCHEMA: Final = -4
MAX_SCHEMA: Final = 8
MOST_BUCKETS: Final = 160
"""Of one histogram, from the first to the last on both sides of zero: enough for every double at the lowest schema."""
ZERO_THRESHOLD: Final = 2.0**-128
"""Values not farther from zero are counted as zero: it is a bound of every schema."""

_BOUNDS: Final = tuple(MANTISSAS[:: 1 << (MAX_SCHEMA - schema)] for schema in range(MAX_SCHEMA + 1))


def index_of(magnitude: float, schema: int) -> int:
    """Return the bucket of a finite value above `ZERO_THRESHOLD`; of a negative one, of its magnitude."""
    mantissa, exponent = frexp(magnitude)
    if schema < 0:
        return coarser(exponent - (mantissa == 0.5), -schema)
    return ((exponent - 1) << schema) + bisect_left(_BOUNDS[schema], mantissa)


def upper_bound(index: int, schema: int) -> float:
    """Return the upper bound of a bucket; infinity for the one that the largest doubles are in."""
    try:
        if schema < 0:
            return ldexp(1.0, index << -schema)
        return ldexp(_BOUNDS[schema][index & ((1 << schema) - 1)], (index >> schema) + 1)
    except OverflowError:
        return inf


def coarser(index: int, steps: int) -> int:
    """Return the bucket that a bucket is a part of, so many schemas lower."""
    return -(-index >> steps)
