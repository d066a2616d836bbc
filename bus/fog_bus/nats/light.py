"""Keep nats-py and a command light: what only WebSockets or only TLS need is imported when the first one is made.

nats-py imports aiohttp wherever it is installed. A program that has it for other purposes, and a short job of cron,
would pay for it at each start: 140 ms of CPU and 11 MB (docs/decisions/0029-the-agent-is-light.md). asyncio imports
ssl: 5 MB, which an agent with a plain connection would keep for nothing.
"""

from __future__ import annotations

import builtins
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec
from threading import RLock
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from importlib.abc import Loader

_IMPORTER: Final = "nats.aio.transport"
_LATE: Final = ("aiohttp", "multidict")
"""Modules that the importer has for WebSockets alone."""
_TLS: Final = ("ssl", "asyncio.sslproto")
"""Modules for TLS alone; others use no more of them than their names until there is a connection with it."""
_HASHES: Final = (("_md5",), ("_sha1",), ("_sha2", "_sha256"), ("_sha2", "_sha512"), ("_sha3",), ("_blake2",))
"""Modules that `hashlib` needs without OpenSSL, one of each; some systems leave them out."""


class LateModule(ModuleType):
    """Stand in for a module: it is imported when something of it is asked for."""

    def __getattr__(self, name: str) -> Any:
        return getattr(import_module(self.__name__), name)


class _StandIn(ModuleType):
    """Stand in `sys.modules` for a module, for all who import it: it is imported when something of it is asked for."""

    _importing: Final = RLock()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)  # by which others look through all modules
        with self._importing:
            if sys.modules.get(self.__name__) is self:
                del sys.modules[self.__name__]
            module = import_module(self.__name__)
            vars(self).update(vars(module))
        return getattr(module, name)


class _NoSocket:
    """asyncio asks whether a socket is one of `ssl`: as long as that is not imported, none is."""


class _Finder:
    """Find one module, as usual, and have it executed with late imports."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != _IMPORTER:
            return None
        sys.meta_path.remove(self)
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec, spec.loader)  # type: ignore[assignment]  # it has all that a Loader has
        return spec


class _Loader:
    """Execute a module whose `import` statements are ours. To no other module anything changes.

    It is no subclass of `importlib.abc.Loader`, which imports tempfile, zipfile and more.
    """

    def __init__(self, spec: ModuleSpec, loader: Loader) -> None:
        self._spec, self._loader = spec, loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        module.__loader__ = self._spec.loader = self._loader
        vars(module)["__builtins__"] = vars(builtins) | {"__import__": _import}  # as documented at `exec`
        self._loader.exec_module(module)


def _import(
    name: str,
    globals: Mapping[str, object] | None = None,  # noqa: A002 - as `__import__` has it
    locals: Mapping[str, object] | None = None,  # noqa: A002 - as `__import__` has it
    fromlist: Sequence[str] | None = (),
    level: int = 0,
) -> ModuleType:
    """Import as `__import__` does, but late what is only needed for WebSockets; what is not installed fails at once."""
    if name in _LATE and name not in sys.modules and find_spec(name) is not None:
        return LateModule(name)
    return builtins.__import__(name, globals, locals, fromlist or (), level)


def import_websockets_late() -> None:
    """See to it that nats-py, if it is not imported yet, imports aiohttp when the first WebSocket is made."""
    if _IMPORTER not in sys.modules:
        sys.meta_path.insert(0, _Finder())


def load_websockets() -> None:
    """Import what WebSockets need now: it takes longer than an event loop should stand still."""
    for name in _LATE:
        if find_spec(name) is not None:
            import_module(name)


def import_tls_late() -> None:
    """Let a process of our own, before it imports asyncio, do without OpenSSL until it has a connection with TLS.

    The stand-ins are in `sys.modules`, for everybody: a library must not do that, a command may. Hashes are Python's
    own then, where it was built with them.
    """
    if {"ssl", "asyncio", "hashlib"} & sys.modules.keys():
        return
    for name in _TLS:
        sys.modules[name] = _StandIn(name)
    vars(sys.modules["ssl"])["SSLSocket"] = _NoSocket
    if all(any(map(find_spec, names)) for names in _HASHES):
        sys.modules["_hashlib"] = None  # type: ignore[assignment]  # as documented, for what is not to be found
