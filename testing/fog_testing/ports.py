"""Free ports of loopback that stay free: for a server that is told its port before it listens, or listens anew.

A port that was only looked for is anybody's a moment later, and between two lives of a server: on a machine with many
tests a connection of another one gets it now and then. These are held by a socket that is bound and does not listen.
The kernel gives such a port to nobody who asks for any, and who names it may listen there: servers set SO_REUSEADDR
(Go's, asyncio's, nginx's all do). Until then a connection to it is refused.
"""

from __future__ import annotations

import socket
import threading
from collections import deque
from typing import Final

_MOST_HELD: Final = 256
_sockets: Final[deque[socket.socket]] = deque()
_lock: Final = threading.Lock()


def free_port(host: str = "127.0.0.1") -> int:
    """Return a TCP port that nobody else gets while this process holds it: until 256 later ones are given, or its end.

    Any thread may call it.

    Args:
        host: The address; empty for a port that is free on all of them.
    """
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    one.bind((host, 0))
    with _lock:
        _sockets.append(one)
        while len(_sockets) > _MOST_HELD:
            _sockets.popleft().close()
    port: int = one.getsockname()[1]
    return port
