"""Is one call one trace, from the client through the proxy to the server? OpenTelemetry's own SDKs and collectors say.

    python main.py

Every session is held in each era, with the trace context in each carrier, once for each way in which spans can leave the
proxy. Needs $SIGHTGLASS, $RMCP_FIXTURE and $WORK. Prints `pass: …` and `FAIL: …`.
"""

import re
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import httpx2

import client
import outage
import tree
from programs import HERE, WORK, Collector, Program, proxy, python, stop_all, until
from traced import over_http, switch_on

ARRIVAL_S = 15
"""How long the spans of a session may take to arrive, and its lines to be written."""

FIXTURE = HERE.parent / "clients" / "server.py"
OPENMETRICS = "application/openmetrics-text; version=1.0.0"
EXEMPLAR = re.compile(r'^(\w+)_bucket\{.*# \{.*trace_id="([0-9a-f]{32})"')
HISTOGRAMS = {"mcp_request_duration_seconds", "mcp_tool_duration_seconds"}

failed = False


def main() -> int:
    WORK.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        Step().run()
    finally:
        stop_all()
    return 1 if failed else 0


class Step:
    def __init__(self) -> None:
        file = WORK / "spans.jsonl"
        file.write_text("")
        self.journal = tree.Journal(file)
        self.receiver = python("receiver", "receiver.py", str(file))
        self.server = self.start_server("server")
        self.ambient = self.start_server("server-ambient", "ambient")
        self.requests = client.Requests()
        self.provider = switch_on("client", over_http(self.receiver.told["http"]), self.requests)
        self.collector = Collector(self.receiver.told["grpc"])

    def start_server(self, name: str, *more: str) -> Program:
        return python(name, "server.py", str(FIXTURE), str(self.receiver.told["grpc"]), *more)

    def run(self) -> None:
        receiver = {"grpc": self.receiver.told["grpc"], "http/protobuf": self.receiver.told["http"]}
        for protocol, port in receiver.items():
            self.examine(f"{protocol} to a receiver", otlp(protocol, port), self.server, client.CARRIERS)
        for protocol, port in self.collector.ports.items():
            self.examine(f"{protocol} to a collector", otlp(protocol, port), self.server, client.CARRIERS)
        # What `_meta` says of the client's span would go up as it is: only the header is ours here.
        header_alone = f"inject_meta = false\n{otlp('grpc', receiver['grpc'])}"
        self.examine("nothing put into _meta", header_alone, self.ambient, ("header", "neither"))
        check("telemetry, a collector that fails under load", lambda: outage.examine(self.collector, self.journal))

    def examine(self, how: str, tracing: str, server: Program, carriers: tuple[str, ...]) -> None:
        name = re.sub(r"\W+", "-", how)
        with proxy(f"proxy-{name}", f"http://127.0.0.1:{server.told['listen']}", tracing) as through:
            sessions: list[tree.Request] = []
            for era in client.ERAS:
                for carrier in carriers:
                    title = f"telemetry, {how}, {era}, context in {carrier}"
                    check(title, lambda: self.session(through, era, carrier, sessions))
            check(f"telemetry, {how}, log", lambda: self.lines(through, sessions))
            check(f"telemetry, {how}, exemplars", lambda: self.exemplars(through))

    def session(self, through: Program, era: str, carrier: str, sessions: list[tree.Request]) -> str | list[str]:
        """One session, and whether its spans are the right trees."""
        self.journal.begin()
        anyio.run(client.session, f"http://{through.told['listen'][0]}", era, carrier, self.requests)
        self.provider.force_flush()
        found: list[tree.Request] | str = ""

        def arrived() -> bool:
            nonlocal found
            found = tree.requests(self.journal.spans(), client.REQUESTS)
            return not isinstance(found, str)

        wait(arrived)
        if isinstance(found, str):
            return [found]
        sessions += found
        return tree.complaints(found, self.journal.spans(), era, carrier) or f"{len(found)} requests, four spans each"

    def lines(self, through: Program, sessions: list[tree.Request]) -> str | list[str]:
        wait(lambda: not tree.logged(sessions, through.events()))
        return tree.logged(sessions, through.events()) or f"{len(sessions)} lines name their spans"

    def exemplars(self, through: Program) -> str | list[str]:
        """Whether the duration histograms point at traces, and every one of those was exported."""
        response = httpx2.get(f"http://{through.told['admin']}/metrics", headers={"accept": OPENMETRICS})
        if not response.headers["content-type"].startswith("application/openmetrics-text"):
            return [f"the scrape is {response.headers['content-type']}"]
        found = [match.groups() for match in map(EXEMPLAR.match, response.text.splitlines()) if match]
        lacking = HISTOGRAMS - {name for name, _ in found}
        wrong = {trace for _, trace in found} - self.journal.traces()
        complaints = [f"{name} has none" for name in sorted(lacking)] + [f"{trace} was never exported" for trace in sorted(wrong)]
        return complaints or f"{len(found)} point at exported traces"


def otlp(protocol: str, port: int) -> str:
    return f'otlp = {{ endpoint = "http://127.0.0.1:{port}", protocol = "{protocol}" }}'


def wait(condition: Callable[[], bool]) -> None:
    """Until it is true, or too late: what is then missing is told by who looks for it."""
    try:
        until(condition, ARRIVAL_S, "")
    except TimeoutError:
        pass


def check(title: str, act: Callable[[], str | list[str]]) -> None:
    """Runs one check: it returns what it found to be so, or complaints."""
    global failed
    try:
        outcome = act()
    except Exception as error:
        outcome = [f"{type(error).__name__}: {error}", *traceback.format_exc().splitlines()[-12:]]
    if isinstance(outcome, str):
        print(f"pass: {title}: {outcome}", flush=True)
    else:
        failed = True
        print(f"FAIL: {title}: {outcome[0]}", *(f"  {line}" for line in outcome[1:]), sep="\n", flush=True)


if __name__ == "__main__":
    sys.exit(main())
