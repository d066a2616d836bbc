"""Say how fine the buckets of an exponential histogram are, and how many there may be. Pure."""

from dataclasses import dataclass

from .buckets import MAX_SCHEMA, MIN_SCHEMA, MOST_BUCKETS


@dataclass(frozen=True, slots=True)
class Exponential:
    """How fine the buckets of an exponential histogram are: `register_histogram(…, buckets=Exponential(schema=3))`.

    Each bound is 2^(2^-schema) times the one before it: 9 % more at schema 3. When observations are so far apart that
    more buckets would be needed than `max`, neighbours become one, exactly: the schema falls by one, and stays there.
    At the lowest schema, -4, there are as many as it takes, at most 144.

    Args:
        schema: from -4 to 8; the schema that it begins with.
        max: the most buckets from the first to the last one on both sides of zero, from 2 to 160.

    Raises:
        ValueError: out of these ranges.
        TypeError: not whole numbers.
    """

    schema: int = 3
    max: int = MOST_BUCKETS

    def __post_init__(self) -> None:
        for name, value, low, high in (
            ("schema", self.schema, MIN_SCHEMA, MAX_SCHEMA),
            ("max", self.max, 2, MOST_BUCKETS),
        ):
            if isinstance(value, bool) or not isinstance(value, int):
                raise TypeError(f"exponential buckets: {name} must be a whole number, not {value!r}")
            if not low <= value <= high:
                raise ValueError(f"exponential buckets: {name} must be from {low} to {high}, not {value}")


EXPONENTIAL = "exponential"
"""As `buckets`: the same as `Exponential()`."""
