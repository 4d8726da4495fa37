"""A collector that stops, freezes and comes back while the proxy is under load: no call may notice."""

import http.client
import json
import re
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from programs import Collector, Program, proxy, python, until
from tree import Journal, service

PHASE_S = 5
CALLERS = 4
RATE = 50
"""Calls a second and caller: a fraction of what the proxy can, so that what is measured is a wait, not a queue."""

QUEUE = 600
"""Spans that may wait in this proxy: more than it gathers for one export, and less than an outage makes."""

EXPORT_TIMEOUT_S = 2
"""How long an export may hang: a call that waited for one would take as long."""

FLOW_S = 30
"""How long after the collector is back the first new spans may take."""

BODY = json.dumps({
    "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "work", "arguments": {}, "_meta": {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "load", "version": "1.0.0"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }},
})  # fmt: skip
HEADERS = {
    "content-type": "application/json",
    "accept": "application/json, text/event-stream",
    "mcp-protocol-version": "2026-07-28",
    "mcp-method": "tools/call",
    "mcp-name": "work",
}


@dataclass
class Phase:
    name: str
    seconds: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    dropped: float = 0
    unexported: float = 0

    def __str__(self) -> str:
        times = sorted(self.seconds)
        p50, p99 = (times[len(times) * share // 100] * 1000 for share in (50, 99))
        return (
            f"  {self.name:<24} {len(times):>5} calls, {len(self.failures)} failed, p50 {p50:6.2f} ms, p99 {p99:6.2f} ms, "
            f"max {times[-1] * 1000:6.1f} ms, {self.dropped:.0f} spans dropped, {self.unexported:.0f} exports failed"
        )


def examine(collector: Collector, journal: Journal) -> str | list[str]:
    server = python("stub", "stub.py")
    url = f"http://127.0.0.1:{server.told['listen']}"
    endpoint = f"http://127.0.0.1:{collector.ports['grpc']}"
    exporter = f'{{ endpoint = "{endpoint}", protocol = "grpc", timeout = "{EXPORT_TIMEOUT_S}s" }}'
    tracing = f"queue = {QUEUE}\notlp = {exporter}"
    try:
        with proxy("proxy-untraced", url, "enabled = false") as plain:
            without = load(plain, "no tracing")
        with proxy("proxy-load", url, tracing) as traced:
            return judge(without, *through_an_outage(traced, collector, journal))
    finally:
        server.kill()


def through_an_outage(proxy: Program, collector: Collector, journal: Journal) -> tuple[list[Phase], list[str]]:
    """The phases, and what is wrong with the flow of spans after each."""
    complaints = []

    def flows(after: str) -> None:
        since_s = time.time()
        try:
            until(lambda: one_call(proxy) and some_arrived(journal, since_s), FLOW_S, "")
        except TimeoutError:
            complaints.append(f"no span arrived within {FLOW_S} s of {after}")

    flows("the start")
    phases = [load(proxy, "collector running")]
    phases.append(load(proxy, "collector stopped", after=1, act=collector.program.kill))
    collector.start()
    flows("the restart")
    phases.append(load(proxy, "collector restarted"))
    phases.append(load(proxy, "collector frozen", after=1, act=collector.program.freeze))
    collector.program.thaw()
    flows("the thaw")
    phases.append(load(proxy, "collector thawed"))
    return phases, complaints


def judge(without: Phase, phases: list[Phase], complaints: list[str]) -> str | list[str]:
    for phase in (without, *phases):
        print(phase)
        complaints += [f"{phase.name}: {failure}" for failure in phase.failures[:3]]
        if max(phase.seconds) >= EXPORT_TIMEOUT_S:
            complaints.append(f"{phase.name}: a call took as long as an export that hangs")
    running, stopped, _, frozen, _ = phases
    if running.dropped or running.unexported:
        complaints.append("spans were lost while the collector was running")
    complaints += [f"{phase.name}: no span was counted as dropped" for phase in (stopped, frozen) if not phase.dropped]
    if not stopped.unexported:
        complaints.append("collector stopped: no export was counted as failed")
    return complaints or f"{sum(len(phase.seconds) for phase in phases)} calls, none failed, drops counted, spans flow again"


def load(proxy: Program, name: str, after: float = 0, act: Callable[[], None] | None = None) -> Phase:
    """Calls at a steady rate for one phase; `act` is done to the collector `after` so many seconds of it."""
    phase = Phase(name)
    before = lost(proxy)
    callers = [threading.Thread(target=call, args=(proxy, phase)) for _ in range(CALLERS)]
    for caller in callers:
        caller.start()
    if act:
        time.sleep(after)
        act()
    for caller in callers:
        caller.join()
    phase.dropped, phase.unexported = (now - then for now, then in zip(lost(proxy), before, strict=True))
    return phase


def call(proxy: Program, phase: Phase) -> None:
    connection = connect(proxy)
    begun = time.monotonic()
    for number in range(PHASE_S * RATE):
        time.sleep(max(0, begun + number / RATE - time.monotonic()))
        sent = time.monotonic()
        try:
            post(connection)
            phase.seconds.append(time.monotonic() - sent)
        except (OSError, http.client.HTTPException, ValueError) as error:
            phase.failures.append(f"{type(error).__name__}: {error}")
            connection = connect(proxy)


def connect(proxy: Program) -> http.client.HTTPConnection:
    host, port = proxy.told["listen"][0].rsplit(":", 1)
    connection = http.client.HTTPConnection(host, int(port), timeout=10)
    connection.connect()
    # The head and the body are written one after the other: the body must not wait for the head's acknowledgement.
    connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def post(connection: http.client.HTTPConnection) -> None:
    connection.request("POST", "/mcp", BODY, HEADERS)
    response = connection.getresponse()
    body = response.read()
    if response.status != 200 or b'"content"' not in body:
        raise ValueError(f"{response.status} {body[:200]!r}")


def one_call(proxy: Program) -> bool:
    connection = connect(proxy)
    post(connection)
    connection.close()
    time.sleep(0.1)
    return True


def some_arrived(journal: Journal, since_s: float) -> bool:
    return any(service(span) == "sightglass" for span in journal.spans(since_s))


def lost(proxy: Program) -> tuple[float, float]:
    """Spans dropped and exports failed so far, as `/metrics` counts them."""
    host, port = proxy.told["admin"].rsplit(":", 1)
    connection = http.client.HTTPConnection(host, int(port), timeout=10)
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    connection.close()
    return (
        total(text, r'mcp_proxy_dropped_total\{[^}]*what="span"[^}]*\}'),
        total(text, r'mcp_proxy_telemetry_export_failures_total\{[^}]*exporter="otlp_traces"[^}]*\}'),
    )


def total(text: str, series: str) -> float:
    return sum(float(value) for value in re.findall(rf"^{series} (\S+)", text, re.MULTILINE))
