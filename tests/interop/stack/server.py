"""An MCP server that behaves as it is told: tools that fail, that take long, that change; every kind of answer there is.

    python server.py [PORT] [CERTIFICATE KEY]

Its first line on stdout says where it listens: {"listen": PORT}. `POST /control` with {"errors": 0.2, "delay": 0.5, "tools": 3,
"widget": false} changes how it behaves: the share of calls of `search` that fail, how many seconds `search` takes, how many
tools it has beside the usual ones, and whether `chart` shows its widget.
"""

import itertools
import json
import random
import ssl
import sys
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOOLS = ["search", "chart", "summarize", "report", "import"]
WIDGET = "ui://chart.html"

behaviour: dict[str, Any] = {"errors": 0.0, "delay": 0.0, "tools": 0, "widget": True}
answers: dict[str, threading.Event] = {}
numbers = itertools.count()


def text(said: str, **more: Any) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": said}], **more}


def tools() -> list[dict[str, Any]]:
    names = TOOLS + [f"extra_{number}" for number in range(behaviour["tools"])]
    meta = {"chart": {"_meta": {"openai/outputTemplate": WIDGET}}} if behaviour["widget"] else {}
    return [
        {"name": name, "description": f"{name} things", "inputSchema": {"type": "object"}, **meta.get(name, {})}
        for name in names
    ]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if self.path == "/control":
            behaviour.update(json.loads(body))
            return self.answer({})
        if self.headers.get("authorization") == "Bearer expired":
            challenge = {"www-authenticate": 'Bearer error="invalid_token"'}
            return self.respond(401, b"", challenge)
        try:
            message = json.loads(body)
        except ValueError:
            return self.answer({"jsonrpc": "2.0", "id": None, "error": {"code": -32700, "message": "not JSON"}}, 400)
        if "method" not in message:
            answers.pop(str(message.get("id")), threading.Event()).set()
            return self.respond(202, b"")
        if "id" not in message:
            return self.respond(202, b"")
        self.serve(message["id"], message["method"], message.get("params") or {})

    def serve(self, id: Any, method: str, params: dict[str, Any]) -> None:
        result: dict[str, Any] = {}
        headers = {}
        if method == "initialize":
            result = {
                "protocolVersion": params.get("protocolVersion", "2025-11-25"),
                "serverInfo": {"name": "fixture", "version": "1"},
                "capabilities": {"tools": {"listChanged": True}, "resources": {}},
            }
            headers["mcp-session-id"] = uuid.uuid4().hex
        elif method == "tools/list":
            result = {"tools": tools()}
        elif method == "tools/call":
            return self.call(id, params.get("name", ""), params)
        elif method == "tasks/get":
            result = {
                "taskId": params.get("taskId"),
                "status": "completed",
                "createdAt": "2026-01-01T00:00:00Z",
                "ttl": 60000,
            }
        elif method == "resources/read":
            result = {"contents": [{"uri": params.get("uri"), "mimeType": "text/html", "text": "<p>chart</p>"}]}
        elif method != "ping":
            return self.answer({"jsonrpc": "2.0", "id": id, "error": {"code": -32601, "message": "no such method"}})
        self.answer({"jsonrpc": "2.0", "id": id, "result": result}, headers=headers)

    def call(self, id: Any, name: str, params: dict[str, Any]) -> None:
        def answer(result: dict[str, Any], headers: dict[str, str] | None = None) -> None:
            self.answer({"jsonrpc": "2.0", "id": id, "result": result}, headers=headers)

        if name == "search":
            time.sleep(behaviour["delay"] + random.uniform(0.002, 0.02))
            if random.random() < behaviour["errors"]:
                return answer(text("the index is not there", isError=True))
            hit = random.choice(["hit", "miss"])
            return answer(text("found"), {"server-timing": f"db;dur=12.5, cache;desc={hit}"})
        if name == "chart":
            meta = {"_meta": {"openai/outputTemplate": WIDGET}} if behaviour["widget"] else {}
            return answer(text("a chart", structuredContent={"points": [1, 2]}, **meta))
        if name == "import" and "task" in params:
            task = {
                "taskId": uuid.uuid4().hex,
                "status": "working",
                "createdAt": "2026-01-01T00:00:00Z",
                "ttl": 60000,
                "pollInterval": 10,
            }
            return answer({"task": task})
        if name in ("summarize", "report"):
            return self.stream(id, name)
        if name in TOOLS or name.startswith("extra_"):
            return answer(text("done"))
        self.answer({"jsonrpc": "2.0", "id": id, "error": {"code": -32602, "message": f"no tool {name}"}})

    def stream(self, id: Any, name: str) -> None:
        """Events: a question to the client, whose answer is waited for, or a note; then the result."""
        self.begin()
        if name == "summarize":
            question = f"question-{next(numbers)}"
            answered = answers[question] = threading.Event()
            asked = {
                "messages": [{"role": "user", "content": {"type": "text", "text": "sum this up"}}],
                "maxTokens": 10,
            }
            self.event({"jsonrpc": "2.0", "id": question, "method": "sampling/createMessage", "params": asked})
            answered.wait(5)
        else:
            self.event(
                {"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": "half"}}
            )
        self.event({"jsonrpc": "2.0", "id": id, "result": text("done")})
        self.end()

    def do_GET(self) -> None:
        self.begin()
        self.chunk(b": here\n\n")
        self.event({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"})
        time.sleep(1)
        self.end()

    def do_DELETE(self) -> None:
        self.respond(200, b"")

    def begin(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()

    def event(self, message: dict[str, Any]) -> None:
        self.chunk(f"event: message\ndata: {json.dumps(message)}\n\n".encode())

    def chunk(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()

    def end(self) -> None:
        self.wfile.write(b"0\r\n\r\n")

    def answer(self, message: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None) -> None:
        self.respond(status, json.dumps(message).encode(), {"content-type": "application/json", **(headers or {})})

    def respond(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_: Any) -> None:
        """A client that leaves is nobody's fault."""


def main() -> None:
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    server = Server(("127.0.0.1", port), Handler)
    if len(sys.argv) > 3:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[2], sys.argv[3])
        server.socket = context.wrap_socket(server.socket, server_side=True)
    print(json.dumps({"listen": server.server_address[1]}), flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
