"""Calls through the proxy while its wall clock jumps: each is answered and counted, none takes longer or shorter for it,
and the lines of those that end after a jump go by the clock as it is then."""

import datetime
import glob
import http.client
import http.server
import json
import os
import subprocess
import tempfile
import threading
import time

JUMPS = ["+365d", "-3650d", "+0", "+3600", "-30", "-20000d", "+0"]
CALLS = 50
DAY = datetime.timedelta(days=1)


class Server(http.server.BaseHTTPRequestHandler):
    """Answers at once, or at /mcp/slow after a second."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        if self.path.endswith("/slow"):
            time.sleep(1)
        body = b'{"jsonrpc":"2.0","id":1,"result":{}}'
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def call(address, path):
    connection = http.client.HTTPConnection(address)
    body = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t"}}'
    connection.request("POST", path, body, {"content-type": "application/json"})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


def check(name, holds, reason):
    print(f"pass: {name}" if holds else f"FAIL: {name}: {reason}", flush=True)


def main():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    folder = tempfile.mkdtemp(dir=os.environ["WORK"])
    clock = os.path.join(folder, "clock")

    def jump(offset):
        with open(clock + ".new", "w") as file:
            file.write(offset + "\n")
        os.rename(clock + ".new", clock)

    jump("+0")
    config = os.path.join(folder, "config.toml")
    with open(config, "w") as file:
        file.write(
            '[proxy]\nlisten = "127.0.0.1:0"\n[admin]\nlisten = "127.0.0.1:0"\n[logs]\nformat = "json"\n'
            f'[[server]]\nname = "stub"\npath = "/stub"\nurl = "http://127.0.0.1:{server.server_port}/mcp"\n'
        )
    (library,) = glob.glob(os.environ["WORK"] + "/faketime/usr/lib/*/faketime/libfaketimeMT.so.1")
    environment = dict(
        os.environ,
        LD_PRELOAD=library,
        FAKETIME_TIMESTAMP_FILE=clock,
        FAKETIME_NO_CACHE="1",
        FAKETIME_DONT_FAKE_MONOTONIC="1",
    )
    program = subprocess.Popen(
        [os.environ["SIGHTGLASS"], "serve", "--config", config], stdout=subprocess.PIPE, env=environment, text=True
    )
    try:
        started = json.loads(program.stdout.readline())
        lines = []
        reader = threading.Thread(target=lambda: lines.extend(map(json.loads, program.stdout)))
        reader.start()
        proxy, admin = started["listen"][0], started["admin"]
        statuses, ends = [], []
        for offset in JUMPS:
            slow = threading.Thread(target=lambda: statuses.append(call(proxy, "/stub/slow")))
            slow.start()
            time.sleep(0.3)
            jump(offset)
            slow.join()
            statuses += [call(proxy, "/stub") for _ in range(CALLS)]
            # What the two clocks showed together stands for a second.
            time.sleep(1.2)
            statuses.append(call(proxy, "/stub"))
            ends.append(len(statuses))
        scraped = http.client.HTTPConnection(admin)
        scraped.request("GET", "/metrics")
        page = scraped.getresponse().read().decode()
    finally:
        program.terminate()
        code = program.wait()
    reader.join()

    def metric(name):
        return sum(float(line.rsplit(" ", 1)[1]) for line in page.splitlines() if line.startswith(name + "{"))

    calls = [line for line in lines if line["event"] == "tool_invocation"]
    check("every call is answered", statuses == [200] * len(statuses), statuses)
    check("every call is counted", metric("mcp_requests_total") == len(statuses), metric("mcp_requests_total"))
    check("every call has its line", len(calls) == len(statuses), len(calls))
    check("nothing is dropped", metric("mcp_proxy_dropped_total") == 0, "mcp_proxy_dropped_total")
    # Far from both: a jump is of 30 seconds at least, and a call of 30 would be a failure of the machine.
    longest = max(line["duration_ms"] for line in calls)
    summed = metric("mcp_request_duration_seconds_sum")
    check("no call takes longer for a jump", 1000 <= longest < 30_000, longest)
    check("nor do all of them", len(JUMPS) <= summed < len(statuses) * 30, summed)
    wrong = []
    for offset, end in zip(JUMPS, ends):
        told = datetime.datetime.fromisoformat(calls[end - 1]["timestamp"].rstrip("Z"))
        days = int(offset[:-1]) if offset.endswith("d") else 0
        if abs(told - (datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None) + days * DAY)) > DAY:
            wrong.append((offset, str(told)))
    check("lines go by the clock as it is", not wrong, wrong)
    check("it ends as if nothing had been", code == 0, code)


main()
