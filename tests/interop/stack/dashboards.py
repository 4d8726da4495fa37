"""Are dashboards what Grafana takes? Its own SDK reads and writes them with nothing lost, its own types fit them.

    python dashboards.py

Needs $SIGHTGLASS, $NODE and $WORK. Prints `pass: …` and `FAIL: …`.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from monitoring import WORK, assets

failed = False


def verdict(name: str, complaints: list[str], done: str) -> None:
    global failed
    failed |= bool(complaints)
    print(f"FAIL: {name}: {'; '.join(complaints)}" if complaints else f"pass: {name}, {done}", flush=True)


def main() -> int:
    WORK.mkdir(parents=True, exist_ok=True)
    register_default_plugins()
    boards = sorted((assets(WORK / "assets") / "grafana" / "dashboards").glob("*.json"))
    for board in boards:
        written = json.loads(board.read_text())
        again = json.loads(JSONEncoder(sort_keys=True).encode(Dashboard.from_json(written)))
        panels = sum(panel["type"] != "row" for panel in written["panels"])
        verdict(f"dashboards, {board.stem}, Grafana Foundation SDK", list(lost(written, again, board.stem)), f"{panels} panels")
    verdict("dashboards, Grafana's types", types(boards[0].parent), f"{len(boards)} dashboards")
    wrong = WORK / "wrong"
    wrong.mkdir(exist_ok=True)
    for old, new in (('"displayMode": "list"', '"displayMode": "lst"'), ('"drawStyle"', '"drawStile"'), ('"gridPos"', '"gridPosition"')):
        text = boards[0].read_text()
        assert old in text
        (wrong / boards[0].name).write_text(text.replace(old, new, 1))
        verdict(f"dashboards, Grafana's types find {new}", [] if types(wrong) else ["they do not"], "1 of 1")
    return 1 if failed else 0


def lost(ours: Any, theirs: Any, path: str) -> Iterator[str]:
    """What of ours is not in theirs, or is otherwise; what they add are defaults."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key, value in ours.items():
            if key in theirs:
                yield from lost(value, theirs[key], f"{path}.{key}")
            else:
                yield f"{path}.{key} is lost"
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for at, (mine, other) in enumerate(zip(ours, theirs)):
            yield from lost(mine, other, f"{path}[{at}]")
    elif ours != theirs:
        yield f"{path}: {ours!r} becomes {theirs!r}"


def types(folder: Path) -> list[str]:
    command = [os.environ["NODE"], str(WORK / "node" / "types.mjs"), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True)
    return [done.stdout + done.stderr] if done.returncode else []


if __name__ == "__main__":
    sys.exit(main())
