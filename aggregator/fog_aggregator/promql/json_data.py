"""The `data` of the Prometheus HTTP API, as text: joined from prepared strings, far faster than encoding lists."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from fog_aggregator.promql.errors import QueryError
from fog_aggregator.promql.evaluation.matrix import Matrix
from fog_aggregator.promql.formatting import format_plain, format_sample, format_time, prepare_samples
from fog_aggregator.promql.labels import Labels
from fog_aggregator.promql.query import (
    Data,
    MatrixResult,
    Result,
    ScalarResult,
    SeriesResult,
    StringResult,
    VectorResult,
)

_ROWS: Final = 100
"""Series that are looked at together."""


def data_json(data: Data) -> str:
    """Write ``{"resultType":…,"result":…}``."""
    return "".join(_data_pieces(data))


def response_json(result: Result) -> str:
    """Write a complete answer of the API."""
    return "".join(response_pieces(result))


def response_pieces(result: Result) -> Iterator[str]:
    """Write a complete answer of the API, a series at a time."""
    yield '{"status":"success","data":'
    yield from _data_pieces(result.data)
    yield notes_json(result.warnings, result.infos) + "}"


def notes_json(warnings: Sequence[str], infos: Sequence[str] = ()) -> str:
    """Write the members of an answer that say how it should be read, each after a comma; nothing for none."""
    return "".join(f',"{name}":{_texts(texts)}' for name, texts in (("warnings", warnings), ("infos", infos)) if texts)


def labels_json(labels: Labels) -> str:
    """Write a label set as an object."""
    return "{" + ",".join(f"{_text(name)}:{_text(value)}" for name, value in labels) + "}"


def error_json(error: QueryError) -> str:
    """Write an error as the API does."""
    return f'{{"status":"error","errorType":{_text(error.error_type)},"error":{_text(str(error))}}}'


def _plain_time(milliseconds: int) -> str:
    """Write the time of a scalar or a string, which Prometheus writes as any number: ``1.5``, not ``1.500``."""
    return format_sample(milliseconds / 1000)


def _data_pieces(data: Data) -> Iterator[str]:
    if isinstance(data, ScalarResult):
        yield f'{{"resultType":"scalar","result":[{_plain_time(data.time)},"{format_plain(data.value)}"]}}'
        return
    if isinstance(data, StringResult):
        yield f'{{"resultType":"string","result":[{_plain_time(data.time)},{_text(data.value)}]}}'
        return
    if isinstance(data, VectorResult):
        name, series = "vector", _samples(data)
    elif isinstance(data, SeriesResult):
        name, series = "matrix", _raw_series(data)
    else:
        name, series = "matrix", _rows(data)
    yield f'{{"resultType":"{name}","result":['
    comma = ""
    for one in series:
        yield comma + one
        comma = ","
    yield "]}"


_text: Final = json.JSONEncoder(ensure_ascii=False).encode
"""Writes a text; the fastest way to do so for many short ones."""


def _texts(values: Sequence[str]) -> str:
    return f"[{','.join(map(_text, values))}]"


def _samples(data: VectorResult) -> Iterator[str]:
    time = format_time(data.time)
    (numbers,) = prepare_samples(data.values[None, :])
    for labels, number in zip(data.labels, numbers, strict=True):
        yield f'{{"metric":{labels_json(labels)},"value":[{time},"{number}"]}}'


def _template(times: Sequence[str]) -> str:
    """Write a series' samples with a place for each number."""
    return ",".join([f'[{time},"%s"]' for time in times])


def _series(labels: Labels, template: str, numbers: Sequence[object]) -> str:
    """Write one series."""
    return f'{{"metric":{labels_json(labels)},"values":[{template % tuple(numbers)}]}}'


def _raw_series(data: SeriesResult) -> Iterator[str]:
    for labels, times, values in data.series:
        (numbers,) = prepare_samples(values[None, :])
        yield _series(labels, _template(list(map(format_time, times.tolist()))), numbers)


def _rows(data: MatrixResult) -> Iterator[str]:
    matrix: Matrix = data.matrix
    times = list(map(format_time, data.steps.tolist()))
    whole_template = _template(times)
    complete = np.all(matrix.present, axis=1).tolist()
    for start in range(0, matrix.rows, _ROWS):
        block = slice(start, start + _ROWS)
        for row, numbers in enumerate(prepare_samples(matrix.values[block]), start):
            if complete[row]:
                yield _series(matrix.labels[row], whole_template, numbers)
                continue
            there = np.flatnonzero(matrix.present[row]).tolist()
            template = _template([times[step] for step in there])
            yield _series(matrix.labels[row], template, [numbers[step] for step in there])
