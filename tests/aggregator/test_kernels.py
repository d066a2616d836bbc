"""A kernel says what the general decoder says, or nothing; it merges as numpy does, value by value."""

from __future__ import annotations

import ast
import logging
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path as FilePath

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fog_aggregator.core.kinds import Kind
from fog_aggregator.core.kinds.bucket_histogram import BUCKET_HISTOGRAM, BucketTable
from fog_aggregator.core.kinds.gauge import GAUGE
from fog_aggregator.core.kinds.integer_counter import INTEGER_COUNTER
from fog_aggregator.core.kinds.table import Table
from fog_aggregator.kernels import cache
from fog_aggregator.kernels import load as loading
from fog_aggregator.kernels.choice import Choice
from fog_aggregator.kernels.layout import (
    AGE,
    BASE,
    CODE,
    COUNT,
    FIRST_SECTION,
    FLAGS,
    FORM,
    FRAME,
    HEADERS,
    HIGH,
    IDS_AT,
    IDS_END,
    INTERVAL,
    LOW,
    MOST_SECTIONS,
    ONE_DOUBLE,
    ONE_INTEGER,
    SECTIONS,
    SEQ,
    SUMS_AT,
    SUMS_CODE,
    VALUES_AT,
    WIDTH,
)
from fog_aggregator.kernels.load import KernelsError, load
from fog_aggregator.kernels.ports import Sections
from fog_schema.codec import decode, encode
from fog_schema.columns import F64, ITEM_SIZES, U8, U32, Column, Ids
from fog_schema.errors import FrameError
from fog_schema.frames import DELTA, Frame, Histograms, Numbers
from fog_schema.packed import ALL_BITS, BITS, NEAR, SPARSE
from tests.strategies import damaged, frames

KERNELS = load(Choice.AUTO)
if KERNELS is None:
    pytest.skip("numba is not installed: there are no compiled kernels", allow_module_level=True)

SMALL = {*range(U8, U32 + 1), *ALL_BITS, SPARSE}


@st.composite
def deltas(draw: st.DrawFn) -> Frame:
    """Deltas of known series; of few of them a value is to be refused."""
    frame = draw(frames((DELTA,)))
    if draw(st.sampled_from([True, True, True, False])):
        frame.definitions, frame.part = b"", 0
        frame.removed = frame.fractions = frame.summaries = frame.lasts = frame.value_counts = frame.coverage = None
    return frame


def is_plain(frame: Frame) -> bool:
    """Tell whether a frame that was decoded has nothing but values that cannot be refused."""
    rest = Frame(DELTA, frame.epoch, frame.seq, frame.flags, 0, frame.age_ms, frame.interval_ms)
    rest.counters, rest.gauges, rest.histograms = frame.counters, frame.gauges, frame.histograms
    one_each = len({group.width for group in frame.histograms}) == len(frame.histograms)
    sections = [one for one in (frame.counters, frame.gauges, *frame.histograms) if one is not None]
    fine = all(one.ids.size for one in sections)
    small = frame.counters is None or frame.counters.values.code in SMALL
    small &= all(group.counts.code in SMALL and np.isfinite(group.sums.tolist()).all() for group in frame.histograms)
    return frame == rest and frame.flags < 128 and one_each and fine and small


class Read:
    """The plain deltas that a kernel finds among frames."""

    def __init__(self, datas: list[bytes]) -> None:
        size = len(datas)
        self.joined = b"".join(datas)
        self.plain = np.ones(size, np.bool_)
        self.epochs = np.ones(size, np.uint64)
        self.headers = np.full((size + 1, HEADERS), -7)
        self.sections = np.full((size * MOST_SECTIONS, SECTIONS), -7)
        assert KERNELS is not None
        ends = np.cumsum([len(data) for data in datas], dtype=np.int64)
        KERNELS.read_deltas(
            np.frombuffer(self.joined, np.uint8), ends, self.plain, self.epochs, self.headers, self.sections
        )

    def of(self, at: int) -> Frame | None:
        """Return what was found of a frame, as the general decoder has it; None where it was left to that."""
        if not self.plain[at]:
            return None
        header = self.headers[at].tolist()
        frame = Frame(DELTA, int(self.epochs[at]), header[SEQ], header[FLAGS], 0, header[AGE], header[INTERVAL])
        groups = []
        for row in self.sections[header[FIRST_SECTION] : self.headers[at + 1, FIRST_SECTION]].tolist():
            assert row[FRAME] == at
            ids = Ids(row[FORM], row[BASE], self.joined[row[IDS_AT] : row[IDS_END]])
            known = ids.tolist()
            assert (row[COUNT], row[LOW], row[HIGH]) == (len(known), known[0], known[-1])
            if row[WIDTH] == ONE_INTEGER:
                frame.counters = Numbers(ids, self.column(row, row[COUNT]))
            elif row[WIDTH] == ONE_DOUBLE:
                frame.gauges = Numbers(ids, self.column(row, row[COUNT]))
            else:
                counts = self.column(row, row[COUNT] * row[WIDTH])
                groups.append(Histograms(row[WIDTH], ids, counts, self.column(row, row[COUNT], sums=True)))
        frame.histograms = tuple(groups)
        return frame

    def column(self, row: list[int], size: int, *, sums: bool = False) -> Column:
        """Return the values of a section, or the sums of one."""
        code, begin = (row[SUMS_CODE], row[SUMS_AT]) if sums else (row[CODE], row[VALUES_AT])
        return Column(code, self.joined[begin : begin + self.length(code, begin, size)], size)

    def length(self, code: int, begin: int, size: int) -> int:
        """Return how many bytes a column has, with so many values."""
        if code <= F64:
            return size * ITEM_SIZES[code]
        if code > BITS:
            return (size * (code - BITS) + 7) // 8
        if code == NEAR:
            return 2 + 7 * size
        if code == SPARSE:
            end = begin + 1 + (size + 7) // 8
            present = int.from_bytes(self.joined[begin + 1 : end]).bit_count()
            return end - begin + (present * self.joined[begin] + 7) // 8
        return size + sum(tag & 15 for tag in self.joined[begin : begin + size])


@given(st.lists(deltas(), min_size=1, max_size=5))
def test_every_plain_delta_is_read(drawn: list[Frame]) -> None:
    """Of each frame that a writer sends, plain or not, in whatever company: all that it says, or nothing."""
    read = Read([encode(frame) for frame in drawn])
    for at, frame in enumerate(drawn):
        decoded = decode(encode(frame))
        assert read.of(at) == (decoded if is_plain(decoded) else None)


@given(st.lists(damaged(deltas().map(encode)), min_size=1, max_size=5))
def test_nothing_is_read_that_the_decoder_refuses(datas: list[bytes]) -> None:
    """Of bytes that somebody has damaged: what the general decoder makes of them, or nothing."""
    read = Read(datas)
    for at, data in enumerate(datas):
        if (found := read.of(at)) is not None:
            decoded = decode(data)
            assert found == decoded
            assert is_plain(decoded)


@given(deltas().map(encode), st.data())
def test_a_delta_that_is_cut_is_none(data: bytes, drawn: st.DataObject) -> None:
    """No byte beyond a frame's end is looked at: the next frame's are as good as none."""
    at = drawn.draw(st.integers(0, len(data) - 1))
    read = Read([data[:at], data[at:]])
    with pytest.raises(FrameError):
        decode(data[:at])
    assert not read.plain[0]


KINDS: tuple[tuple[Kind, int], ...] = (
    (INTEGER_COUNTER, ONE_INTEGER),
    (GAUGE, ONE_DOUBLE),
    *((BUCKET_HISTOGRAM.of_size(width), width) for width in range(1, 6)),
)


def tables(kind: Kind) -> tuple[Table, Table]:
    """Return two tables of a kind, with the same values: some, up to near the largest."""
    one, other = kind.new_table(), kind.new_table()
    for table in (one, other):
        table.allocate(np.arange(300), np.arange(300), 0, 0.0)
        table.values[:100] = 2**40 if kind.counted else -0.5
    return one, other


@given(st.lists(deltas().map(encode), min_size=1, max_size=5))
def test_kernels_merge_as_numpy_does(datas: list[bytes]) -> None:
    """Each section of each frame, bit for bit: counts are added, gauges and sums are set, slot by slot.

    Ids are anywhere up to 2^32: they are brought to the table by their offsets.
    """
    read = Read(datas)
    every = read.sections[: read.headers[-1, FIRST_SECTION]]
    joined = np.frombuffer(read.joined, np.uint8)
    for kind, width in KINDS:
        sections = every[(every[:, WIDTH] == width) & (every[:, HIGH] - every[:, LOW] < 300)]
        offsets = -sections[:, LOW]
        mine, theirs = tables(kind)
        merge(width, (joined, sections, offsets), mine)
        for row, offset in zip(sections.tolist(), offsets.tolist(), strict=True):
            found = np.array(Ids(row[FORM], row[BASE], read.joined[row[IDS_AT] : row[IDS_END]]).tolist()) + offset
            values = read.column(row, row[COUNT] * max(width, 1))
            sums = [read.column(row, row[COUNT], sums=True)] if width > 0 else []
            assert not kind.settle(theirs, found, [values], sums)
        for name in ("values", "sums") if width > 0 else ("values",):
            assert getattr(mine, name).tobytes() == getattr(theirs, name).tobytes()


def merge(width: int, given_: Sections, table: Table) -> None:
    """Merge sections of one width by its kernel."""
    assert KERNELS is not None
    if width == ONE_INTEGER:
        KERNELS.add_counts(*given_, table.values)
    elif width == ONE_DOUBLE:
        KERNELS.set_gauges(*given_, table.values)
    else:
        assert isinstance(table, BucketTable)
        KERNELS.add_buckets(*given_, table.values, table.sums)


def test_one_may_choose_numpy() -> None:
    """Then nothing is compiled, whatever is installed."""
    assert load(Choice.NUMPY) is None


def test_without_numba_numpy_does_the_work(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """By default silently where it is not installed, with a warning where it fails; who asked for it hears why not."""
    monkeypatch.setattr(loading, "find_spec", lambda _: None)
    assert load(Choice.AUTO) is None
    assert not caplog.records
    monkeypatch.setattr(loading, "find_spec", lambda _: object())
    monkeypatch.setattr(loading, "import_module", broken)
    with caplog.at_level(logging.WARNING):
        assert load(Choice.AUTO) is None
    assert "llvmlite is too old" in caplog.text
    with pytest.raises(KernelsError, match=r"llvmlite is too old; --kernels numpy does without"):
        load(Choice.NUMBA)


_REFUSES = """
import ctypes, logging, sys
logging.basicConfig(stream=sys.stdout)
if ctypes.CDLL(None).prctl(65, 1, 0, 0, 0):
    sys.exit("this kernel lets nobody refuse it")
from fog_aggregator.kernels.choice import Choice
from fog_aggregator.kernels.load import KernelsError, load
print(load(Choice.AUTO))
try:
    load(Choice.NUMBA)
except KernelsError as error:
    print(error)
"""


def test_a_process_that_may_not_execute_what_it_has_written_has_no_kernels() -> None:
    """Numba tells nobody: an aggregator would end at the first call, hours after its start, and at each start then."""
    done = subprocess.run([sys.executable, "-c", _REFUSES], capture_output=True, text=True, check=False)
    if "lets nobody" in done.stderr:
        pytest.skip(done.stderr)
    warning, none, refusal = done.stdout.splitlines()
    assert "may not execute memory that was written" in warning
    assert none == "None"
    assert refusal.endswith("--kernels numpy does without")


def broken(name: str) -> None:
    """Fail as an installation does that does not fit together."""
    raise ImportError(f"{name}: llvmlite is too old")


@pytest.fixture
def nowhere(tmp_path: FilePath, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give an installation and a user without a folder that can be written: files are in their place."""
    (tmp_path / "file").touch()
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr(cache, "_KERNELS", tmp_path / "file")


@pytest.mark.usefixtures("nowhere")
def test_a_read_only_installation_has_its_cache_elsewhere(tmp_path: FilePath, monkeypatch: pytest.MonkeyPatch) -> None:
    """In ours, which nobody else can read or write; where NUMBA_CACHE_DIR names one, there and nowhere else."""
    folder = cache.folder_for_kernels(tmp_path / "state" / "kernels")
    assert folder.parent == tmp_path / "state" / "kernels"
    assert folder.stat().st_mode & 0o777 == 0o700
    with pytest.raises(KernelsError, match="no folder for compiled kernels can be written"):
        load(Choice.NUMBA)
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "given"))
    assert cache.folder_for_kernels(tmp_path / "state").parent == tmp_path / "given"
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "file"))
    with pytest.raises(OSError, match="NUMBA_CACHE_DIR"):
        cache.folder_for_kernels(tmp_path / "state")


def test_kernels_of_other_sources_are_not_taken(tmp_path: FilePath) -> None:
    """A constant of another file is compiled in: numba itself, which looks at one file, goes on with the old one."""
    sources = tmp_path / "sources"
    sources.mkdir()
    (sources / "layout.py").write_text("MOST = 1\n")
    before = cache.folder_for_kernels(tmp_path / "kept", [sources])
    assert cache.folder_for_kernels(tmp_path / "kept", [sources]) == before
    (sources / "layout.py").write_text("MOST = 2\n")
    assert cache.folder_for_kernels(tmp_path / "kept", [sources]) != before


def test_all_that_is_compiled_in_is_among_the_sources() -> None:
    """Functions and constants of every module that kernels import from."""
    folders = [folder.resolve() for folder in cache.SOURCES]
    for file in (folders[0] / "compiled").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("fog_"):
                found = FilePath(str(find_spec(node.module or "").origin)).resolve()  # type: ignore[union-attr]
                assert any(folder in found.parents for folder in folders), node.module
