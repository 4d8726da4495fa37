"""A real Prometheus, a real Alertmanager, and whom that tells, for as long as a step runs."""

import json
import os
import re
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
sys.path.insert(0, str(HERE.parent / "telemetry"))

import programs  # noqa: E402
from programs import Program, free_port, stop_all, until  # noqa: E402, F401

WORK = Path(os.environ["WORK"]) / "stack"
"""What this step leaves behind, and where `install/stack` put what it runs."""

BIN = WORK / "debian" / "usr" / "bin"
START_S = 30

programs.WORK = WORK

Labels = dict[str, str]


def assets(folder: Path, *arguments: str) -> Path:
    """What `sightglass assets` writes."""
    command = [os.environ["SIGHTGLASS"], "assets", str(folder), *arguments]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    return folder


def fixture(name: str, *arguments: str) -> Program:
    """An MCP server that behaves as it is told."""
    return Program(name, [sys.executable, "-B", str(HERE / "server.py"), *arguments])


def proxy(name: str, configuration: str) -> Program:
    file = WORK / f"{name}.toml"
    file.write_text(f'[proxy]\nlisten = "127.0.0.1:0"\n[admin]\nlisten = "127.0.0.1:0"\n{configuration}')
    command = [os.environ["SIGHTGLASS"], "serve", "--config", str(file), "--log-format", "json"]
    program = Program(name, command, announces=False)
    started = lambda: next((line for line in program.events() if line["event"] == "started"), None)  # noqa: E731
    program.told = until(started, START_S, f"{name} did not start; see {WORK}/{name}.err")
    return program


def admin(program: Program) -> str:
    return program.told["admin"]


def data(program: Program) -> str:
    return program.told["listen"][0]


def control(server: Program, **behaviour: Any) -> None:
    post(f"http://127.0.0.1:{server.told['listen']}/control", behaviour)


def post(url: str, body: Any) -> None:
    asked = urllib.request.Request(url, json.dumps(body).encode(), {"content-type": "application/json"})
    urllib.request.urlopen(asked, timeout=10).read()


def answer(url: str, **asked: Any) -> Any:
    query = urllib.parse.urlencode(asked, doseq=True)
    try:
        with urllib.request.urlopen(f"{url}?{query}" if query else url, timeout=20) as response:
            return json.load(response)
    except urllib.error.HTTPError as error:
        return json.load(error)


class Prometheus:
    """As `docker/prometheus/prometheus.yaml` has it, with targets of this run and without its patience."""

    def __init__(
        self,
        rules: list[Path],
        targets: list[dict[str, Any]],
        scheme: str = "http",
        alertmanager: "Alertmanager | None" = None,
        every: str = "1s",
    ) -> None:
        configuration = yaml.safe_load((ROOT / "docker" / "prometheus" / "prometheus.yaml").read_text())
        job = next(job for job in configuration["scrape_configs"] if job["job_name"] == "sightglass")
        target_file = WORK / "targets.json"
        target_file.write_text(json.dumps(targets))
        job["file_sd_configs"] = [{"files": [str(target_file)]}]
        # A target says by `__scheme__` whether it speaks TLS; certificates of this run nobody signed.
        job["tls_config"] = {"insecure_skip_verify": True}
        configuration |= {"scrape_configs": [job], "rule_files": [str(rule) for rule in rules]}
        configuration["global"] |= {"scrape_interval": every, "scrape_timeout": every, "evaluation_interval": every}
        peers = [f"127.0.0.1:{alertmanager.port}"] if alertmanager else []
        configuration["alerting"] = {"alertmanagers": [{"static_configs": [{"targets": peers}]}]}
        file = WORK / "prometheus.yaml"
        file.write_text(yaml.safe_dump(configuration))
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        store = WORK / "prometheus-data"
        subprocess.run(["rm", "-rf", str(store)], check=True)
        command = [
            str(BIN / "prometheus"),
            f"--config.file={file}",
            f"--storage.tsdb.path={store}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--enable-feature=exemplar-storage",
            "--rules.alert.resend-delay=1s",
        ]
        self.program = Program("prometheus", command, announces=False)
        until(lambda: is_ready(f"{self.url}/-/ready"), START_S, "Prometheus is not ready")

    def query(self, expression: str) -> list[dict[str, Any]]:
        said = answer(f"{self.url}/api/v1/query", query=expression)
        if said["status"] != "success":
            raise ValueError(f"{said['error']}: {expression}")
        return said["data"]["result"]

    def ever(self, expression: str) -> list[dict[str, Any]]:
        """What it gave at any time of the last ten minutes."""
        now = time.time()
        said = answer(f"{self.url}/api/v1/query_range", query=expression, start=now - 600, end=now, step=1)
        if said["status"] != "success":
            raise ValueError(f"{said['error']}: {expression}")
        return said["data"]["result"]

    def series(self, selector: str) -> list[Labels]:
        said = answer(f"{self.url}/api/v1/series", **{"match[]": selector})
        if said["status"] != "success":
            raise ValueError(f"{said['error']}: {selector}")
        return said["data"]

    def faults(self) -> list[str]:
        """Rules that could not be evaluated, or were not yet."""
        groups = answer(f"{self.url}/api/v1/rules")["data"]["groups"]
        return [
            f"{rule['name']}: {rule['health']}, {rule.get('lastError', '')}"
            for group in groups
            for rule in group["rules"]
            if rule["health"] != "ok"
        ]

    def alerts(self) -> list[dict[str, Any]]:
        return answer(f"{self.url}/api/v1/alerts")["data"]["alerts"]

    def exemplars(self, expression: str, since_s: float) -> list[dict[str, Any]]:
        said = answer(f"{self.url}/api/v1/query_exemplars", query=expression, start=since_s, end=time.time())
        return said["data"]


class Sink:
    """A collector that takes all spans and forgets them."""

    def __init__(self) -> None:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                self.send_response(200)
                self.send_header("content-type", "application/x-protobuf")
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, daemon=True).start()


class Webhook:
    """Whom Alertmanager tells: what each receiver was told, in order."""

    def __init__(self) -> None:
        self.told: list[tuple[float, str, dict[str, Any]]] = []
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                hook.told.append((time.time(), self.path.strip("/"), body))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def heard(self, status: str) -> set[tuple[str, str, str]]:
        """Receiver, alert, server (or `""`) of what was told as firing, or as resolved."""
        return {
            (receiver, alert["labels"]["alertname"], alert["labels"].get("server", ""))
            for _, receiver, body in list(self.told)
            for alert in body["alerts"]
            if alert["status"] == status
        }


class Alertmanager:
    """As `docker/alertmanager/alertmanager.yaml` has it, telling `hook` instead, and without its patience."""

    def __init__(self, hook: Webhook, hours: list[dict[str, Any]] | None = None) -> None:
        configuration = yaml.safe_load((ROOT / "docker" / "alertmanager" / "alertmanager.yaml").read_text())
        configuration["global"] = {"resolve_timeout": "5s"}
        configuration["templates"] = []
        configuration["receivers"] = [
            {"name": receiver["name"], "webhook_configs": [{"url": f"http://127.0.0.1:{hook.port}/{receiver['name']}"}]}
            for receiver in configuration["receivers"]
        ]
        for route in [configuration["route"], *configuration["route"]["routes"]]:
            for key in ("group_wait", "group_interval"):
                if key in route:
                    route[key] = "1s" if key == "group_interval" or route[key] != "0s" else "0s"
        if hours is not None:
            configuration["time_intervals"][0]["time_intervals"] = hours
        file = WORK / "alertmanager.yaml"
        file.write_text(yaml.safe_dump(configuration))
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        store = WORK / "alertmanager-data"
        subprocess.run(["rm", "-rf", str(store)], check=True)
        # It finds its templates where it runs; see `install/stack`.
        command = [
            "env",
            "-C",
            str(BIN.parent / "share" / "prometheus" / "alertmanager"),
            str(BIN / "alertmanager"),
            f"--config.file={file}",
            f"--storage.path={store}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--cluster.listen-address=",
        ]
        self.program = Program("alertmanager", command, announces=False)
        until(lambda: is_ready(f"{self.url}/-/ready"), START_S, "Alertmanager is not ready")

    def alerts(self) -> list[dict[str, Any]]:
        return answer(f"{self.url}/api/v2/alerts")

    def tell(self, labels: Labels) -> None:
        post(f"{self.url}/api/v2/alerts", [{"labels": labels, "annotations": {"summary": "told by hand"}}])


def is_ready(url: str) -> bool:
    try:
        return urllib.request.urlopen(url, timeout=2).status == 200
    except OSError:
        return False


WINDOW = re.compile(r"(?<=\[)\d+[smhd](?=\])")
OFFSET = re.compile(r"(?<=offset )\d+[smhd]")


def hurried(rules: Path, windows: dict[str, str], offsets: dict[str, str], waits: dict[str, str]) -> Path:
    """The same rules, evaluated every second, with other durations: of windows, of offsets, and of `for`."""
    content = yaml.safe_load(rules.read_text())
    for group in content["groups"]:
        group["interval"] = "1s"
        for rule in group["rules"]:
            hurried_window = WINDOW.sub(lambda found: windows[found[0]], rule["expr"])
            rule["expr"] = OFFSET.sub(lambda found: offsets[found[0]], hurried_window)
            if "for" in rule:
                rule["for"] = waits[rule["for"]]
    file = WORK / rules.name
    file.write_text(yaml.safe_dump(content, sort_keys=False, width=200))
    return file
