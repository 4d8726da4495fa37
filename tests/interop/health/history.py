"""A server falls ill in one way after the other, probed every second: each illness is found within two probes and told by
its name, and is over once the server is well; the history in a real Prometheus, which scrapes `/metrics` and `/probe` all the
time, shows each. `promtool check metrics` reads both pages.
"""

import json
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "stack"))

from monitoring import BIN, WORK, Program, Prometheus, admin, control, proxy, stop_all  # noqa: E402

PATIENCE_S = 40
SCRAPED_S = 120
"""So long both pages are scraped at least."""
ILL = [
    ("500", "http"),
    ("html", "html"),
    ("not_mcp", "not_mcp"),
    ("no_tools", "tools_missing"),
    ("tool_fails", "tool_error"),
]
failed = 0

# Of an authority of this run: a certificate that is good, one that has expired, one for another name.
AUTHORITY = """
[ca]
default_ca = own
[own]
database = index.txt
serial = serial
new_certs_dir = .
certificate = ca.pem
private_key = ca.key
default_md = sha256
policy = any
[any]
commonName = optional
"""
HERE_NAME, OTHER_NAME = "IP:127.0.0.1", "DNS:elsewhere.example.com"
CERTIFICATES = {
    "good": (HERE_NAME, "20200101000000Z", "20900101000000Z"),
    "expired": (HERE_NAME, "20200101000000Z", "20200201000000Z"),
    "other": (OTHER_NAME, "20200101000000Z", "20900101000000Z"),
}


def certificates(folder: Path) -> Path:
    subprocess.run(["rm", "-rf", str(folder)], check=True)
    folder.mkdir(parents=True)

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    (folder / "ca.cnf").write_text(AUTHORITY)
    (folder / "index.txt").write_text("")
    (folder / "serial").write_text("01")
    key = ["-newkey", "rsa:2048", "-nodes", "-keyout"]
    openssl("req", "-x509", *key, "ca.key", "-out", "ca.pem", "-days", "30", "-subj", "/CN=authority")
    openssl("req", *key, "leaf.key", "-out", "leaf.csr", "-subj", "/CN=patient")
    for name, (subject, start, end) in CERTIFICATES.items():
        (folder / "leaf.ext").write_text(f"subjectAltName={subject}\nbasicConstraints=CA:FALSE\n")
        openssl("ca", "-batch", "-notext", "-config", "ca.cnf", "-in", "leaf.csr", "-startdate", start, "-enddate", end,
                "-extfile", "leaf.ext", "-out", f"{name}.pem")  # fmt: skip
        # The same name may be certified again.
        (folder / "index.txt").write_text("")
    return folder


def verdict(name: str, problem: str | None) -> None:
    global failed
    if problem is None:
        print(f"pass: {name}", flush=True)
    else:
        failed += 1
        print(f"FAIL: {name}: {problem}", flush=True)


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as response:
        return response.read().decode()


def until(what: str, found: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if answer := found():
            return answer
        time.sleep(0.02)
    raise TimeoutError(f"{what} did not come within {PATIENCE_S} s")


class Watched:
    """The patient, the proxy that probes it, and the Prometheus that scrapes that."""

    def __init__(self) -> None:
        self.patient = self.server("patient", "0")
        self.port = self.patient.told["listen"]
        self.certificates = certificates(WORK / "health-certificates")
        self.sealed = self.server("sealed", "0", str(self.certificates / "good.pem"), str(self.certificates / "leaf.key"))
        probe = '{ interval = "1s", timeout = "1s", call = "echo", arguments = { message = "hello" }, expect = "hello" }'
        block = f'[[server]]\nname = "patient"\npath = "/patient"\nurl = "http://127.0.0.1:{self.port}/mcp"\nprobe = {probe}\n'
        url = f"https://127.0.0.1:{self.sealed.told['listen']}/mcp"
        tls = f'tls = {{ ca = "{self.certificates}/ca.pem" }}\nprobe = {{ interval = "1s" }}\n'
        self.proxy = proxy("health", f'{block}[[server]]\nname = "sealed"\npath = "/sealed"\nurl = "{url}"\n{tls}')
        self.admin = f"http://{admin(self.proxy)}"
        targets = [{"targets": [admin(self.proxy)], "labels": {"environment": "test"}}]
        self.prometheus = Prometheus([], targets, every="1s")
        self.also_probe()

    def server(self, name: str, *arguments: str) -> Program:
        return Program(name, [sys.executable, "-B", str(HERE / "patient.py"), *arguments])

    def shows(self, certificate: str) -> None:
        """From now on."""
        url = f"https://127.0.0.1:{self.sealed.told['listen']}/control"
        body = json.dumps({"certificate": str(self.certificates / f"{certificate}.pem")}).encode()
        asked = urllib.request.Request(url, body, {"content-type": "application/json"})
        # What it shows now may be good for nobody.
        anybody = ssl._create_unverified_context()
        urllib.request.urlopen(asked, timeout=10, context=anybody).read()

    def also_probe(self) -> None:
        """Another job, as the README has it: Prometheus itself asks `/probe`."""
        file = WORK / "prometheus.yaml"
        import yaml

        configuration = yaml.safe_load(file.read_text())
        relabel = [
            {"source_labels": ["__address__"], "target_label": "__param_target"},
            {"source_labels": ["__param_target"], "target_label": "instance"},
            {"target_label": "__address__", "replacement": admin(self.proxy)},
        ]
        job = {"job_name": "mcp-probe", "metrics_path": "/probe", "params": {"module": ["mcp"]}, "scrape_interval": "2s",
               "scrape_timeout": "2s", "static_configs": [{"targets": ["patient"]}], "relabel_configs": relabel}  # fmt: skip
        configuration["scrape_configs"].append(job)
        file.write_text(yaml.safe_dump(configuration))
        self.prometheus.program.child.send_signal(1)
        until("the other job", lambda: self.prometheus.query('up{job="mcp-probe"} == 1'))

    def now(self, server: str = "patient") -> dict[str, Any]:
        servers = json.loads(get(f"{self.admin}/api/servers"))["servers"]
        return next(told for told in servers if told["name"] == server)

    def checks(self, server: str) -> int:
        series = f'mcp_health_checks_total{{server="{server}"'
        lines = get(f"{self.admin}/metrics").splitlines()
        return sum(int(float(line.split()[-1])) for line in lines if line.startswith(series))

    def falls(self, name: str, expected: set[str], happens: Callable[[], Any], recovers: Callable[[], Any],
              health: str = "down", server: str = "patient") -> None:  # fmt: skip
        """It is found, named, seen by Prometheus, and over."""
        until("health", lambda: self.now(server)["health"] == "healthy")
        # A probe that is under way may still see it well.
        before, began = self.checks(server), time.time()
        happens()
        until(f"{name}: the verdict", lambda: self.now(server)["health"] == health)
        probes, took = self.checks(server) - before, time.time() - began
        fault = self.now(server)["last_probe"]["fault"] or {"kind": "slow", "message": self.now(server)["reason"]}
        told = fault["kind"]
        metric = "mcp_server_degraded" if health == "degraded" else "mcp_server_availability"
        ill = "1" if health == "degraded" else "0"
        until(f"{name}: in Prometheus", lambda: self.prometheus.query(f'{metric}{{server="{server}"}} == {ill}'))
        recovers()
        until(f"{name}: its end", lambda: self.now(server)["health"] == "healthy")
        until(f"{name}: its end in Prometheus", lambda: self.prometheus.query(f'{metric}{{server="{server}"}} != {ill}'))
        print(f"{name}: found after {probes} probes, {took:.1f} s, as {told}: {fault['message']}", flush=True)
        # Two intervals; one probe more may have been under way, and those that Prometheus asks for come between.
        problem = f"it took {probes} probes" if probes > 4 else None
        verdict(f"health: {name} is found, named and over", problem if told in expected else f"it is told as {told}")


def checked(url: str, page: str) -> str | None:
    text = get(url)
    ran = subprocess.run([str(BIN / "promtool"), "check", "metrics"], input=text, capture_output=True, text=True)
    complaints = ran.stdout + ran.stderr
    return None if ran.returncode == 0 else f"{page}: {complaints}"


def main() -> None:
    watched = Watched()
    began = time.time()
    until("a usual time", lambda: (watched.now()["baseline_seconds"] or 0) > 0)
    for illness, kind in ILL:
        watched.falls(illness, {kind}, lambda: control(watched.patient, illness=illness), lambda: control(watched.patient, illness="none"))
    watched.falls("hung", {"timeout"}, watched.patient.freeze, watched.patient.thaw)

    def starts() -> None:
        watched.patient = watched.server("patient", str(watched.port))

    watched.falls("killed", {"connect", "reset"}, watched.patient.kill, starts)
    watched.falls("ten times as slow", {"slow"}, lambda: control(watched.patient, delay=0.1), lambda: control(watched.patient, delay=0.01), "degraded")
    good = lambda: watched.shows("good")  # noqa: E731
    watched.falls("an expired certificate", {"tls"}, lambda: watched.shows("expired"), good, server="sealed")
    watched.falls("a certificate for another name", {"tls"}, lambda: watched.shows("other"), good, server="sealed")
    verdict("health: promtool reads /metrics", checked(f"{watched.admin}/metrics", "/metrics"))
    verdict("health: promtool reads /probe", checked(f"{watched.admin}/probe?target=patient&module=mcp", "/probe"))
    time.sleep(max(0.0, SCRAPED_S - (time.time() - began)))
    # A little more than that: what was first is in it, too.
    long = int(time.time() - began) + 10
    outages = watched.prometheus.query(f"sum(changes(mcp_server_availability[{long}s]))")
    seen = int(float(outages[0]["value"][1]))
    # The certificates are two more.
    expected = 2 * (len(ILL) + 2 + 2)
    verdict("health: the history in Prometheus has every outage and its end", None if seen >= expected else f"{seen} changes of {expected}")
    probed = watched.prometheus.query(f'min_over_time(probe_success{{instance="patient"}}[{long}s])')
    verdict("health: so has what /probe told", None if float(probed[0]["value"][1]) == 0 else "it always succeeded")
    for job in ("sightglass", "mcp-probe"):
        up = watched.prometheus.query(f'min_over_time(up{{job="{job}"}}[{long}s])')
        scraped = watched.prometheus.query(f'count_over_time(up{{job="{job}"}}[{long}s])')
        print(f"{job}: {scraped[0]['value'][1]} scrapes in {long} s", flush=True)
        verdict(f"health: no scrape of {job} failed", None if up and float(up[0]["value"][1]) == 1 else f"{up}")


try:
    main()
except Exception as error:  # noqa: BLE001
    verdict("health: the history", f"{type(error).__name__}: {error}")
finally:
    stop_all()
sys.exit(1 if failed else 0)
