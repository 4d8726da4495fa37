"""Do faults make exactly the alerts that they should, does the right receiver hear of them, and do they end?

    python alerting.py

A real Prometheus with the rules of `sightglass assets`, their windows and `for` shortened to seconds, and a real Alertmanager
with the routes of docker/alertmanager. Needs $SIGHTGLASS and $WORK. Prints `pass: …` and `FAIL: …`.
"""

import contextlib
import datetime
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

from monitoring import (
    BIN,
    ROOT,
    WORK,
    Alertmanager,
    Prometheus,
    Webhook,
    admin,
    assets,
    control,
    data,
    fixture,
    hurried,
    proxy,
    stop_all,
    until,
)
from traffic import Client, Traffic
from verdicts import outcome, verdict

WINDOWS = {
    "5m": "8s",
    "15m": "8s",
    "30m": "15s",
    "1h": "15s",
    "2h": "20s",
    "6h": "20s",
    "1d": "25s",
    "3d": "25s",
    "7d": "25s",
}
OFFSETS = {"5m": "8s", "15m": "60s", "1h": "60s", "1d": "60s"}
WAITS = {"0m": "0s", "1m": "1s", "2m": "2s", "3m": "3s", "5m": "5s", "10m": "6s", "15m": "6s", "30m": "6s", "1h": "6s"}

# A day's traffic is not known here, what takes long does so by tenths of a second, and a busy machine is no fault of the proxy.
THRESHOLDS = {"auth_attempts_factor": 1000, "tool_p95_seconds": 0.25, "tool_p99_seconds": 0.4, "overhead_seconds": 10}

FIRES_S = 60
ENDS_S = 60
QUIET_S = 15

SLO = {"McpAvailabilityBurnFast", "McpAvailabilityBurnSlow"}
ERRORS = {"McpToolErrorRatioHigh", "McpErrorRatioCritical", *SLO, "McpServiceDegraded"}
LATENCY = {
    "McpToolLatencyP95High",
    "McpToolLatencyP99High",
    "McpLatencyBurnFast",
    "McpLatencyBurnSlow",
    "McpServiceDegraded",
}
# With an open circuit calls are refused, and no longer fail.
GONE = {*ERRORS - {"McpToolErrorRatioHigh"}, "McpCircuitOpen", "McpServerDown", "McpConsecutiveFailures"}


def main() -> int:
    WORK.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        routes()
        silences()
        Faults().run()
    finally:
        stop_all()
    return outcome()


def routes() -> None:
    """Who is told of which priority, within business hours and outside."""
    now = datetime.datetime.now(datetime.UTC)
    today = [{"weekdays": [now.strftime("%A").lower()], "location": "UTC"}]
    other = [{"weekdays": [(now + datetime.timedelta(days=3)).strftime("%A").lower()], "location": "UTC"}]
    expected = {
        "within": {"P0": "pager", "P1": "pager", "P2": "chat", "P3": "digest"},
        "outside": {"P0": "pager", "P1": "chat", "P2": "chat", "P3": "digest"},
    }
    for hours, when in ((today, "within"), (other, "outside")):
        hook = Webhook()
        alertmanager = Alertmanager(hook, hours)
        for priority in expected[when]:
            alertmanager.tell(
                {"alertname": f"McpOf{priority}", "priority": priority, "severity": "info", "server": "a"}
            )
        told = {(receiver, f"McpOf{priority}", "a") for priority, receiver in expected[when].items()}
        with contextlib.suppress(TimeoutError):
            until(lambda: hook.heard("firing") >= told, 20, "not all were told")
        heard = hook.heard("firing")
        complaints = [f"{alert} was told to {receiver}" for receiver, alert, _ in heard - told]
        complaints += [f"{alert} was not told to {receiver}" for receiver, alert, _ in told - heard]
        verdict(f"routes {when} business hours", complaints, f"{len(told)} priorities")
        alertmanager.program.kill()


def silences() -> None:
    """What docker/alertmanager/silence makes silent, and what not; a silence can be ended."""
    alertmanager = Alertmanager(Webhook())
    path = f"{BIN}:{os.environ['PATH']}"
    script = ROOT / "docker" / "alertmanager" / "silence"

    def silence(*arguments: str) -> str:
        environment = {**os.environ, "PATH": path, "ALERTMANAGER_URL": alertmanager.url}
        done = subprocess.run(
            ["sh", str(script), *arguments], check=True, capture_output=True, text=True, env=environment
        )
        return done.stdout.strip()

    def silenced() -> set[str]:
        return {alert["labels"]["alertname"] for alert in alertmanager.alerts() if alert["status"]["silencedBy"]}

    for name, priority, server in (("McpOne", "P0", "a"), ("McpTwo", "P2", "a"), ("McpThree", "P1", "b")):
        alertmanager.tell({"alertname": name, "priority": priority, "severity": "warning", "server": server})
    complaints = []
    for arguments, expected in (
        (("deployment", "5m"), {"McpTwo", "McpThree"}),
        (("maintenance", "a", "5m"), {"McpOne", "McpTwo"}),
    ):
        id = silence(*arguments)
        with contextlib.suppress(TimeoutError):
            until(lambda expected=expected: silenced() == expected, 10, "not silent")
        if silenced() != expected:
            complaints.append(f"{' '.join(arguments)} silences {silenced()} rather than {expected}")
        if id.split("-")[0] not in silence("list"):
            complaints.append(f"{' '.join(arguments)} is not listed")
        silence("end", id)
        with contextlib.suppress(TimeoutError):
            until(lambda: not silenced(), 10, "still silent")
        if silenced():
            complaints.append(f"{' '.join(arguments)} does not end")
    verdict("silences", complaints, "of a deployment and of maintenance")
    alertmanager.program.kill()


def calls(client: Client) -> None:
    client.begin()
    client.request("tools/list")
    for _ in range(20):
        client.call("search")
    client.end()


class Faults:
    """Two servers behind a proxy: faults are those of `shop`, and `files` is as well as ever."""

    def __init__(self) -> None:
        self.hook = Webhook()
        self.shop, self.files = fixture("shop"), fixture("files")
        for server in (self.shop, self.files):
            control(server, delay=0.04)
        blocks = "".join(
            f"""
[[server]]
name = "{name}"
url = "http://127.0.0.1:{server.told["listen"]}/mcp"
path = "/{name}"
slo = {{ latency = "250ms" }}
circuit_breaker = {{ failures = 5, window = "10s", open_for = "1s" }}
probe = {{ interval = "1s", timeout = "1s" }}
"""
            for name, server in (("shop", self.shop), ("files", self.files))
        )
        self.proxy = proxy("proxy", blocks)
        thresholds = [argument for name, value in THRESHOLDS.items() for argument in ("--threshold", f"{name}={value}")]
        folder = assets(WORK / "assets-faults", "--config", str(WORK / "proxy.toml"), *thresholds)
        rules = [
            hurried(folder / "prometheus" / "rules" / name, WINDOWS, OFFSETS, WAITS)
            for name in ("recording.yaml", "alerts.yaml")
        ]
        # Every hour is one of business: what P1 does otherwise is told above.
        self.alertmanager = Alertmanager(self.hook, [{"times": [{"start_time": "00:00", "end_time": "24:00"}]}])
        self.prometheus = Prometheus(
            rules, [{"targets": [admin(self.proxy)], "labels": {"environment": "test"}}], alertmanager=self.alertmanager
        )
        self.traffic = Traffic()
        for name in ("shop", "files"):
            for _ in range(3):
                self.traffic.add(f"http://{data(self.proxy)}/{name}", "ide", calls, 1.0)

    def run(self) -> None:
        time.sleep(QUIET_S)
        verdict("without a fault", [f"{name} of {server} fires" for name, server in self.firing()], "no alert fires")
        with self.fault(
            "tool errors at 20 %",
            ERRORS,
            told={("pager", "McpErrorRatioCritical"), ("pager", "McpAvailabilityBurnFast")},
            inhibited={"McpToolErrorRatioHigh"},
        ):
            control(self.shop, errors=0.2)
            self.mend = lambda: control(self.shop, errors=0.0)
        with self.fault(
            "latency ten times as long",
            LATENCY,
            told={("pager", "McpLatencyBurnFast")},
            inhibited={"McpToolLatencyP95High", "McpToolLatencyP99High"},
        ):
            control(self.shop, delay=0.4)
            self.mend = lambda: control(self.shop, delay=0.04)
        with self.fault(
            "the server is killed",
            GONE,
            told={("pager", "McpServerDown"), ("pager", "McpCircuitOpen")},
            inhibited={"McpErrorRatioCritical", "McpAvailabilityBurnFast", "McpAvailabilityBurnSlow"},
            beside=frozenset({("McpHealthScoreLow", "")}),
        ):
            port = str(self.shop.told["listen"])
            self.shop.kill()
            self.mend = lambda: self.again(port)
        verdict("through all faults, rules", self.prometheus.faults(), "each is evaluated")
        self.without_a_proxy()

    def again(self, port: str) -> None:
        self.shop = fixture("shop-again", port)
        control(self.shop, delay=0.04)

    def firing(self) -> set[tuple[str, str]]:
        return {
            (alert["labels"]["alertname"], alert["labels"].get("server", ""))
            for alert in self.prometheus.alerts()
            if alert["state"] == "firing"
        }

    @contextlib.contextmanager
    def fault(
        self,
        name: str,
        expected: set[str],
        told: set[tuple[str, str]],
        inhibited: set[str],
        beside: frozenset[tuple[str, str]] = frozenset(),
    ) -> Iterator[None]:
        """Begins with the block; ends with what that left in `mend`. All of `expected` is about `shop`, `beside` is not."""
        self.hook.told.clear()
        began = time.monotonic()
        yield
        wanted = {(alert, "shop") for alert in expected} | beside
        seen: set[tuple[str, str]] = set()

        def all_fire() -> bool:
            now = self.firing()
            seen.update(now)
            return now >= wanted

        with contextlib.suppress(TimeoutError):
            until(all_fire, FIRES_S, "not all fire")
        fired_s = time.monotonic() - began
        with contextlib.suppress(TimeoutError):
            until(lambda: self.muted() >= inhibited and self.told() >= told, 20, "not all are told")
        muted, heard = self.muted(), self.told()
        seen |= self.firing()
        complaints = [f"{alert} of {server or 'no server'} fires, which should not" for alert, server in seen - wanted]
        complaints += [f"{alert} of {server} does not fire" for alert, server in wanted - seen]
        verdict(f"{name}, what fires", complaints, f"exactly {len(wanted)} alerts, after {fired_s:.0f} s")
        verdict(
            f"{name}, who is told",
            [f"{receiver} was not told of {alert}" for receiver, alert in told - heard],
            ", ".join(sorted(alert for _, alert in told)),
        )
        verdict(
            f"{name}, what is inhibited",
            [f"{alert} is not" for alert in inhibited - muted],
            ", ".join(sorted(inhibited)),
        )
        self.mend()
        mended = time.monotonic()
        with contextlib.suppress(TimeoutError):
            until(lambda: not self.firing(), ENDS_S, "some go on")
        complaints = [f"{alert} of {server} goes on" for alert, server in self.firing()]
        verdict(f"{name}, mended", complaints, f"all alerts end within {time.monotonic() - mended:.0f} s")
        resolved = {(receiver, alert) for receiver, alert in told}
        with contextlib.suppress(TimeoutError):
            until(lambda: self.told("resolved") >= resolved, 30, "not all were told")
        missing = resolved - self.told("resolved")
        verdict(
            f"{name}, told of the end",
            [f"{receiver} was not told of the end of {alert}" for receiver, alert in missing],
            f"{len(resolved)} alerts",
        )

    def told(self, status: str = "firing") -> set[tuple[str, str]]:
        return {(receiver, alert) for receiver, alert, server in self.hook.heard(status) if server == "shop"}

    def muted(self) -> set[str]:
        return {alert["labels"]["alertname"] for alert in self.alertmanager.alerts() if alert["status"]["inhibitedBy"]}

    def without_a_proxy(self) -> None:
        """With the proxy gone, nothing else is told."""
        control(self.shop, errors=0.5)
        until(lambda: ("McpErrorRatioCritical", "shop") in self.firing(), FIRES_S, "no errors")
        self.hook.told.clear()
        self.proxy.kill()
        name = "the proxy is killed"
        with contextlib.suppress(TimeoutError):
            until(lambda: ("McpProxyDown", "") in self.firing(), FIRES_S, "it is not told")
        verdict(
            f"{name}, what fires",
            [] if ("McpProxyDown", "") in self.firing() else ["McpProxyDown does not"],
            "McpProxyDown",
        )
        with contextlib.suppress(TimeoutError):
            until(lambda: ("pager", "McpProxyDown", "") in self.hook.heard("firing"), 20, "not told")
        # Whoever is told of errors from now on would be told of what nobody knows.
        others = [alert for alert in self.alertmanager.alerts() if alert["labels"]["alertname"] != "McpProxyDown"]
        complaints = [
            f"{alert['labels']['alertname']} is told all the same"
            for alert in others
            if not alert["status"]["inhibitedBy"]
        ]
        if ("pager", "McpProxyDown", "") not in self.hook.heard("firing"):
            complaints.append("the pager was not told")
        verdict(f"{name}, who is told", complaints, f"the pager, of that alone ({len(others)} others are inhibited)")
        self.traffic.stop()


if __name__ == "__main__":
    sys.exit(main())
