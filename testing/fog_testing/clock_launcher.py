"""Start a program whose CLOCK_REALTIME is the machine's plus what a file says: `clock_launcher.py FILE PROGRAM …`.

This process becomes the program, and keeps its number. A child of init, which it leaves behind, answers it each time
that it asks the kernel for the time of day, until the program is gone. Two things make the program ask:

- A filter (seccomp, `SECCOMP_RET_USER_NOTIF`) hands `clock_gettime(CLOCK_REALTIME)` to the one that answers, and no
  other call. The monotonic clock, and so each timer, is the machine's.
- A program asks no kernel while it has the vDSO, code in its own memory. Its address is told in the auxiliary vector,
  so this entry is taken out (ptrace) between exec and the program's first instruction. Go and the C library then
  call the kernel.

Linux on x86-64 or arm64. It needs no privilege, but a machine that allows ptrace of a process of the same user; a
container may not. This file is run by its path, and imports nothing but the standard library.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import mmap
import os
import platform
import select
import socket
import struct
import sys
import time
from typing import Final, NamedTuple


class _Machine(NamedTuple):
    """The numbers of calls, and the name that the kernel gives to the processor in a filter."""

    audit: int
    clock_gettime: int
    seccomp: int


_MACHINES: Final = {"x86_64": _Machine(0xC000003E, 228, 317), "aarch64": _Machine(0xC00000B7, 113, 277)}

OFFSET: Final = struct.Struct("=q")
"""The file's content: nanoseconds that the program's clock is ahead."""
_TIMESPEC: Final = struct.Struct("=qq")
_SECOND: Final = 10**9

_AT_NULL: Final = 0
_AT_IGNORE: Final = 1
_AT_SYSINFO_EHDR: Final = 33
_START_OF_STACK: Final = 28 - 3
"""The place in /proc/PID/stat among the fields behind the process's name; the first of these is number 3."""

_PR_SET_NO_NEW_PRIVS: Final = 38
_SECCOMP_SET_MODE_FILTER: Final = 1
_NEW_LISTENER: Final = 1 << 3
_ALLOW: Final = 0x7FFF0000
_USER_NOTIF: Final = 0x7FC00000
_LOAD: Final = 0x20
_JUMP_IF_EQUAL: Final = 0x15
_RETURN: Final = 0x06
_NR, _ARCH, _FIRST_ARGUMENT = 0, 4, 16

_RECEIVE: Final = 0xC0502100
_SEND: Final = 0xC0182101
_NOTIFICATION: Final = struct.Struct("=QIIiIQ6Q")
_RESPONSE: Final = struct.Struct("=QqiI")

_PTRACE_CONT: Final = 7
_PTRACE_DETACH: Final = 17
_PTRACE_SEIZE: Final = 0x4206
_TRACE_EXEC: Final = 1 << 4
_STOPPED_AT_EXEC: Final = 5 | 4 << 8
_WALL: Final = 0x40000000

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)
_libc.ptrace.restype = ctypes.c_long
_libc.syscall.restype = ctypes.c_long


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p)]


def main(arguments: list[str]) -> None:
    """Become the program; return only by an exception.

    Raises:
        OSError: the machine does not allow it, or there is no such program.
    """
    file, *command = arguments
    machine = _MACHINES.get(platform.machine())
    if machine is None:
        raise OSError(errno.ENOSYS, f"a program's clock cannot be set on {platform.machine()}")
    ours, theirs = socket.socketpair()
    target = os.getpid()
    if os.fork() == 0:
        if os.fork() == 0:
            ours.close()
            _answer(file, target, theirs)
        os._exit(0)
    os.wait()
    theirs.close()
    socket.send_fds(ours, [b"."], [_filtered(machine)])
    if not ours.recv(1):
        raise PermissionError(errno.EPERM, "this process may not be traced (ptrace), so its clock cannot be set")
    os.execvp(command[0], command)  # noqa: S606  that is the purpose


def _filtered(machine: _Machine) -> int:
    """Hand this process's questions for the time of day to a listener, and return it."""
    instructions = (
        (_LOAD, 0, 0, _ARCH),
        (_JUMP_IF_EQUAL, 0, 5, machine.audit),
        (_LOAD, 0, 0, _NR),
        (_JUMP_IF_EQUAL, 0, 3, machine.clock_gettime),
        (_LOAD, 0, 0, _FIRST_ARGUMENT),
        (_JUMP_IF_EQUAL, 0, 1, time.CLOCK_REALTIME),
        (_RETURN, 0, 0, _USER_NOTIF),
        (_RETURN, 0, 0, _ALLOW),
    )
    code = b"".join(struct.pack("=HBBI", *one) for one in instructions)
    program = _Program(len(instructions), code)
    _must(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    call = (_SECCOMP_SET_MODE_FILTER, _NEW_LISTENER, ctypes.byref(program))
    return _must(_libc.syscall(machine.seccomp, *call))


def _answer(file: str, target: int, link: socket.socket) -> None:
    """Answer a process, which executes its program once it hears of it, until it is gone."""
    with open(file, "rb") as opened:  # noqa: PTH123
        offset = mmap.mmap(opened.fileno(), OFFSET.size, access=mmap.ACCESS_READ)
    _, [listener], _, _ = socket.recv_fds(link, 1, 1)
    _must(_libc.ptrace(_PTRACE_SEIZE, target, None, _TRACE_EXEC))
    link.send(b".")
    link.close()
    if not _stops_at_exec(target):
        return
    memory = os.open(f"/proc/{target}/mem", os.O_RDWR | os.O_CLOEXEC)
    _hide_vdso(target, memory)
    _must(_libc.ptrace(_PTRACE_DETACH, target, None, None))
    poll = select.poll()
    poll.register(listener, select.POLLIN)
    while any(events & select.POLLIN for _, events in poll.poll()):
        _answer_once(listener, memory, offset)


def _stops_at_exec(target: int) -> bool:
    """Wait until the process stops between exec and its program's first instruction; False when it has ended."""
    while True:
        _, status = os.waitpid(target, _WALL)
        if not os.WIFSTOPPED(status):
            return False
        if status >> 8 == _STOPPED_AT_EXEC:
            return True
        _must(_libc.ptrace(_PTRACE_CONT, target, None, os.WSTOPSIG(status)))


def _hide_vdso(target: int, memory: int) -> None:
    """Take the address of the vDSO out of the auxiliary vector, which lies behind arguments and environment."""
    with open(f"/proc/{target}/stat") as stat:  # noqa: PTH123
        fields = stat.read().rpartition(")")[2].split()
    at = int(fields[_START_OF_STACK])
    at += 8 * (1 + int.from_bytes(os.pread(memory, 8, at), sys.byteorder) + 1)  # argc, argv and its end
    while os.pread(memory, 8, at) != bytes(8):
        at += 8
    at += 8
    while (kind := int.from_bytes(os.pread(memory, 8, at), sys.byteorder)) != _AT_NULL:
        if kind == _AT_SYSINFO_EHDR:
            os.pwrite(memory, _AT_IGNORE.to_bytes(8, sys.byteorder), at)
        at += 16


def _answer_once(listener: int, memory: int, offset: mmap.mmap) -> None:
    """Answer one question; one whose thread was interrupted or killed meanwhile is asked again, or by nobody."""
    asked = bytearray(_NOTIFICATION.size)
    try:
        fcntl.ioctl(listener, _RECEIVE, asked)
        number, *_, where = _NOTIFICATION.unpack(asked)[:8]  # the second argument is where the answer goes
        now = time.time_ns() + OFFSET.unpack_from(offset)[0]
        os.pwrite(memory, _TIMESPEC.pack(*divmod(now, _SECOND)), where)
        fcntl.ioctl(listener, _SEND, bytearray(_RESPONSE.pack(number, 0, 0, 0)))
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.EINTR, errno.EIO):
            raise


def _must(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except OSError as error:
        sys.exit(f"clock_launcher: {error}")
