"""The stories of rules/*.yaml as `promtool test rules` reads them, and whether no rule is without one."""

import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
LABEL = re.compile(r"\{\{ \$labels\.(\w+) \}\}")

Rule = dict[str, Any]


def groups(folder: Path) -> list[dict[str, Any]]:
    """All groups of rules of Prometheus that `sightglass assets` wrote, what others build on first."""
    files = [folder / "prometheus" / "rules" / name for name in ("recording.yaml", "alerts.yaml")]
    return [group for file in files for group in yaml.safe_load(file.read_text())["groups"]]


def rules(folder: Path) -> list[Rule]:
    return [rule for group in groups(folder) for rule in group["rules"]]


def stories(kind: str) -> Any:
    # As text: to YAML, `0x10` would be 16.
    return yaml.load((HERE / "rules" / f"{kind}.yaml").read_text(), Loader=yaml.BaseLoader)


def untold(known: list[Rule]) -> list[str]:
    """What is wrong with the stories themselves: rules without one, stories without a rule, half a story."""
    told_records = {record for story in stories("records") for record, samples in story["expect"].items() if samples}
    told_alerts = stories("alerts")
    records = {rule["record"] for rule in known if "record" in rule}
    alerts = {rule["alert"] for rule in known if "alert" in rule}
    complaints = [f"no story of {name}" for name in sorted((records - told_records) | (alerts - told_alerts.keys()))]
    complaints += [
        f"a story of {name}, which is no rule"
        for name in sorted((told_records - records) | (told_alerts.keys() - alerts))
    ]
    fired: dict[str, set[str]] = defaultdict(set)
    for name, told in told_alerts.items():
        for story in told if name in alerts else []:
            fired[name] |= {
                str(variant(known, name, alert)) for said in story.get("fires", {}).values() for alert in said
            }
        whole = [story for story in told if story.get("fires")]
        if not any(before_and_after(story) for story in whole):
            complaints.append(f"{name} is never silent, fires, and is silent again")
    for rule in known:
        if "alert" in rule and str(rule) not in fired[rule["alert"]]:
            complaints.append(f"{rule['alert']}, {rule['labels']}: no story in which it fires")
    return complaints


def before_and_after(story: dict[str, Any]) -> bool:
    silent = [seconds(time) for time in story["silent"]]
    fires = [seconds(time) for time in story["fires"]]
    return min(silent) < min(fires) and max(silent) > max(fires)


def variant(known: list[Rule], name: str, said: dict[str, Any]) -> Rule:
    """The rule that says this: several may have one name, and differ in a label."""
    fitting = [
        rule
        for rule in known
        if rule.get("alert") == name
        and all(rule["labels"].get(key, said[key]) == said[key] for key in ("severity", "outage") if key in said)
    ]
    if len(fitting) != 1:
        raise ValueError(f"{name}: {len(fitting)} rules say {said}")
    return fitting[0]


def files(assets: Path, folder: Path, only: set[str] | None = None) -> list[Path]:
    """Writes the tests, a file for each step, which is how often rules are evaluated, too; or those of `only` some alerts."""
    known = rules(assets)
    head = {
        "rule_files": [str(path) for path in sorted(assets.glob("prometheus/rules/*.yaml"))],
        "group_eval_order": [group["name"] for group in groups(assets)],
    }
    by_step: dict[str, list[Any]] = defaultdict(list)
    for name, told in stories("alerts").items():
        for story in told if only is None or name in only else []:
            by_step[story.get("step", "1m")].append(alert_test(known, name, story))
    for story in stories("records") if only is None else []:
        by_step[story.get("step", "1m")].append(record_test(story))
    written = []
    for step, tests in by_step.items():
        file = folder / f"units-{step}.yaml"
        content = {**head, "evaluation_interval": step, "tests": tests}
        file.write_text(yaml.safe_dump(content, sort_keys=False, width=200))
        written.append(file)
    return written


def series(story: dict[str, Any]) -> list[dict[str, str]]:
    return [{"series": name, "values": values} for name, values in story["series"].items()]


def alert_test(known: list[Rule], name: str, story: dict[str, Any]) -> dict[str, Any]:
    times = [(time, []) for time in story["silent"]] + list(story.get("fires", {}).items())
    checks = [
        {"eval_time": time, "alertname": name, "exp_alerts": [expected(known, name, said) for said in alerts]}
        for time, alerts in times
    ]
    about = f"{name}: {story.get('about', 'as it should')}"
    return {
        "name": about,
        "interval": story.get("step", "1m"),
        "input_series": series(story),
        "alert_rule_test": checks,
    }


def expected(known: list[Rule], name: str, said: dict[str, Any]) -> dict[str, Any]:
    rule = variant(known, name, said)
    own = {key: value for key, value in said.items() if key != "summary"}
    annotations = {
        key: LABEL.sub(lambda label: str(own.get(label[1], "")), text) for key, text in rule["annotations"].items()
    }
    annotations["summary"] = said["summary"]
    return {"exp_labels": {**own, **rule["labels"]}, "exp_annotations": annotations}


def record_test(story: dict[str, Any]) -> dict[str, Any]:
    checks = [
        {
            "expr": f"round({record} * 100000) / 100000",
            "eval_time": story["at"],
            "exp_samples": [{"labels": labels, "value": float(value)} for labels, value in samples.items()],
        }
        for record, samples in story["expect"].items()
    ]
    return {
        "name": story["about"],
        "interval": story.get("step", "1m"),
        "input_series": series(story),
        "promql_expr_test": checks,
    }


def seconds(duration: str) -> int:
    units = {"d": 86400, "h": 3600, "m": 60, "s": 1}
    return sum(int(number) * units[unit] for number, unit in re.findall(r"(\d+)([dhms])", duration))
