"""Clients that hold sessions of everything, one after the other, until they are stopped."""

import http.client
import json
import ssl
import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

VERSION = "2025-11-25"
MODERN = "io.modelcontextprotocol/protocolVersion"
WAIT_S = 15


class Client:
    """One connection, one session at a time."""

    def __init__(self, url: str, name: str) -> None:
        self.url = urlsplit(url)
        self.name = name
        self.session: str | None = None
        self.numbers = 0
        self.connect()

    def connect(self) -> None:
        address = (self.url.hostname or "", self.url.port)
        if self.url.scheme == "https":
            # Certificates of this run, which nobody signed.
            unverified = ssl._create_unverified_context()
            self.connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                *address, timeout=WAIT_S, context=unverified
            )
        else:
            self.connection = http.client.HTTPConnection(*address, timeout=WAIT_S)

    def send(self, method: str, body: Any = None, headers: dict[str, str] | None = None) -> http.client.HTTPResponse:
        head = {"content-type": "application/json", "accept": "application/json, text/event-stream", **(headers or {})}
        if self.session:
            head |= {"mcp-session-id": self.session, "mcp-protocol-version": VERSION}
        data = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else None
        self.connection.request(method, self.url.path, data, head)
        return self.connection.getresponse()

    def request(self, method: str, params: dict[str, Any] | None = None, **headers: str) -> dict[str, Any]:
        self.numbers += 1
        message = {"jsonrpc": "2.0", "id": self.numbers, "method": method, "params": params or {}}
        response = self.send("POST", message, headers)
        if "event-stream" in response.getheader("content-type", ""):
            return self.events(response)
        body = response.read()
        if method == "initialize":
            self.session = response.getheader("mcp-session-id")
        try:
            return json.loads(body)
        except ValueError:
            return {}

    def events(self, response: http.client.HTTPResponse) -> dict[str, Any]:
        """The answer; what the server asks on the way is answered on a connection of its own."""
        answer: dict[str, Any] = {}
        while line := response.readline():
            if not line.startswith(b"data: "):
                continue
            message = json.loads(line[6:])
            if "method" in message and "id" in message:
                other = Client(self.url.geturl(), self.name)
                other.session = self.session
                result = {"role": "assistant", "model": "m", "content": {"type": "text", "text": "short"}}
                other.send("POST", {"jsonrpc": "2.0", "id": message["id"], "result": result}).read()
                other.connection.close()
            elif "result" in message:
                answer = message
        return answer

    def notify(self, method: str) -> None:
        self.send("POST", {"jsonrpc": "2.0", "method": method}).read()

    def call(self, tool: str, **more: Any) -> dict[str, Any]:
        return self.request("tools/call", {"name": tool, "arguments": {"q": "x" * 50}, **more})

    def begin(self) -> None:
        self.session = None
        capabilities = {"capabilities": {"sampling": {}}, "clientInfo": {"name": self.name, "version": "1"}}
        self.request("initialize", {"protocolVersion": VERSION, **capabilities})
        self.notify("notifications/initialized")

    def end(self) -> None:
        self.send("DELETE").read()
        self.session = None


def plain(client: Client) -> None:
    """A session of quick calls."""
    client.begin()
    client.request("tools/list")
    for _ in range(10):
        client.call("search")
        client.call("chart")
    client.end()


def everything(client: Client) -> None:
    """A session of every kind of request and answer, also of wrong ones."""
    client.begin()
    client.request("tools/list")
    client.call("search", _meta={"progressToken": 1})
    client.call("chart")
    client.request("resources/read", {"uri": "ui://chart.html"})
    client.call("report")
    client.call("summarize")
    task = client.call("import", task={"ttl": 60000})
    client.request("tasks/get", {"taskId": task.get("result", {}).get("task", {}).get("taskId", "none")})
    client.call("nonesuch")
    client.call("search")
    client.request("no/such/method")
    client.request("ping", {"_meta": {MODERN: "2026-07-28"}}, **{"mcp-method": "tools/call"})
    client.request("tools/list", None, authorization="Bearer expired")
    client.send("POST", b'{"jsonrpc": "2.0", "id": 1, "meth').read()
    client.send("GET").read()
    client.end()


class Traffic:
    """Clients in threads, each holding a session every so often."""

    def __init__(self) -> None:
        self.over = threading.Event()
        self.threads: list[threading.Thread] = []

    def add(self, url: str, name: str, session: Callable[[Client], None], every_s: float) -> None:
        thread = threading.Thread(target=self.run, args=(url, name, session, every_s), daemon=True)
        self.threads.append(thread)
        thread.start()

    def run(self, url: str, name: str, session: Callable[[Client], None], every_s: float) -> None:
        client = Client(url, name)
        while not self.over.is_set():
            began = time.monotonic()
            try:
                session(client)
            except (OSError, http.client.HTTPException, ValueError):
                # What fails is what is being looked at; the next session begins anew.
                client.connection.close()
                client.connect()
            self.over.wait(max(0.0, every_s - (time.monotonic() - began)))

    def stop(self) -> None:
        self.over.set()
        for thread in self.threads:
            thread.join(WAIT_S + 5)
