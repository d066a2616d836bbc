"""Make the kernels of a choice. The first time on a machine compiles them, later ones take them from the disk."""

from __future__ import annotations

import ctypes
import logging
from importlib import import_module
from importlib.util import find_spec
from mmap import MAP_ANONYMOUS, MAP_PRIVATE, PAGESIZE, PROT_EXEC, PROT_READ, mmap
from pathlib import Path
from typing import Final

from fog_aggregator.kernels.cache import folder_for_kernels
from fog_aggregator.kernels.choice import COMPILED_BYTES, COMPILING_BYTES, Choice, has_room
from fog_aggregator.kernels.ports import Kernels

LOGGER: Final = logging.getLogger("fog_aggregator")
_COMPILED: Final = "fog_aggregator.kernels.compiled"
_MODULES: Final = ("deltas", "advancing", "merging", "runs")
"""The modules of `compiled`, whose functions `Kernels` names."""


class KernelsError(ValueError):
    """The kernels that were chosen cannot be made."""


def come_later(choice: Choice, memory: int, program: int, cache: Path | None = None) -> int:
    """Return the bytes of kernels that are to be made once the fleet is large enough for them, as `auto` has it.

    0 for none: where numba is missing, or where they would leave the fleet too little; the log says so.

    Args:
        choice: Which kernels.
        memory: All that the process may take, bytes.
        program: Its resident memory without kernels, bytes.
        cache: As of `load`.
    """
    if choice is not Choice.AUTO or find_spec("numba") is None:
        return 0
    if has_room(memory, program, taken := _bytes_to_come(cache)):
        return taken
    text = "numpy merges frames: of %d MiB of memory compiled kernels would take %d, and leave the fleet too little"
    LOGGER.info(text, memory // 2**20, taken // 2**20)
    return 0


def _bytes_to_come(cache: Path | None) -> int:
    """Return the memory that kernels will take: more where they are not kept from an earlier time."""
    try:
        is_kept = any(folder_for_kernels(cache).rglob("*.nbi"))
    except OSError:
        return COMPILED_BYTES  # they cannot be made, as will be told then
    return COMPILED_BYTES if is_kept else COMPILING_BYTES


def load(choice: Choice, cache: Path | None = None) -> Kernels | None:
    """Return the compiled kernels; None stands for numpy, which does the work then. From any thread.

    Args:
        choice: Which kernels; `auto` are compiled ones where they can be made.
        cache: Our own directory for what was compiled, which need not exist; the last that is tried (`cache`).

    Raises:
        KernelsError: Compiled ones were asked for, and cannot be made.
    """
    if choice is Choice.NUMPY or (choice is Choice.AUTO and find_spec("numba") is None):
        return None
    try:
        _check_that_code_can_be_made()
        return _compiled(cache)
    except Exception as error:
        text = f"numba cannot compile the kernels: {type(error).__name__}: {error}"
        if choice is Choice.NUMBA:
            raise KernelsError(f"{text}; --kernels numpy does without") from error
        LOGGER.warning("%s; numpy does the work", text)
        return None


def _check_that_code_can_be_made() -> None:
    """Raise PermissionError where memory may not be executed once it was written.

    LLVM does not tell: the first call of what it has compiled would end the process.
    """
    with mmap(-1, PAGESIZE, MAP_PRIVATE | MAP_ANONYMOUS) as page:
        begin = ctypes.c_char.from_buffer(page)
        refused = ctypes.CDLL(None).mprotect(ctypes.byref(begin), PAGESIZE, PROT_READ | PROT_EXEC)
        del begin  # or the page could not be given back
    if refused:
        raise PermissionError("this process may not execute memory that was written (MemoryDenyWriteExecute)")


def _compiled(cache: Path | None) -> Kernels:
    config = import_module("numba").config
    before, config.CACHE_DIR = config.CACHE_DIR, str(folder_for_kernels(cache))
    try:
        modules = [vars(import_module(f"{_COMPILED}.{name}")) for name in _MODULES]
    finally:
        config.CACHE_DIR = before  # other functions of this process are kept where they were
    functions = {name: function for module in modules for name, function in module.items()}
    return Kernels(**{name: functions[name] for name in Kernels._fields})
