"""Starting the programs of this step, learning where they listen, and stopping exactly those."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

HERE = Path(__file__).parent
WORK = Path(os.environ["WORK"]) / "telemetry"

START_S = 30
STOP_S = 40
"""How long a program may take to say where it listens, and to end; the proxy drains for 30 s at most."""

Outcome = TypeVar("Outcome")

running: list["Program"] = []


class Program:
    """A program that says in JSON, on the first line of its output, where it listens (`told`); all it writes is kept."""

    def __init__(self, name: str, command: list[str], announces: bool = True) -> None:
        self.name = name
        self.log = WORK / f"{name}.out"
        self.lines: list[str] = []
        self.heard = threading.Condition()
        with open(WORK / f"{name}.err", "ab") as err:
            self.child = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=err, text=True
            )
        running.append(self)
        threading.Thread(target=self.read, daemon=True).start()
        self.told: dict[str, Any] = json.loads(self.first_line()) if announces else {}

    def read(self) -> None:
        assert self.child.stdout
        with open(self.log, "a") as log:
            for line in self.child.stdout:
                log.write(line)
                with self.heard:
                    self.lines.append(line)
                    self.heard.notify_all()

    def first_line(self) -> str:
        with self.heard:
            if not self.heard.wait_for(lambda: self.lines, START_S):
                raise TimeoutError(f"{self.name} did not say where it listens; see {WORK}/{self.name}.err")
            return self.lines[0]

    def events(self) -> list[dict[str, Any]]:
        """Its lines so far, as a program that logs in JSON wrote them."""
        with self.heard:
            return [json.loads(line) for line in self.lines]

    def freeze(self) -> None:
        self.child.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.child.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """At once, as a machine fails."""
        self.child.kill()
        self.child.wait()
        running.remove(self)

    def stop(self) -> None:
        self.child.terminate()
        try:
            self.child.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
            raise
        finally:
            running.remove(self)


def stop_all() -> None:
    for program in list(running):
        program.kill()


def python(name: str, script: str, *arguments: str) -> Program:
    return Program(name, [sys.executable, "-B", str(HERE / script), *arguments])


@contextlib.contextmanager
def proxy(name: str, url: str, tracing: str) -> Iterator[Program]:
    """The proxy before `url`, with `tracing` as that table of its configuration."""
    file = WORK / f"{name}.toml"
    file.write_text(
        f'[proxy]\nlisten = "127.0.0.1:0"\n[admin]\nlisten = "127.0.0.1:0"\n[logs]\nformat = "json"\n'
        f'[tracing]\n{tracing}\n[[server]]\nname = "fixture"\nurl = "{url}"\n'
    )
    program = Program(name, [os.environ["SIGHTGLASS"], "serve", "--config", str(file)])
    try:
        yield program
    finally:
        program.stop()


class Collector:
    """Rotel, a collector of others: OTLP of both kinds in, OTLP/gRPC out to the receiver."""

    def __init__(self, receiver_port: int) -> None:
        self.receiver_port = receiver_port
        self.ports = {"grpc": free_port(), "http/protobuf": free_port()}
        self.start()

    def start(self) -> None:
        """Also after a `kill`: at the same addresses."""
        import rotel

        agent = Path(rotel.__file__).with_name("rotel-agent")
        grpc, http = (f"127.0.0.1:{self.ports[protocol]}" for protocol in ("grpc", "http/protobuf"))
        to = f"http://127.0.0.1:{self.receiver_port}"
        arguments = ["--otlp-grpc-endpoint", grpc, "--otlp-http-endpoint", http, "--exporter", "otlp",
                     "--otlp-exporter-endpoint", to, "--pid-file", str(WORK / "rotel.pid")]  # fmt: skip
        self.program = Program("rotel", [str(agent), "start", *arguments], announces=False)
        for port in self.ports.values():
            until(lambda: answers(port), START_S, "the collector does not listen")


def free_port() -> int:
    """A port of loopback that nobody listened on a moment ago, for programs that cannot choose one themselves."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def until(condition: Callable[[], Outcome], limit_s: float, complaint: str) -> Outcome:
    """Waits until it is true of what `condition` returns, and returns that."""
    end = time.monotonic() + limit_s
    while not (outcome := condition()):
        if time.monotonic() > end:
            raise TimeoutError(complaint)
        time.sleep(0.02)
    return outcome
