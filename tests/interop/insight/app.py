"""A ChatGPT app on the Python SDK: tools with widgets, behind a bearer token, told about in `Server-Timing`.

    python app.py

`/mcp` serves every revision over Streamable HTTP, with sessions in the older ones. It listens on a free port of loopback
and says which on its first line: {"listen": PORT}.
"""

import json
import socket
import sys
import warnings

import uvicorn
from mcp.server.mcpserver import MCPServer

import tools
from access import PROTECTION, Verifier
from states import STATES
from timing import ServerTiming

warnings.simplefilter("ignore")


def build() -> MCPServer:
    server = MCPServer(
        "insight-app",
        version="1.0.0",
        log_level="CRITICAL",
        extensions=[tools.APPS],
        auth=PROTECTION,
        token_verifier=Verifier(),
        request_state_security=STATES,
    )
    tools.register(server)
    return server


def main() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    print(json.dumps({"listen": listener.getsockname()[1]}), flush=True)
    application = ServerTiming(build().streamable_http_app())
    config = uvicorn.Config(application, log_level="critical", timeout_graceful_shutdown=1)
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    sys.exit(main())
