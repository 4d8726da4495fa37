"""Are dashboards what Grafana takes? Its own SDK reads and writes them with nothing lost, its own types fit them.

    python dashboards.py

Needs $SIGHTGLASS, $NODE and $WORK. Prints `pass: …` and `FAIL: …`.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard
from monitoring import ROOT, WORK, assets
from verdicts import outcome, verdict


def main() -> int:
    WORK.mkdir(parents=True, exist_ok=True)
    register_default_plugins()
    boards = sorted((assets(WORK / "assets") / "grafana" / "dashboards").glob("*.json"))
    for board in boards:
        written = json.loads(board.read_text())
        again = json.loads(JSONEncoder(sort_keys=True).encode(Dashboard.from_json(written)))
        panels = sum(panel["type"] != "row" for panel in written["panels"])
        verdict(
            f"dashboards, {board.stem}, Grafana Foundation SDK",
            list(lost(written, again, board.stem)),
            f"{panels} panels",
        )
    lines(boards)
    verdict("dashboards, Grafana's types", types(boards[0].parent), f"{len(boards)} dashboards")
    wrong = WORK / "wrong"
    wrong.mkdir(exist_ok=True)
    for old, new in (
        ('"displayMode": "list"', '"displayMode": "lst"'),
        ('"drawStyle"', '"drawStile"'),
        ('"gridPos"', '"gridPosition"'),
    ):
        text = boards[0].read_text()
        assert old in text
        (wrong / boards[0].name).write_text(text.replace(old, new, 1))
        verdict(f"dashboards, Grafana's types find {new}", [] if types(wrong) else ["they do not"], "1 of 1")
    return outcome()


def lost(ours: Any, theirs: Any, path: str) -> Iterator[str]:
    """What of ours is not in theirs, or is otherwise; what they add are defaults."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key, value in ours.items():
            if key in theirs:
                yield from lost(value, theirs[key], f"{path}.{key}")
            else:
                yield f"{path}.{key} is lost"
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for at, (mine, other) in enumerate(zip(ours, theirs, strict=True)):
            yield from lost(mine, other, f"{path}[{at}]")
    elif ours != theirs:
        yield f"{path}: {ours!r} becomes {theirs!r}"


def lines(boards: list[Path]) -> None:
    """Whether everything that is asked of Loki parses, and chooses streams by the labels that Alloy makes alone."""
    rules = yaml.safe_load((WORK / "assets" / "loki" / "rules" / "sightglass.yaml").read_text())
    asked = [rule["expr"] for group in rules["groups"] for rule in group["rules"]]
    for board in map(json.loads, (file.read_text() for file in boards)):
        targets = [target for panel in board["panels"] for target in panel.get("targets", [])] + board["annotations"][
            "list"
        ]
        asked += [
            target["expr"].replace("$server", ".*") for target in targets if target["datasource"]["type"] == "loki"
        ]
    pages = (ROOT / "docs" / "stack.md").read_text(), (ROOT / "docs" / "runbooks" / "McpLogErrorSpike.md").read_text()
    asked += [
        found.replace("\\|", "|")
        for page in pages
        for found in re.findall(r"`((?:sum by[^`]*)?\{(?:level|event|server)=[^`]*)`", page)
    ]
    labels = set(
        re.findall(
            r"(\w+) = \"\"",
            re.search(
                r"stage\.labels \{(.*?)\n  \}", (ROOT / "docker" / "alloy" / "config.alloy").read_text(), re.DOTALL
            )[1],
        )
    )
    complaints = [f"{text}: {said['fault']}" for text, said in zip(asked, logql(asked), strict=True) if said["fault"]]
    complaints += [
        f"{text}: {label} is no label"
        for text, said in zip(asked, logql(asked), strict=True)
        for label in said["labels"]
        if label not in labels
    ]
    verdict(
        "dashboards, rules and pages, LogQL", complaints, f"{len(asked)} expressions, by {', '.join(sorted(labels))}"
    )
    wrong = logql(['{level="error"', "{pod=~`x`}"])
    verdict(
        "dashboards, rules and pages, wrong LogQL is found",
        [] if wrong[0]["fault"] and wrong[1]["labels"] == ["pod"] else ["it is not"],
        "2 of 2",
    )


def logql(texts: list[str]) -> list[dict[str, Any]]:
    command = [os.environ["NODE"], str(WORK / "node" / "logql.mjs")]
    done = subprocess.run(command, input=json.dumps(texts), capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def types(folder: Path) -> list[str]:
    command = [os.environ["NODE"], str(WORK / "node" / "types.mjs"), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True)
    return [done.stdout + done.stderr] if done.returncode else []


if __name__ == "__main__":
    sys.exit(main())
