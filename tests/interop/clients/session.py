"""One session of every feature with the Python SDK; its transcript is JSON on stdout.

    python session.py ENDPOINT URL [auto]

ENDPOINT is a name of `plan.json`, URL where it is found this time. What a server lacks is left out as `session.mjs`
says. Left out for this client: it sends DELETE on leaving, so what the server says afterwards is not asked; it retries
a resumed stream by itself, and is not asked to resume the stream of a session that it did not open.
"""

import hashlib
import json
import logging
import sys
import uuid
import warnings
from pathlib import Path
from typing import Any

import anyio
import httpx2
import mcp_types as types
from mcp import Client, MCPError
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client

STEP_TIMEOUT_S = 30
HOP = {"connection", "content-length", "date", "keep-alive", "transfer-encoding", "via"}
LONG = '0123456789 – ☂ 🐘 "\\/ \u0001\t' * 4000

warnings.simplefilter("ignore")
logging.disable(logging.CRITICAL)


class Session:
    """What one session asked, heard and was asked."""

    def __init__(self, endpoint_name: str, url: str, auto: bool) -> None:
        plans = json.loads(Path(__file__).with_name("plan.json").read_text())
        self.endpoint = plans["endpoints"][endpoint_name]
        server = plans["servers"][self.endpoint["server"].removesuffix("-sse")]
        self.plan: dict[str, Any] = {**plans["servers"].get(server.get("same_as"), {}), **server}
        self.plan["long"][1] = {key: LONG for key in self.plan["long"][1]}
        self.run = str(uuid.uuid4())
        self.without = self.endpoint.get("without", [])
        self.modern = self.endpoint.get("era") == "modern"
        self.sse = self.endpoint["path"] == "/sse"
        self.url = url
        self.mode = "auto" if auto else "2026-07-28" if self.modern else "legacy"
        self.steps: list[dict[str, Any]] = []
        self.heard: list[Any] = []
        self.asked: list[Any] = []
        self.exchanges: set[str] = set()
        self.stream_is_open = False
        self.ending = False
        self.client: Any = None

    def can(self, feature: str) -> bool:
        return feature in self.plan and feature not in self.without

    async def step(self, name: str, act: Any) -> None:
        try:
            with anyio.fail_after(STEP_TIMEOUT_S):
                self.steps.append({"step": name, "value": plain(await act())})
        except Exception as error:
            self.steps.append({"step": name, "broken": f"{type(error).__name__} {error}"})

    async def until(self, condition: Any) -> None:
        while not condition():
            await anyio.sleep(0.005)

    async def logged(self, what: str, times: int) -> None:
        """Waits until the server has written a line of its log about something so often, if it writes one."""
        text = self.plan.get("logs", {}).get(what)
        if text is not None:
            await self.until(lambda: len([one for one in self.heard if text in json.dumps(one)]) == times)

    async def hears(self, method: str) -> None:
        await self.until(lambda: any(heard["method"] == method for heard in self.heard))

    async def call(self, name: str, **options: Any) -> types.CallToolResult:
        tool, arguments = self.plan[name]
        arguments = {key: self.run if value == "$RUN" else value for key, value in arguments.items()}
        return await self.client.call_tool(tool, arguments, **options)

    # What the server sends of itself.

    async def hear(self, message: Any) -> None:
        if not isinstance(message, types.ServerNotification) or self.ending:
            return
        # server-everything tells of its tools at the end of the handshake, whether the stream is there yet or not.
        if message.method not in self.plan.get("unheard", []):
            self.heard.append(plain(message))

    async def sample(self, _: Any, params: types.CreateMessageRequestParams) -> types.CreateMessageResult:
        self.asked.append({"method": "sampling/createMessage", "params": plain(params)})
        content = types.TextContent(type="text", text="Hello.")
        return types.CreateMessageResult(role="assistant", model="none", content=content)

    async def elicit(self, _: Any, params: types.ElicitRequestParams) -> types.ElicitResult:
        self.asked.append({"method": "elicitation/create", "params": plain(params)})
        return types.ElicitResult(action="accept", content={"colour": "green", "name": "Ada", "check": True})

    async def roots(self, _: Any) -> types.ListRootsResult:
        self.asked.append({"method": "roots/list"})
        return types.ListRootsResult(roots=[types.Root(uri="file:///work", name="work")])

    async def record(self, response: httpx2.Response) -> None:
        """Writes down how an exchange looked on the wire. Headers of one hop are left out, and the length."""
        request = response.request
        resumed = " resumed" if "last-event-id" in request.headers else ""
        message = f" {json.loads(request.content).get('method', 'response')}" if request.method == "POST" else ""
        names = ",".join(sorted(set(response.headers) - HOP))
        kind = response.headers.get("content-type")
        # A stream taken up while it is still open, or after the end, is refused or not as the moment has it.
        if request.method == "GET" and response.status_code in (400, 404, 409):
            return
        self.exchanges.add(f"{request.method}{message}{resumed}: {response.status_code} {kind} [{names}]")
        if request.method == "GET" and response.is_success:
            self.stream_is_open = True

    def http_client(self, headers: Any = None, timeout: Any = None, auth: Any = None) -> httpx2.AsyncClient:
        limits = timeout or httpx2.Timeout(30, read=300)
        return httpx2.AsyncClient(headers=headers, timeout=limits, auth=auth, event_hooks={"response": [self.record]})

    # The session.

    async def hold(self) -> None:
        async with self.http_client() as http_client:
            if self.sse:
                transport: Any = sse_client(self.url, httpx_client_factory=self.http_client)
            else:
                transport = streamable_http_client(self.url, http_client=http_client)
            client = Client(
                transport,
                mode=self.mode,
                client_info=types.Implementation(name="interop-python", version="1.0.0"),
                sampling_callback=self.sample,
                elicitation_callback=self.elicit,
                list_roots_callback=self.roots,
                message_handler=self.hear,
                log_level="info" if self.modern else None,
            )
            async with client as self.client:
                await self.step("connect", self.connected)
                if self.plan.get("announces_roots"):
                    await self.step("requests of the server", lambda: self.logged("roots", 1))
                await self.tools()
                await self.reading()
                if not self.modern:
                    await self.step("ping", client.send_ping)
                    if self.can("set_level"):
                        await self.step("logging/setLevel", lambda: client.set_logging_level("debug"))
                await self.changes()
                if self.can("cancel"):
                    await self.step("cancellation", self.cancelling)
        self.steps.append({"step": "heard", "value": arranged(self.heard)})
        self.steps.append({"step": "asked", "value": arranged(self.asked)})
        self.steps.append({"step": "on the wire", "value": sorted(self.exchanges)})

    async def connected(self) -> Any:
        client = self.client
        return {
            "server": plain(client.server_info),
            "capabilities": plain(client.server_capabilities),
            "instructions": client.instructions,
            "version": client.protocol_version,
        }

    async def tools(self) -> None:
        client = self.client
        await self.step("tools/list", client.list_tools)
        await self.step("tools/call ok", lambda: self.call("ok"))
        await self.step("tools/call with 100 kB", self.long)
        await self.step("tools/call tool error", lambda: self.call("tool_error"))
        await self.step("tools/call unknown tool", lambda: outcome(client.call_tool("no-such-tool", {})))
        await self.step("tools/call with progress", self.progress)
        await self.step("tools/call structured content", lambda: self.call("structured"))
        if self.can("image"):
            await self.step("tools/call image", lambda: self.call("image"))
        if self.can("header") and self.modern:
            await self.step("tools/call with a mirrored argument", lambda: self.call("header"))
        if self.can("chatter"):
            await self.step("tools/call with logging", self.chatter)
        if self.can("cut") and not self.modern:
            await self.step("tools/call on a resumed stream", lambda: self.call("cut"))
        for question in ("sample", "elicit", "roots"):
            if self.can(question):
                await self.step(f"tools/call asking the client: {question}", lambda: self.question(question))

    async def long(self) -> types.CallToolResult:
        result = await self.call("long")
        assert LONG in result.content[0].text, "the long text came back changed"
        return result

    async def progress(self) -> types.CallToolResult:
        async def ignore(*_: Any) -> None:
            pass

        result = await self.call("progress", progress_callback=ignore)
        await self.until(lambda: [one["method"] for one in self.heard].count("notifications/progress") == 3)
        return result

    async def chatter(self) -> types.CallToolResult:
        if not self.modern and self.can("set_level"):
            await self.client.set_logging_level("debug")
        before = len(self.heard)
        result = await self.call("chatter")
        await self.until(lambda: len(self.heard) == before + 2)
        return result

    async def question(self, question: str) -> types.CallToolResult:
        before = len(self.asked)
        result = await self.call(question)
        assert self.plan.get("announces_roots") or len(self.asked) == before + 1, "the client was not asked"
        return result

    async def reading(self) -> None:
        client = self.client
        plan = self.plan
        await self.step("resources/list", client.list_resources)
        await self.step("resources/templates/list", client.list_resource_templates)
        for what in ("resource", "blob", "templated"):
            if self.can(what):
                await self.step(f"resources/read {what}", lambda: client.read_resource(plan[what]))
        await self.step("resources/read missing", lambda: refusal(client.read_resource("note://missing")))
        await self.step("prompts/list", client.list_prompts)
        await self.step("prompts/get", lambda: client.get_prompt(*plan["prompt"]))
        await self.step("prompts/get unknown", lambda: refusal(client.get_prompt("no-such-prompt")))
        for ref, argument in plan["completions"]:
            kind = types.PromptReference if ref["type"] == "ref/prompt" else types.ResourceTemplateReference
            reference = kind.model_validate(ref)
            await self.step(f"completion/complete {ref['type']}", lambda: client.complete(reference, argument))

    async def changes(self) -> None:
        if self.modern:
            await self.step("subscriptions/listen", self.listening)
        elif "stream" not in self.without:
            await self.step("resources/subscribe", self.subscribing)
            await self.step("notifications of the server", self.notified)
            await self.step("resources/unsubscribe", self.unsubscribing)
            await self.step("notifications/roots/list_changed", self.announcing_roots)

    async def listening(self) -> Any:
        events = []
        subscription = self.client.listen(tools_list_changed=True, resource_subscriptions=[self.plan["resource"]])
        async with subscription as stream:
            await self.call("touch")
            async for event in stream:
                events.append(repr(event))
                if len(events) == len(self.plan["changed"]):
                    break
            return {"honoured": plain(stream.honored), "events": sorted(events)}

    async def subscribing(self) -> Any:
        await self.until(lambda: self.stream_is_open)
        result = await self.client.subscribe_resource(self.plan["resource"])
        await self.logged("subscribed", 1)
        return result

    async def unsubscribing(self) -> Any:
        result = await self.client.unsubscribe_resource(self.plan["resource"])
        await self.logged("unsubscribed", 1)
        return result

    async def notified(self) -> None:
        await self.call("touch")
        for method in self.plan["changed"]:
            await self.hears(method)
        if self.plan.get("announces_roots"):
            await self.call("touch")

    async def announcing_roots(self) -> None:
        await self.client.send_roots_list_changed()
        await self.logged("roots", 2)

    async def cancelling(self) -> Any:
        before = len(self.heard)
        started = anyio.Event()

        async def start(*_: Any) -> None:
            started.set()

        async with anyio.create_task_group() as group:
            group.start_soon(lambda: self.call("cancel", progress_callback=start))
            await started.wait()
            await self.until(lambda: any(one["method"] == "notifications/progress" for one in self.heard[before:]))
            # The server may go on telling of its progress for a while.
            self.ending = True
            group.cancel_scope.cancel()
        if not self.modern:
            said = "POST notifications/cancelled"
            await self.until(lambda: any(exchange.startswith(said) for exchange in self.exchanges))
        if self.plan.get("was_cancelled"):
            result = await self.call("was_cancelled")
            assert result.content[0].text == "true", "the server was not told"
        return "cancelled"


async def outcome(call: Any) -> Any:
    """A refusal or a tool error, as the server likes; the same of both runs."""
    try:
        return await call
    except MCPError as error:
        return plain(error.error)


async def refusal(call: Any) -> Any:
    try:
        await call
    except MCPError as error:
        return plain(error.error)
    raise AssertionError("expected a refusal")


def plain(value: Any) -> Any:
    """JSON, in which long texts became their length and hash."""
    if hasattr(value, "model_dump"):
        value = value.model_dump(mode="json", by_alias=True, exclude_none=True)
    if isinstance(value, dict):
        return {key: plain(member) for key, member in value.items()}
    if isinstance(value, list):
        return [plain(member) for member in value]
    if isinstance(value, str) and len(value) > 2000:
        return f"{len(value)} characters, {hashlib.sha256(value.encode()).hexdigest()}"
    return value


def arranged(messages: list[Any]) -> list[str]:
    """Notifications and questions of different streams have no order among them."""
    return sorted(json.dumps(message, ensure_ascii=False) for message in messages)


def main() -> None:
    session = Session(sys.argv[1], sys.argv[2], sys.argv[3:] == ["auto"])
    anyio.run(session.hold)
    print(json.dumps(session.steps, ensure_ascii=False))


if __name__ == "__main__":
    main()
