"""An OTLP receiver on the official protos, gRPC and HTTP/protobuf: every span becomes one line of JSON in a file.

    python receiver.py FILE

Its first line on stdout says where it listens: {"grpc": PORT, "http": PORT}, on loopback.
"""

import gzip
import json
import socket
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import uvicorn
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

PROTOBUF = "application/x-protobuf"


class Spans:
    """The file; a line is whole before the next begins."""

    def __init__(self, path: str) -> None:
        self.file = open(path, "a", buffering=1)
        self.lock = threading.Lock()

    def add(self, request: ExportTraceServiceRequest, received: str) -> None:
        lines = [
            json.dumps({**plain(span), "resource": attributes(one.resource.attributes), "received": received})
            for one in request.resource_spans
            for scope in one.scope_spans
            for span in scope.spans
        ]
        with self.lock:
            self.file.writelines(line + "\n" for line in lines)


class Traces(trace_service_pb2_grpc.TraceServiceServicer):
    def __init__(self, spans: Spans) -> None:
        self.spans = spans

    def Export(self, request: ExportTraceServiceRequest, context: grpc.ServicerContext) -> ExportTraceServiceResponse:
        self.spans.add(request, "grpc")
        return ExportTraceServiceResponse()


def application(spans: Spans) -> Starlette:
    async def traces(request: Request) -> Response:
        if request.headers.get("content-type") != PROTOBUF:
            return Response(status_code=415)
        body = await request.body()
        if request.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        spans.add(ExportTraceServiceRequest.FromString(body), "http")
        return Response(ExportTraceServiceResponse().SerializeToString(), media_type=PROTOBUF)

    return Starlette(routes=[Route("/v1/traces", traces, methods=["POST"])])


def plain(span: Span) -> dict[str, Any]:
    return {
        "trace": span.trace_id.hex(),
        "span": span.span_id.hex(),
        "parent": span.parent_span_id.hex(),
        "start_s": span.start_time_unix_nano / 1e9,
        "name": span.name,
        "kind": Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
        "status": Status.StatusCode.Name(span.status.code).removeprefix("STATUS_CODE_"),
        "attributes": attributes(span.attributes),
        "links": [{"trace": link.trace_id.hex(), "span": link.span_id.hex()} for link in span.links],
        "events": [event.name for event in span.events],
    }


def attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: next(iter(MessageToDict(pair.value).values()), None) for pair in pairs}


def main() -> None:
    spans = Spans(sys.argv[1])
    over_grpc = grpc.server(ThreadPoolExecutor(4))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(Traces(spans), over_grpc)
    port = over_grpc.add_insecure_port("127.0.0.1:0")
    over_grpc.start()
    listener = socket.create_server(("127.0.0.1", 0))
    print(json.dumps({"grpc": port, "http": listener.getsockname()[1]}), flush=True)
    config = uvicorn.Config(application(spans), log_level="error", timeout_graceful_shutdown=1)
    uvicorn.Server(config).run(sockets=[listener])
    over_grpc.stop(None)


if __name__ == "__main__":
    main()
