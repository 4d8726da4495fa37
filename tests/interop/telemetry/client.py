"""Sessions of the Python SDK that carry their trace context in `_meta`, in the header, in both, or nowhere."""

import contextlib
import json
import logging
import threading
import warnings
from collections.abc import AsyncIterator
from typing import Any

import anyio
import httpx2
from mcp import Client
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client
from opentelemetry import propagate, trace
from opentelemetry.context import Context
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

ERAS = {"modern": "auto", "legacy": "legacy", "http+sse": "legacy"}
CARRIERS = ("meta", "header", "both", "neither")
REQUESTS = 5  # of one session, in each era
SESSION_LIMIT_S = 30

W3C = TraceContextTextMapPropagator()

warnings.simplefilter("ignore")
logging.getLogger("mcp").setLevel(logging.CRITICAL)


class Requests(SpanProcessor):
    """The open spans of the requests that this process sends, by their ids: what is sent is sent by another task."""

    def __init__(self) -> None:
        self.open: dict[str, Span] = {}
        self.lock = threading.Lock()

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        request = (span.attributes or {}).get("jsonrpc.request.id")
        if span.kind is trace.SpanKind.CLIENT and isinstance(request, str):
            with self.lock:
                self.open[request] = span

    def on_end(self, span: ReadableSpan) -> None:
        with self.lock:
            self.open = {request: one for request, one in self.open.items() if one.context != span.context}

    def find(self, request: str) -> Span | None:
        with self.lock:
            return self.open.get(request)


class Wire:
    """The HTTP client of one session. It puts the header, and in mode `both` a span of its own, as instrumented ones do."""

    def __init__(self, carriers: str, requests: Requests) -> None:
        self.carriers = carriers
        self.requests = requests
        self.tracer = trace.get_tracer("http")

    async def send(self, request: httpx2.Request) -> None:
        if request.method != "POST" or self.carriers not in ("header", "both"):
            return
        span = self.requests.find(str(json.loads(request.content).get("id")))
        if span is None:
            return
        above = trace.set_span_in_context(span)
        if self.carriers == "both":
            http = self.tracer.start_span("POST", above, trace.SpanKind.CLIENT)
            above = trace.set_span_in_context(http)
            http.end()
        W3C.inject(request.headers, above)

    def client(self, headers: Any = None, timeout: Any = None, auth: Any = None) -> httpx2.AsyncClient:
        limits = timeout or httpx2.Timeout(30, read=300)
        return httpx2.AsyncClient(headers=headers, timeout=limits, auth=auth, event_hooks={"request": [self.send]})


async def session(origin: str, era: str, carriers: str, requests: Requests) -> None:
    """One session: what a host asks at its start, a call that succeeds, one that fails, one with progress."""
    in_meta = carriers in ("meta", "both")
    propagate.set_global_textmap(W3C if in_meta else CompositePropagator([]))
    with anyio.fail_after(SESSION_LIMIT_S):
        async with opened(origin, era, Wire(carriers, requests)) as client:
            await client.list_tools()
            await client.call_tool("echo", {"text": carriers})
            failed = await client.call_tool("fail", {})
            assert failed.is_error
            await client.call_tool("progress", {"steps": 2}, progress_callback=ignore)


@contextlib.asynccontextmanager
async def opened(origin: str, era: str, wire: Wire) -> AsyncIterator[Client]:
    async with wire.client() as http_client:
        if era == "http+sse":
            transport: Any = sse_client(f"{origin}/sse", httpx_client_factory=wire.client)
        else:
            transport = streamable_http_client(f"{origin}/mcp", http_client=http_client)
        async with Client(transport, mode=ERAS[era]) as client:
            yield client


async def ignore(progress: float, total: float | None, message: str | None) -> None:
    pass
