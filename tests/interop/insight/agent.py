"""An agent at work on the Python SDK, over HTTP+SSE: a failure made good, and one that is not before the stream closes. Its
transcript is JSON on stdout.

    python agent.py URL
"""

import json
import logging
import sys
import warnings
from typing import Any
from urllib.parse import parse_qs

import anyio
import httpx2
import mcp_types as types
from mcp import Client
from mcp.client.sse import sse_client

SESSION_TIMEOUT_S = 60
CALLS: list[tuple[str, dict[str, Any]]] = [
    ("get-sum", {"a": 1, "b": 2}),
    ("get-sum", {"a": "one"}),
    ("get-sum", {"a": 1, "b": 3}),
    ("echo", {"message": "halfway"}),
    ("no-such-tool", {}),
]

warnings.simplefilter("ignore")
logging.disable(logging.CRITICAL)

steps: list[dict[str, Any]] = []
secrets: set[str] = set()


def add(step: str, value: Any) -> None:
    steps.append({"step": step, "value": value.model_dump(mode="json", by_alias=True, exclude_none=True)})


async def sent(request: httpx2.Request) -> None:
    """The session's name stands where messages are posted to."""
    secrets.update(parse_qs(request.url.query.decode()).get("sessionId", []))


def http_client(headers: Any = None, timeout: Any = None, auth: Any = None) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(headers=headers, timeout=timeout, auth=auth, event_hooks={"request": [sent]})


async def work(url: str) -> None:
    info = types.Implementation(name="agent-python", version="1.0.0")
    transport = sse_client(url, httpx_client_factory=http_client)
    with anyio.fail_after(SESSION_TIMEOUT_S):
        async with Client(transport, mode="legacy", client_info=info) as client:
            add("tools/list", await client.list_tools())
            for tool, arguments in CALLS:
                add(f"{tool} {json.dumps(arguments)}", await client.call_tool(tool, arguments))


def main() -> None:
    anyio.run(work, sys.argv[1])
    print(json.dumps({"steps": steps, "secrets": sorted(secrets)}, ensure_ascii=False))


if __name__ == "__main__":
    main()
