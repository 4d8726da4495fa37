"""Do rules and routes do what they should? promtool plays a story of each rule, amtool says where each alert goes.

    python rules.py

Needs $SIGHTGLASS and $WORK. Prints `pass: …` and `FAIL: …`.
"""

import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import units
from monitoring import BIN, ROOT, WORK, assets
from verdicts import outcome, verdict

ROUTES = {"P0": "pager", "P1": "pager,chat", "P2": "chat", "P3": "digest"}
"""By priority; of P1 the hour decides, which `alerting.py` tries."""


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(part) for part in command], capture_output=True, text=True)


def complaint(done: subprocess.CompletedProcess[str]) -> list[str]:
    said = re.sub(r"\n{2,}", "\n", done.stdout + done.stderr)
    return [said] if done.returncode else []


def main() -> int:
    WORK.mkdir(parents=True, exist_ok=True)
    folder = assets(WORK / "assets")
    files = sorted(folder.glob("prometheus/rules/*.yaml"))
    verdict(
        "rules, promtool check",
        complaint(run(BIN / "promtool", "check", "rules", "--lint=all", "--lint-fatal", *files)),
        f"{len(files)} files",
    )
    known = units.rules(folder)
    alerts = [rule for rule in known if "alert" in rule]
    verdict("rules, each has a story", units.untold(known), f"{len(alerts)} alerts, {len(known) - len(alerts)} records")
    less = [rule for rule in known if rule.get("alert") != "McpCallStuck"] + [
        {"record": "mcp:nothing:rate5m", "expr": "1"}
    ]
    verdict("rules, one without a story is found", [] if len(units.untold(less)) >= 2 else ["it is not"], "2 of 2")
    with ThreadPoolExecutor(2) as pool:
        tests = units.files(folder, WORK)
        for file, done in zip(
            tests, pool.map(lambda file: run(BIN / "promtool", "test", "rules", file), tests), strict=True
        ):
            verdict(
                f"rules, promtool test, a value every {file.stem.removeprefix('units-')}",
                complaint(done),
                f"{file.read_text().count('- name: ')} stories",
            )
    changed()
    routes()
    return outcome()


def changed() -> None:
    """Stories that do not notice other thresholds would be none."""
    other = assets(
        WORK / "assets-other",
        "--threshold",
        "tool_error_ratio=0.5",
        "--threshold",
        "memory_ratio=0.99",
        "--threshold",
        "cost_factor=9",
    )
    (WORK / "other").mkdir(exist_ok=True)
    names = ("McpToolErrorRatioHigh", "McpMemoryHigh", "McpCostSpike")
    deaf = [
        name
        for name in names
        for file in units.files(other, WORK / "other", only={name})
        if run(BIN / "promtool", "test", "rules", file).returncode == 0
    ]
    verdict(
        "rules, stories notice another threshold",
        [f"not that of {name}" for name in deaf],
        f"{len(names)} of {len(names)}",
    )


def routes() -> None:
    configuration = ROOT / "docker" / "alertmanager" / "alertmanager.yaml"
    verdict(
        "alertmanager, amtool check-config",
        complaint(run(BIN / "amtool", "check-config", configuration)),
        "the stack's",
    )
    for priority, receivers in ROUTES.items():
        asked = ("config", "routes", "test", f"--config.file={configuration}", f"--verify.receivers={receivers}")
        done = run(BIN / "amtool", *asked, f"priority={priority}", "alertname=McpAny", "server=a")
        verdict(f"alertmanager, amtool routes test, {priority}", complaint(done), receivers)
    wrong = run(
        BIN / "amtool",
        "config",
        "routes",
        "test",
        f"--config.file={configuration}",
        "--verify.receivers=chat",
        "priority=P0",
    )
    verdict("alertmanager, a wrong route is found", [] if wrong.returncode else ["it is not"], "1 of 1")
    silence = run("sh", "-n", ROOT / "docker" / "alertmanager" / "silence")
    verdict("alertmanager, the script of silences", complaint(silence), "it parses")


if __name__ == "__main__":
    sys.exit(main())
