"""LastReadings of totals that live outside of the process, as plain values: what a program must remember to go on."""

from collections.abc import Mapping
from typing import NamedTuple

from utilityfog_frontend.telemetry.kinds import began_below
from utilityfog_frontend.telemetry.model import Family, Labels, Value


class Reading(NamedTuple):
    """One reading of a series.

    Attributes:
        value: its total.
        created: unix seconds of the moment the total began, when that is known.
        incarnation: names the run of whatever counts, such as the boot of a machine; empty when nobody knows.
    """

    value: Value
    created: float | None = None
    incarnation: str = ""

    def began_anew(self, since: "Reading", read_at: float) -> bool:
        """Tell whether the total began after it was read as `since`, at `read_at`: then all of it is new.

        It is seen by a value that fell, by another incarnation, or by a start after that reading. A start before it
        proves nothing: it may be a clock that was set.
        """
        if began_below(since.value, self.value):
            return True
        if self.incarnation and since.incarnation and self.incarnation != since.incarnation:
            return True
        return self.created is not None and self.created != since.created and self.created > read_at


class FamilyReadings(NamedTuple):
    """The last readings of one family.

    Attributes:
        read_at: unix seconds of the last of them.
        series: the readings by labels.
    """

    read_at: float
    series: Mapping[Labels, Reading]


LastReadings = Mapping[tuple[str, tuple[float, ...]], FamilyReadings]
"""The last readings of families by name and bounds."""


class Mark(NamedTuple):
    """The reading that a value stands on: what must be remembered before the value is told to anybody.

    Attributes:
        family: the series' family.
        labels: sorted by name.
        order: a series that followed on another one of the same labels has a higher number.
        reading: the reading.
        read_at: unix seconds of it.
    """

    family: Family
    labels: Labels
    order: int
    reading: Reading
    read_at: float
