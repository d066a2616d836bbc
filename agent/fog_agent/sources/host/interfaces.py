"""The state of network interfaces, each asked by itself: one that is gone or odd does not take the others along.

psutil asks for all of them at once, and fails for all when the name of one is not UTF-8.
"""

from __future__ import annotations

import array
import os
import socket
import struct
from collections.abc import Iterable
from typing import Final, NamedTuple

import psutil

_FLAGS: Final = 0x8913
_MTU: Final = 0x8921
_ETHTOOL: Final = 0x8946
_GET_SETTINGS: Final = 1
_RUNNING: Final = 0x40
_UNKNOWN_SPEEDS: Final = (0xFFFF, 0xFFFFFFFF)
_SETTINGS_BYTES: Final = 44
"""The kernel's `struct ethtool_cmd`."""


class State(NamedTuple):
    """Whether an interface is up, its largest packet in bytes, its speed in megabits a second (0 when unknown)."""

    isup: bool
    mtu: int
    speed: int


def states(names: Iterable[str]) -> dict[str, State | None]:
    """Ask for the state of each; None where it could not be had."""
    if not psutil.LINUX:
        known = psutil.net_if_stats()
        return {name: State(one.isup, one.mtu, one.speed) for name, one in known.items()}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        return {name: _state(any_socket, name) for name in names}


def _state(any_socket: socket.socket, name: str) -> State | None:
    try:
        flags, mtu = (_ask(any_socket, what, name) for what in (_FLAGS, _MTU))
    except OSError:
        return None
    return State(bool(flags & _RUNNING), mtu, _speed(any_socket, name))


def _ask(any_socket: socket.socket, what: int, name: str) -> int:
    from fcntl import ioctl

    answer = ioctl(any_socket, what, struct.pack("16s24x", os.fsencode(name)))
    number: int = struct.unpack_from("H" if what == _FLAGS else "i", answer, 16)[0]
    return number


def _speed(any_socket: socket.socket, name: str) -> int:
    from fcntl import ioctl

    settings = array.array("B", struct.pack(f"I{_SETTINGS_BYTES - 4}x", _GET_SETTINGS))
    try:
        ioctl(any_socket, _ETHTOOL, struct.pack("16sP16x", os.fsencode(name), settings.buffer_info()[0]))
    except OSError:  # most that are no hardware have none
        return 0
    low, high = (struct.unpack_from("H", settings, place)[0] for place in (12, 28))
    speed: int = low | high << 16
    return 0 if speed in _UNKNOWN_SPEEDS else speed
