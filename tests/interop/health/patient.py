"""An MCP server that falls ill as it is told: `POST /control` with {"illness": NAME}, {"delay": SECONDS}, or, where it speaks TLS,
{"certificate": FILE}, which it shows from then on.

    python patient.py PORT [CERTIFICATE KEY]

Its first line on stdout says where it listens: {"listen": PORT}.
"""

import json
import ssl
import sys
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

state: dict[str, Any] = {"illness": "none", "delay": 0.01}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))))
        if self.path == "/control":
            state.update(body)
            if "certificate" in body:
                context.load_cert_chain(body["certificate"], sys.argv[3])
            return self.respond(200, "application/json", b"{}")
        time.sleep(state["delay"])
        illness = state["illness"]
        if illness == "500":
            return self.respond(500, "text/plain", b"oops")
        if illness == "html":
            return self.respond(200, "text/html", b"<!doctype html><p>hello")
        if illness == "not_mcp":
            return self.respond(200, "application/json", b'{"status": "ok"}')
        if "id" not in body:
            return self.respond(202, "text/plain", b"")
        self.serve(body["id"], body.get("method"), body.get("params") or {}, illness)

    def serve(self, id: Any, method: str, params: dict[str, Any], illness: str) -> None:
        headers = {}
        if method == "initialize":
            headers["mcp-session-id"] = uuid.uuid4().hex
            result = {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": {"name": "patient", "version": "1"}}
        elif method == "ping":
            result = {}
        elif method == "tools/list":
            result = {"tools": [] if illness == "no_tools" else [{"name": "echo", "inputSchema": {"type": "object"}}]}
        elif method == "tools/call":
            failed = illness == "tool_fails"
            said = "the disk is full" if failed else params.get("arguments", {}).get("message", "")
            result = {"content": [{"type": "text", "text": said}], "isError": failed}
        else:
            error = {"code": -32601, "message": "Method not found"}
            return self.answer({"jsonrpc": "2.0", "id": id, "error": error})
        self.answer({"jsonrpc": "2.0", "id": id, "result": result}, headers)

    def do_GET(self) -> None:
        self.respond(405, "text/plain", b"")

    def do_DELETE(self) -> None:
        self.respond(204, "text/plain", b"")

    def answer(self, message: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        self.respond(200, "application/json", json.dumps(message).encode(), headers)

    def respond(self, status: int, media: str, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        self.send_header("content-type", media)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("content-length", str(len(body)))
        self.end_headers()
        if status != 204:
            self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
server = Server(("127.0.0.1", int(sys.argv[1])), Handler)
if len(sys.argv) > 2:
    context.load_cert_chain(sys.argv[2], sys.argv[3])
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
print(json.dumps({"listen": server.server_address[1]}), flush=True)
server.serve_forever()
