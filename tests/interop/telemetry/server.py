"""The server of the session runs, with the spans of its SDK sent over OTLP/gRPC.

    python server.py FIXTURE OTLP_PORT [ambient]

FIXTURE is the file of that server. With `ambient` its framework takes the trace context of the HTTP headers, as an
instrumented one does; `_meta` wins over it. Its first line on stdout says where it listens: {"listen": PORT}.
"""

import importlib.util
import json
import socket
import sys
from types import ModuleType
from typing import Any

import uvicorn
from opentelemetry import context, propagate

from traced import over_grpc, switch_on


class Ambient:
    """What the instrumentation of an ASGI framework does to the context, without the spans of its own."""

    def __init__(self, application: Any) -> None:
        self.application = application

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        headers = {name.decode(): value.decode() for name, value in scope.get("headers", [])}
        token = context.attach(propagate.extract(headers))
        try:
            await self.application(scope, receive, send)
        finally:
            context.detach(token)


def load(path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location("fixture", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["fixture"] = module
    spec.loader.exec_module(module)
    return module


def main() -> None:
    fixture, port, *ambient = sys.argv[1:]
    provider = switch_on("server", over_grpc(int(port)))
    application = load(fixture).application()
    listener = socket.create_server(("127.0.0.1", 0))
    print(json.dumps({"listen": listener.getsockname()[1]}), flush=True)
    config = uvicorn.Config(Ambient(application) if ambient else application, log_level="error", timeout_graceful_shutdown=1)
    uvicorn.Server(config).run(sockets=[listener])
    provider.shutdown()


if __name__ == "__main__":
    main()
