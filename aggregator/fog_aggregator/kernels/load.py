"""Make the kernels of a choice. The first start on a machine compiles them, later ones take them from the disk."""

from __future__ import annotations

import logging
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from fog_aggregator.kernels.cache import folder_for_kernels
from fog_aggregator.kernels.choice import COMPILED_BYTES, Choice, has_room
from fog_aggregator.kernels.ports import Kernels
from fog_aggregator.memory.machine import resident_bytes

LOGGER: Final = logging.getLogger("fog_aggregator")
_COMPILED: Final = "fog_aggregator.kernels.compiled"
_MODULES: Final = ("deltas", "advancing", "merging", "runs")
"""The modules of `compiled`, whose functions `Kernels` names."""


class KernelsError(ValueError):
    """The kernels that were chosen cannot be made."""


def load(choice: Choice, cache: Path | None = None, memory: int | None = None) -> Kernels | None:
    """Return the compiled kernels; None stands for numpy, which does the work then.

    Args:
        choice: Which kernels.
        cache: Our own directory for what was compiled, which need not exist; the last that is tried (`cache`).
        memory: All that the process may take, bytes: `auto` is numpy where they have no room in it. Any for None.

    Raises:
        KernelsError: Compiled ones were asked for, and cannot be made.
    """
    if choice is Choice.NUMPY or (choice is Choice.AUTO and find_spec("numba") is None):
        return None
    if choice is Choice.AUTO and memory is not None and not has_room(memory, resident_bytes()):
        text = "numpy merges frames: of %d MiB of memory compiled kernels would take %d, and leave the fleet too little"
        LOGGER.info(text, memory // 2**20, COMPILED_BYTES // 2**20)
        return None
    try:
        return _compiled(cache)
    except Exception as error:
        text = f"numba cannot compile the kernels: {type(error).__name__}: {error}"
        if choice is Choice.NUMBA:
            raise KernelsError(f"{text}; --kernels numpy does without") from error
        LOGGER.warning("%s; numpy does the work", text)
        return None


def _compiled(cache: Path | None) -> Kernels:
    config = import_module("numba").config
    before, config.CACHE_DIR = config.CACHE_DIR, str(folder_for_kernels(cache))
    try:
        modules = [vars(import_module(f"{_COMPILED}.{name}")) for name in _MODULES]
    finally:
        config.CACHE_DIR = before  # other functions of this process are kept where they were
    functions = {name: function for module in modules for name, function in module.items()}
    return Kernels(**{name: functions[name] for name in Kernels._fields})
