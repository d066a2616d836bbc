"""nats-py's client for one connection's life: one try to connect, one end, no reconnecting.

nats-py reconnects by itself, and there hang most of its traps: it waits for the kernel's 15 minutes with unsent bytes
in the socket, sends everything buffered meanwhile, stops for ever on most errors of the server. So a client here lives
as long as its one connection, and `connection.py` builds the next. Everything that reaches into nats-py's private
parts is in this file; tests/test_connection.py breaks when they change.
"""

from __future__ import annotations

import nats.aio.client
from nats.aio.msg import Msg


class Client(nats.aio.client.Client):
    """A client that ends at once when its connection ends, and that no message can break."""

    async def _select_next_server(self) -> None:
        """One try of one server; nats-py's own loop tries for ever, or twice, and hides why it failed."""
        self._current_server = self._server_pool[0]
        await self._connect_to_server(self._current_server)

    async def _close(self, status: int, do_cbs: bool = True) -> None:  # noqa: FBT001, FBT002 — nats-py's signature
        """Drops the socket first: nats-py would wait for bytes that may never leave."""
        self._pending.clear()
        self._pending_data_size = 0
        writer = getattr(self._transport, "_io_writer", None)
        if writer is not None:
            writer.transport.abort()
        await super()._close(status, do_cbs)

    async def _process_headers(self, headers: bytes) -> dict[str, str] | None:
        """Headers that cannot be read are none: an exception here ends nats-py's reading without a word."""
        try:
            return await super()._process_headers(headers)
        except Exception:  # noqa: BLE001 — whatever a stranger's bytes lead to
            return None

    def _build_message(
        self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: dict[str, str] | None
    ) -> Msg:
        """A subject need not be UTF-8; nats-py would end its reading on one that is not."""
        return self.msg_class(
            subject=subject.decode(errors="replace"),
            reply=reply.decode(errors="replace"),
            data=data,
            headers=headers,
            _client=self,
            _sid=sid,
        )
