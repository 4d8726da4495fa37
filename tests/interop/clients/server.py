"""A server on the Python SDK, with one tool for every way an answer can travel.

`/mcp` serves every revision over Streamable HTTP, with sessions and resumable events in the older ones; `/sse` is the
transport of 2024-11-05. It listens on a free port of loopback and says which on its first line.
"""

import asyncio
import contextlib
import json
import socket
import sys
import warnings
from typing import Annotated, Any

import mcp_types as types
import uvicorn
from mcp.server.mcpserver import Context, Elicit, ElicitationResult, ListRoots, MCPServer, Resolve, Sample
from mcp.server.streamable_http import EventCallback, EventMessage, EventStore
from pydantic import BaseModel, Field
from starlette.applications import Starlette

warnings.simplefilter("ignore")

NOTE = "note://one"
server = MCPServer("interop-python", version="1.0.0", log_level="ERROR")
cancelled: dict[str, asyncio.Event] = {}


class Colour(BaseModel):
    colour: str


class Weather(BaseModel):
    city: str
    degrees: float


@server.tool()
def echo(text: str) -> types.CallToolResult:
    return said(text)


@server.tool()
def fail() -> str:
    raise ValueError("this tool always fails")


@server.tool()
async def progress(steps: int, ctx: Context) -> types.CallToolResult:
    for step in range(1, steps + 1):
        await ctx.report_progress(step, steps, f"step {step}")
    return said(f"{steps} steps")


@server.tool()
async def chatter(ctx: Context) -> types.CallToolResult:
    await ctx.log("info", "first line", logger_name="chatter")
    await ctx.log("warning", {"second": "line"}, logger_name="chatter")
    return said("said two things")


@server.tool()
def structured(city: str) -> Weather:
    return Weather(city=city, degrees=21.5)


@server.tool()
def region(region: Annotated[str, Field(json_schema_extra={"x-mcp-header": "Region"})]) -> types.CallToolResult:
    return said(f"in {region}")


@server.tool()
async def wait(name: str, ctx: Context) -> types.CallToolResult:
    ended = cancelled.setdefault(name, asyncio.Event())
    await ctx.report_progress(1)
    try:
        await asyncio.Event().wait()
    finally:
        ended.set()
    return said("too late")


@server.tool()
async def was_cancelled(name: str) -> types.CallToolResult:
    try:
        await asyncio.wait_for(cancelled.setdefault(name, asyncio.Event()).wait(), 10)
    except TimeoutError:
        return said("false")
    return said("true")


@server.tool()
async def cut(ctx: Context) -> types.CallToolResult:
    await ctx.close_sse_stream()
    return said("delivered on the resumed stream")


# What the SDK turns into requests of the server in the older revisions, into a multi-round-trip call in the newest.
async def ask_colour() -> Elicit[Colour]:
    return Elicit("Which colour?", Colour)


async def ask_model() -> Sample:
    content = types.TextContent(type="text", text="Say hello.")
    return Sample([types.SamplingMessage(role="user", content=content)], max_tokens=10)


async def ask_roots() -> ListRoots:
    return ListRoots()


@server.tool()
async def elicit(answer: Annotated[ElicitationResult[Colour], Resolve(ask_colour)]) -> types.CallToolResult:
    return said(answer.model_dump_json())


@server.tool()
async def sample(answer: Annotated[types.CreateMessageResult, Resolve(ask_model)]) -> types.CallToolResult:
    return said(json.dumps(answer.model_dump(mode="json")["content"]))


@server.tool()
async def roots(answer: Annotated[types.ListRootsResult, Resolve(ask_roots)]) -> types.CallToolResult:
    return said(json.dumps([str(root.uri) for root in answer.roots]))


@server.tool()
async def touch(ctx: Context) -> types.CallToolResult:
    if ctx.protocol_version is not None and ctx.protocol_version >= "2026-07-28":
        await ctx.notify_tools_changed()
        await ctx.notify_resource_updated(NOTE)
    else:
        await ctx.session.send_tool_list_changed()
        await ctx.session.send_resource_updated(NOTE)
    return said("touched")


@server.resource(NOTE, mime_type="text/plain")
def one() -> str:
    return "the first note – ☂"


@server.resource("blob://one", mime_type="application/octet-stream")
def blob() -> bytes:
    return bytes([0, 1, 2, 255])


@server.resource("city://{name}", mime_type="text/plain")
def city(name: str) -> str:
    return f"about {name}"


@server.prompt()
def review(language: str) -> str:
    return f"Review this {language}."


@server.completion()
async def complete(
    ref: types.PromptReference | types.ResourceTemplateReference,
    argument: types.CompletionArgument,
    context: types.CompletionContext | None,
) -> types.Completion:
    choices = ["python", "perl", "rust"] if isinstance(ref, types.PromptReference) else ["Bergen", "Berlin", "Bern"]
    return types.Completion(values=[choice for choice in choices if choice.startswith(argument.value)])


async def accept_subscription(ctx: Any, params: types.SubscribeRequestParams) -> types.EmptyResult:
    return types.EmptyResult()


# MCPServer has no decorator for the subscriptions of the older revisions; `touch` notifies whether asked or not.
for method in ("resources/subscribe", "resources/unsubscribe"):
    server._lowlevel_server.add_request_handler(method, types.SubscribeRequestParams, accept_subscription)


def said(text: str) -> types.CallToolResult:
    return types.CallToolResult(content=[types.TextContent(type="text", text=text)])


class Events(EventStore):
    """Keeps every event, in order, so that a stream can be taken up again."""

    def __init__(self) -> None:
        self.stored: list[tuple[str, Any]] = []

    async def store_event(self, stream_id: str, message: types.JSONRPCMessage | None) -> str:
        self.stored.append((stream_id, message))
        return str(len(self.stored))

    async def replay_events_after(self, last_event_id: str, send_callback: EventCallback) -> str | None:
        last = int(last_event_id)
        stream_id = self.stored[last - 1][0]
        for index, (owner, message) in enumerate(self.stored):
            if index >= last and owner == stream_id and message is not None:
                await send_callback(EventMessage(message, str(index + 1)))
        return stream_id


def application() -> Starlette:
    streamable = server.streamable_http_app(event_store=Events(), retry_interval=50)
    sse = server.sse_app()

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette):
        async with server.session_manager.run():
            yield

    return Starlette(routes=[*streamable.routes, *sse.routes], lifespan=lifespan)


def main() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    print(json.dumps({"listen": listener.getsockname()[1]}), flush=True)
    config = uvicorn.Config(application(), log_level="error", timeout_graceful_shutdown=1)
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    sys.exit(main())
