"""Sort the values of one frame into its sections. Pure, and without numpy: nodes have none."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from fog_agent.core.epoch_series import READ_TOGETHER, EpochSeries, Pause, no_pause
from fog_agent.core.sections.section import Fill
from fog_agent.core.too_large import stop_too_large
from fog_schema.columns import pack_ids
from fog_schema.definitions import encode_definitions
from fog_schema.frames import LATER_TYPES, TYPE_NAMES, Definition, Frame
from fog_schema.limits import MAX_HELP_LENGTH, MAX_LABEL_VALUES
from utilityfog_frontend.telemetry.model import Family

_TYPE_NUMBERS: Final = {name: number for number, name in TYPE_NAMES.items()}


class FrameBuilder:
    """Collect what one frame says, sorted by section.

    Args:
        taken: series with fresh values, in the order of ids: the next delta counts from these, once this is encoded.
        removed: ids that the frame says were removed, ascending.
        is_keyframe: every series is defined, and counts are values. Else counts are what came since the base, and a
            series without a base is defined.
        pause: called between the parts of the work.

    Attributes:
        stopped: series whose totals have become too large for any frame.
    """

    def __init__(
        self,
        taken: Sequence[EpochSeries],
        removed: Sequence[int],
        *,
        is_keyframe: bool,
        pause: Pause = no_pause,
    ) -> None:
        self.taken = taken
        self.stopped: list[EpochSeries] = []
        self._removed = removed
        self._defined: list[EpochSeries] = []
        self._rows: dict[Fill, list[EpochSeries]] = defaultdict(list)
        self._is_keyframe = is_keyframe
        self._pause = pause
        for at in range(0, len(taken), READ_TOGETHER):
            self._sort(taken[at : at + READ_TOGETHER])
            pause()

    def _sort(self, taken: Sequence[EpochSeries]) -> None:
        is_keyframe, last = self._is_keyframe, None
        for series in taken:  # in one loop, as a node does this in each interval for each series that changed
            if is_keyframe or series.base is None:
                self._defined.append(series)
            fill = series.sections[type(series.fresh)]
            if fill is not last:
                last, rows = fill, self._rows[fill]
            rows.append(series)

    def fill(self, frame: Frame) -> Frame:
        """Pack everything taken into `frame`.

        Raises:
            FrameError: reason ``limit``, when it defines more than a frame may.
        """
        definitions = define(self._defined, self._pause)
        frame.definitions = encode_definitions([one for one in definitions if one.type not in LATER_TYPES])
        frame.later_definitions = encode_definitions([one for one in definitions if one.type in LATER_TYPES])
        self._pause()
        frame.removed = pack_ids(self._removed) if self._removed else None
        for fill, rows in self._rows.items():
            try:
                fill(frame, rows, self._is_keyframe)
            except OverflowError:
                self.stopped += stop_too_large(fill, rows, frame, is_keyframe=self._is_keyframe)
                fill(frame, rows, self._is_keyframe)
            self._pause()
        return frame


def define(members: Sequence[EpochSeries], pause: Pause = no_pause) -> list[Definition]:
    """Define some series, ids ascending: those of one family and one set of label names together."""
    groups: dict[tuple[Family, tuple[str, ...]], list[EpochSeries]] = {}
    for at in range(0, len(members), READ_TOGETHER):
        for series in members[at : at + READ_TOGETHER]:
            names = tuple([name for name, _ in series.source.labels])
            groups.setdefault((series.source.family, names), []).append(series)
        pause()
    definitions = []
    for (family, names), group in groups.items():
        size = MAX_LABEL_VALUES // len(names) if names else len(group)
        for at in range(0, len(group), size):
            definitions.append(_definition(family, names, group[at : at + size]))
            pause()
    return definitions


def _definition(family: Family, names: tuple[str, ...], members: list[EpochSeries]) -> Definition:
    return Definition(
        name=family.name,
        type=_TYPE_NUMBERS[family.type],
        help=family.help[:MAX_HELP_LENGTH],
        unit=family.unit,
        bounds=family.bounds,
        rollup=family.rollup,
        label_names=names,
        ids=pack_ids([member.id for member in members]),
        label_values=tuple([value for member in members for _, value in member.source.labels]),
    )
