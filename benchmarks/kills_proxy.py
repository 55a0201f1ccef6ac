"""A door before a database: it can be shut, as when the server is stopped, and what goes through frozen."""

import asyncio
import threading
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, Self

__all__ = ["Door"]

CHUNK = 65536


class Door:
    """Forwards connections to ``port`` of this machine; a context manager. ``door.port`` is its own."""

    def __init__(self, port: int) -> None:
        self._behind = port
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="door", daemon=True)
        self._server: asyncio.Server | None = None
        self._through: set[asyncio.StreamWriter] = set()
        self._flowing = asyncio.Event()

    def __enter__(self) -> Self:
        self._thread.start()
        self._do(self._open())
        self.thaw()
        return self

    def __exit__(self, *_: object) -> None:
        self.thaw()
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def shut(self) -> None:
        """Refuse new connections and break off those that there are."""
        self._do(self._shut())

    def open(self) -> None:
        """Take connections again, at the same port."""
        self._do(self._open())

    def freeze(self) -> None:
        """Take connections, and let nothing through."""
        self._loop.call_soon_threadsafe(self._flowing.clear)

    def thaw(self) -> None:
        """Let through what has come meanwhile, and all else."""
        self._loop.call_soon_threadsafe(self._flowing.set)

    def _do(self, what: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(what, self._loop).result(10)

    async def _open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _shut(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in list(self._through):
            writer.transport.abort()

    async def _end(self) -> None:
        await self._shut()
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self._behind)
        ends = {writer, server_writer}
        self._through |= ends
        try:
            await asyncio.gather(self._flow(reader, server_writer), self._flow(server_reader, writer))
        finally:
            self._through -= ends

    async def _flow(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await source.read(CHUNK):
                await self._flowing.wait()
                sink.write(data)
                await sink.drain()
        sink.close()
