"""The SDK's own OpenTelemetry switched on: a provider that sends every span over OTLP, soon."""

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as OverGrpc
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as OverHttp
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter

SOON_MS = 100


def over_http(port: int) -> SpanExporter:
    return OverHttp(f"http://127.0.0.1:{port}/v1/traces")


def over_grpc(port: int) -> SpanExporter:
    return OverGrpc(f"http://127.0.0.1:{port}", insecure=True)


def switch_on(service: str, exporter: SpanExporter, *others: SpanProcessor) -> TracerProvider:
    provider = TracerProvider(resource=Resource.create({"service.name": service}))
    for processor in (*others, BatchSpanProcessor(exporter, schedule_delay_millis=SOON_MS)):
        provider.add_span_processor(processor)
    trace.set_tracer_provider(provider)
    return provider
