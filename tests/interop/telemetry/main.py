"""Is one call one trace, from the client through the proxy to the server? OpenTelemetry's own SDKs and collectors say.

    python main.py

Every session is held in each era, with the trace context in each carrier, once for each way in which spans can leave the
proxy. Needs $SIGHTGLASS and $WORK. Prints `pass: …` and `FAIL: …`.
"""

import os
import re
import signal
import sys
import time
import traceback
from collections.abc import Callable

import anyio
import httpx2

import client
import outage
import tree
from programs import HERE, WORK, Collector, Program, proxy, python, stop_all, until
from traced import over_http, switch_on

ARRIVAL_S = 15
"""How long the spans of a session may take to arrive, and its lines to be written."""

APART_S = 0.05
"""Between two sessions, so that a span tells by its time to which of them it belongs."""

FIXTURE = HERE.parent / "clients" / "server.py"
OPENMETRICS = "application/openmetrics-text; version=1.0.0"
EXEMPLAR = re.compile(r'^(\w+)_bucket\{.*# \{.*trace_id="([0-9a-f]{32})"')
HISTOGRAMS = {"mcp_request_duration_seconds", "mcp_tool_duration_seconds"}

failed = False


def main() -> int:
    WORK.mkdir(parents=True, exist_ok=True)
    for variable in [name for name in os.environ if name.startswith("OTEL_")]:
        del os.environ[variable]
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
        self.spans_sent = client.Requests()
        self.provider = switch_on("client", over_http(self.receiver.told["http"]), self.spans_sent)
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
            held = [self.hold(through, era, carrier) for era in client.ERAS for carrier in carriers]
            self.provider.force_flush()
            wait(lambda: all(self.requests_of(session)[0] for session in held))
            for session in held:
                title = f"telemetry, {how}, {session.era}, context in {session.carriers}"
                check(title, lambda: self.trees(session))
            check(f"telemetry, {how}, log", lambda: self.lines(through, held))
            check(f"telemetry, {how}, exemplars", lambda: self.exemplars(through))

    def hold(self, through: Program, era: str, carriers: str) -> tree.Session:
        session = tree.Session(era, carriers, time.time())
        try:
            anyio.run(client.session, f"http://{through.told['listen'][0]}", era, carriers, self.spans_sent)
        except Exception:
            # Its spans, which are then incomplete, say so too.
            traceback.print_exc()
        time.sleep(APART_S)
        session.until_s = time.time()
        return session

    def requests_of(self, session: tree.Session) -> tuple[list[tree.Request], list[str]]:
        return tree.requests(self.journal.spans(session.since_s, session.until_s), client.REQUESTS)

    def trees(self, session: tree.Session) -> str | list[str]:
        found, complaints = self.requests_of(session)
        spans = self.journal.spans(session.since_s, session.until_s)
        complaints += tree.complaints(found, spans, session.era, session.carriers)
        return complaints or f"{len(found)} requests, four spans each"

    def lines(self, through: Program, held: list[tree.Session]) -> str | list[str]:
        """Whether each request has a line that says the same as its span."""
        asked = [request for session in held for request in self.requests_of(session)[0]]
        wait(lambda: not tree.logged(asked, through.events()))
        if len(asked) != len(held) * client.REQUESTS:
            return [f"only {len(asked)} requests have their spans"]
        return tree.logged(asked, through.events()) or f"{len(asked)} lines name their spans"

    def exemplars(self, through: Program) -> str | list[str]:
        """Whether the duration histograms point at traces, and every one of those was exported."""
        found: list[tuple[str, str]] = []
        complaints: list[str] = []

        def compared() -> bool:
            traces = {span["trace"] for span in self.journal.spans() if tree.service(span) == "sightglass"}
            found[:] = scraped(through)
            complaints[:] = [f"{name} has none" for name in sorted(HISTOGRAMS - {name for name, _ in found})]
            complaints.extend(f"{trace} was never exported" for _, trace in found if trace not in traces)
            return not complaints

        wait(compared)
        return complaints or f"{len(found)} point at exported traces"


def scraped(through: Program) -> list[tuple[str, str]]:
    """The exemplars of the page: the histogram and the trace of each."""
    response = httpx2.get(f"http://{through.told['admin']}/metrics", headers={"accept": OPENMETRICS})
    if not response.headers["content-type"].startswith("application/openmetrics-text"):
        raise ValueError(f"the scrape is {response.headers['content-type']}")
    matches = map(EXEMPLAR.match, response.text.splitlines())
    return [(match[1], match[2]) for match in matches if match]


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
    except Exception:
        *details, error = traceback.format_exc().splitlines()
        outcome = [error, *details]
    if isinstance(outcome, str):
        print(f"pass: {title}: {outcome}", flush=True)
    else:
        failed = True
        print(f"FAIL: {title}: {outcome[0]}", *(f"  {line}" for line in outcome[1:]), sep="\n", flush=True)


if __name__ == "__main__":
    sys.exit(main())
