"""Does everything that dashboards and rules ask for exist, and does it come? A real Prometheus says, of mixed traffic.

    python queries.py

Needs $SIGHTGLASS, $NODE and $WORK. Prints `pass: …` and `FAIL: …`.
"""

import base64
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from monitoring import (
    ROOT,
    WORK,
    Prometheus,
    Sink,
    admin,
    assets,
    control,
    data,
    fixture,
    free_port,
    hurried,
    proxy,
    stop_all,
)
from traffic import Traffic, everything, plain
from units import groups
from verdicts import outcome, verdict

TRAFFIC_S = 70

ELSEWHERE = {
    "up": "Prometheus makes it",
    "ALERTS": "Prometheus makes it",
}
"""Metrics that are not the proxy's."""

ABSENT: dict[str, str] = {
    "mcp_proxy_not_rewritten_total": "needs a protected server whose metadata comes encoded although asked not to be",
}
"""What this run cannot make, with the reason; each must be truly absent."""

EMPTY: dict[str, str] = {
    'up{job="mcp-server"}': "servers that are scraped themselves: none is here",
    'mcp:limit_used:ratio{limit="memory_bytes"}': "only within a cgroup that limits it",
}
"""Selectors of alerts that find nothing here, with the reason."""


def main() -> int:
    WORK.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        run()
    finally:
        stop_all()
    return outcome()


def run() -> None:
    folder = assets(WORK / "assets")
    asked = dashboards(folder)
    for rule in (rule for group in groups(folder) for rule in group["rules"]):
        asked.append((rule.get("alert") or rule["record"], rule["expr"]))
    known = read([expression for _, expression in asked])
    verdict(
        "dashboards and rules, what they ask parses",
        [f"{name}: {said['fault']}" for (name, _), said in zip(asked, known, strict=True) if said["fault"]],
        f"{len(asked)} expressions",
    )
    prometheus = watched(folder)
    labels = Labels(prometheus)
    first = runbooks()
    complaints = [
        f"{name}: {said['fault']}"
        for (name, _), said in zip(first, read([query for _, query in first]), strict=True)
        if said["fault"]
    ]
    complaints += [
        complaint
        for (name, _), said in zip(first, read([query for _, query in first]), strict=True)
        for complaint in labels.complaints(name, said)
    ]
    verdict("runbooks, what they ask first parses and exists", complaints, f"{len(first)} queries")
    verdict(
        "dashboards and rules, names exist",
        [
            complaint
            for (name, _), said in zip(asked, known, strict=True)
            for complaint in labels.complaints(name, said)
        ],
        f"{labels.metrics} metrics and their labels",
    )
    wrong = [
        "sum by (server) (rate(mcp_requests_totl[5m]))",
        'mcp_requests_total{tool="x"}',
        "sum by (tool) (mcp_requests_total)",
    ]
    found = [labels.complaints("wrong", said) for said in read(wrong)]
    verdict(
        "dashboards and rules, a name that does not exist is found",
        [f"not found: {one}" for one, said in zip(wrong, found, strict=True) if not said],
        f"{len(wrong)} of {len(wrong)}",
    )
    verdict(
        "rules, every one is evaluated without a fault",
        prometheus.faults(),
        f"{sum(len(group['rules']) for group in groups(folder))} rules",
    )
    answers(prometheus, folder, asked, known, labels)
    exemplars(prometheus)


def dashboards(folder: Path) -> list[tuple[str, str]]:
    """What panels, variables and annotations ask Prometheus for, with everything chosen."""
    asked = []
    for file in sorted(folder.glob("grafana/dashboards/*.json")):
        board = json.loads(file.read_text())
        for panel in board["panels"]:
            for target in panel.get("targets", []):
                if target["datasource"]["type"] == "prometheus":
                    asked.append((f"{board['title']}, {panel['title']}", chosen(target["expr"])))
        for variable in board["templating"]["list"]:
            if variable["type"] == "query":
                series = re.fullmatch(r"label_values\((.*),\s*(\w+)\)", variable["query"]["query"])
                assert series, variable
                asked.append(
                    (f"{board['title']}, variable {variable['name']}", chosen(f"count by ({series[2]}) ({series[1]})"))
                )
        for note in board["annotations"]["list"]:
            if note["datasource"]["type"] == "prometheus":
                asked.append((f"{board['title']}, {note['name']}", chosen(note["expr"])))
    return asked


def runbooks() -> list[tuple[str, str]]:
    pages = sorted((ROOT / "docs" / "runbooks").glob("Mcp*.md"))
    blocks = [
        (page.stem, block)
        for page in pages
        for block in re.findall(r"```promql\n(.*?)```", page.read_text(), re.DOTALL)
    ]
    return [(name, chosen(line)) for name, block in blocks for line in block.splitlines()]


def chosen(expression: str) -> str:
    values = {
        "$__rate_interval": "30s",
        "$__range": "5m",
        "$environment": ".*",
        "$instance": ".*",
        "$server": ".*",
        "$tool": ".*",
    }
    for variable, value in values.items():
        expression = expression.replace(variable, value)
    assert "$" not in expression.replace("$1", ""), expression
    return expression


def read(expressions: list[str]) -> list[dict[str, Any]]:
    command = [os.environ["NODE"], str(WORK / "node" / "promql.mjs")]
    done = subprocess.run(command, input=json.dumps(expressions), capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def watched(folder: Path) -> Prometheus:
    """Two proxies under traffic of every kind, with servers that fail, change and are not there."""
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "30",
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=DNS:localhost,IP:127.0.0.1",
            "-addext",
            "basicConstraints=critical,CA:FALSE",
            "-keyout",
            str(WORK / "key.pem"),
            "-out",
            str(WORK / "cert.pem"),
        ],
        check=True,
        capture_output=True,
    )
    plainly, encrypted = fixture("shop"), fixture("vault", "0", str(WORK / "cert.pem"), str(WORK / "key.pem"))
    modulus = subprocess.run(
        ["openssl", "rsa", "-in", str(WORK / "key.pem"), "-modulus", "-noout"], check=True, capture_output=True
    )
    number = bytes.fromhex(modulus.stdout.decode().strip().removeprefix("Modulus="))
    encoded = base64.urlsafe_b64encode(number).decode().rstrip("=")
    (WORK / "keys.json").write_text(
        json.dumps({"keys": [{"kty": "RSA", "kid": "1", "use": "sig", "alg": "RS256", "n": encoded, "e": "AQAB"}]})
    )
    shop = f"http://127.0.0.1:{plainly.told['listen']}/mcp"
    first = proxy(
        "proxy-1",
        f"""
[limits]
max_label_values = 8
[tracing]
otlp = {{ endpoint = "http://127.0.0.1:{Sink().port}" }}
[identity]
tier = {{ header = "X-Tier", allowed = ["free"] }}
[[price]]
per_call = 0.01
[[server]]
name = "shop"
url = "{shop}"
path = "/shop"
slo = {{ availability = 0.99, latency = "10s" }}
bulkhead = {{ max = 50, queue = 10 }}
probe = {{ interval = "2s", call = "search" }}
[[server]]
name = "gone"
url = "http://127.0.0.1:{free_port()}/mcp"
path = "/gone"
circuit_breaker = {{ failures = 3, window = "30s", open_for = "1s" }}
probe = {{ interval = "2s" }}
[[server]]
name = "guarded"
url = "{shop}"
path = "/guarded"
auth = {{ issuer = "http://127.0.0.1:1", audience = "all", jwks = "keys.json" }}
""",
    )
    second = proxy(
        "proxy-2",
        f"""
[[server]]
name = "vault"
url = "https://127.0.0.1:{encrypted.told["listen"]}/mcp"
path = "/vault"
tls = {{ ca = "cert.pem" }}
[tracing]
otlp = {{ endpoint = "http://127.0.0.1:{free_port()}" }}
""".replace("[[server]]", '[proxy.tls]\ncert = "cert.pem"\nkey = "key.pem"\n[[server]]'),
    )
    same = {
        duration: duration
        for duration in ("5m", "15m", "30m", "1h", "2h", "6h", "1d", "3d", "7d", "0m", "1m", "2m", "3m", "10m")
    }
    rules = [
        hurried(folder / "prometheus" / "rules" / name, same, same, same) for name in ("recording.yaml", "alerts.yaml")
    ]
    prometheus = Prometheus(rules, [{"targets": [admin(first), admin(second)], "labels": {"environment": "test"}}])
    traffic = Traffic()
    for path, session, every_s in (
        ("shop", everything, 2.0),
        ("shop", plain, 1.0),
        ("gone", plain, 1.0),
        ("guarded", everything, 2.0),
    ):
        traffic.add(f"http://{data(first)}/{path}", "ide", session, every_s)
    traffic.add(f"https://{data(second)}/vault", "agent", everything, 2.0)
    control(plainly, errors=0.3)
    time.sleep(TRAFFIC_S / 2)
    control(plainly, tools=12)
    first.child.send_signal(signal.SIGHUP)
    time.sleep(TRAFFIC_S / 2)
    traffic.stop()
    return prometheus


class Labels:
    """The labels of every metric, as Prometheus has them from the pages it read."""

    def __init__(self, prometheus: Prometheus) -> None:
        self.by_metric: dict[str, set[str]] = {}
        for labels in prometheus.series('{__name__=~".+"}'):
            self.by_metric.setdefault(labels["__name__"], set()).update(labels)
        catalogue = (ROOT / "src" / "export" / "prometheus" / "catalogue.rs").read_text()
        self.catalogue = set(re.findall(r'^    \("(mcp_\w+)"', catalogue, re.MULTILINE))
        self.metrics = len(self.by_metric)

    def absent(self, metric: str) -> str | None:
        return next((name for name in ABSENT if re.fullmatch(f"{name}(_bucket|_sum|_count)?", metric)), None)

    def complaints(self, where: str, said: dict[str, Any]) -> list[str]:
        found = []
        for selector in said["selectors"]:
            metric = selector["metric"]
            if metric in ELSEWHERE or self.absent(metric):
                continue
            if metric not in self.by_metric:
                found.append(f"{where}: nothing has the name {metric}")
                continue
            for matcher in selector["matchers"]:
                # A label that is absent is empty: any series fits.
                if matcher["label"] not in self.by_metric[metric] and matcher["value"] != ".*":
                    found.append(f"{where}: {metric} has no label {matcher['label']}")
        for group in said["groups"]:
            metrics = [said["selectors"][at]["metric"] for at in group["selectors"]]
            if any(metric in ELSEWHERE or metric not in self.by_metric for metric in metrics):
                continue
            had = set(group["made"]).union(*(self.by_metric[metric] for metric in metrics))
            found += [
                f"{where}: none of {', '.join(metrics)} has a label {label}"
                for label in group["labels"]
                if label not in had
            ]
        return found


def answers(
    prometheus: Prometheus, folder: Path, asked: list[tuple[str, str]], known: list[dict[str, Any]], labels: Labels
) -> None:
    present = [
        name
        for name in ABSENT
        if any(re.fullmatch(f"{name}(_bucket|_sum|_count)?", metric) for metric in labels.by_metric)
    ]
    verdict("dashboards and rules, what is listed as absent is", present, f"{len(ABSENT)} metrics")
    alerts = {rule["alert"] for group in groups(folder) for rule in group["rules"] if "alert" in rule}
    empty, selectors = [], []
    count = 0
    for (name, expression), said in zip(asked, known, strict=True):
        if any(labels.absent(selector["metric"]) for selector in said["selectors"]):
            continue
        if name in alerts:
            # Whether it fires is another step's matter; what it looks at must be there.
            for selector in said["selectors"]:
                shown = shorthand(selector)
                if shown not in EMPTY and not prometheus.series(shown):
                    selectors.append(f"{name}: {shown} finds nothing")
            continue
        count += 1
        # What is drawn as a mark in time comes some time.
        once = name.endswith((", Deployments", ", Reloads"))
        if not (prometheus.ever(expression) if once else prometheus.query(expression)):
            empty.append(f"{name}: no data: {expression}")
    verdict("dashboards and recording rules, every expression returns data", empty, f"{count} expressions")
    verdict("alerts, every selector finds series", selectors, f"{len(alerts)} alerts")


def shorthand(selector: dict[str, Any]) -> str:
    matchers = ",".join(f"{m['label']}{m['operator']}{json.dumps(m['value'])}" for m in selector["matchers"])
    return f"{selector['metric']}{{{matchers}}}" if matchers else selector["metric"]


def exemplars(prometheus: Prometheus) -> None:
    found = prometheus.exemplars("mcp_request_duration_seconds_bucket", time.time() - 600)
    ids = [exemplar["labels"].get("trace_id", "") for series in found for exemplar in series["exemplars"]]
    wrong = [f"{id!r} is no trace id" for id in ids if not re.fullmatch("[0-9a-f]{32}", id)]
    verdict("exemplars", wrong if ids else ["there is none"], f"{len(ids)} of them name a trace")


if __name__ == "__main__":
    sys.exit(main())
