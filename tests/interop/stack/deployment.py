"""Is what deploys it valid? The chart by helm and the schemas of Kubernetes, the stack by compose itself.

    python deployment.py

Needs $SIGHTGLASS, $NODE and $WORK. Prints `pass: …` and `FAIL: …`.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import compose
import yaml
from monitoring import BIN, ROOT, WORK, assets
from verdicts import outcome, verdict

CHART = ROOT / "deploy" / "helm" / "sightglass"
HELM = WORK / "bin" / "helm"
COMPOSE = Path(compose.__file__).with_name("docker-compose")

CORE = {"sightglass", "everything", "traffic", "prometheus", "grafana"}
FULL = CORE | {"alertmanager", "runbooks", "loki", "alloy", "tempo", "blackbox"}
KINDS = {
    "ConfigMap",
    "CronJob",
    "Deployment",
    "HorizontalPodAutoscaler",
    "Ingress",
    "Job",
    "NetworkPolicy",
    "PodDisruptionBudget",
    "PrometheusRule",
    "Service",
    "ServiceAccount",
    "ServiceMonitor",
}


def main() -> int:
    chart()
    stack()
    return outcome()


def run(*command: str | Path, said: str | None = None, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in command], input=said, capture_output=True, text=True, env={**os.environ, **more}
    )


def template(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    # Releases are rendered as upgrades, so that their hooks are there.
    return run(HELM, "template", "mcp", CHART, "--kube-version", "1.31", "--is-upgrade", *arguments)


def chart() -> None:
    linted = run(HELM, "lint", "--strict", CHART, "--values", CHART / "ci" / "full-values.yaml")
    verdict("chart, helm lint", [] if linted.returncode == 0 else [linted.stdout + linted.stderr], "with everything on")
    named: list[tuple[str, Any]] = []
    values: dict[str, list[str | Path]] = {
        "by default": [],
        "with everything": ["--values", CHART / "ci" / "full-values.yaml"],
    }
    for name, arguments in values.items():
        rendered = template(*arguments)
        if rendered.returncode != 0:
            verdict(f"chart, {name}", [rendered.stderr], "")
            return
        named += [(f"chart {name}", manifest) for manifest in yaml.safe_load_all(rendered.stdout) if manifest]
    for file in sorted((ROOT / "deploy" / "examples").glob("*.yaml")):
        documents = [document for document in yaml.safe_load_all(file.read_text()) if document]
        named += [(file.name, document) for document in documents if "kind" in document]
    judged = judge(named)
    missing = KINDS - {manifest["kind"] for _, manifest in named}
    verdict(
        "chart and examples, schemas",
        judged + [f"no {kind} was made" for kind in missing],
        f"{len(named)} manifests of {len(KINDS)} kinds",
    )
    wrong = json.loads(json.dumps(next(manifest for _, manifest in named if manifest["kind"] == "Deployment")))
    wrong["spec"]["template"]["spec"]["containers"][0]["imge"] = "x"
    verdict("chart and examples, a wrong field is found", [] if judge([("wrong", wrong)]) else ["it is not"], "1 of 1")
    refused = [
        argument
        for argument in (
            "replicaCount=0",
            "service.sessionAffinity=Sticky",
            "unknown=1",
            "prometheusRule.runbooks=nowhere",
        )
        if template("--set", argument).returncode == 0
    ]
    verdict("chart, wrong values are refused", [f"{argument} is not" for argument in refused], "4 of 4")
    rules(named)


def judge(named: list[tuple[str, Any]]) -> list[str]:
    done = run(os.environ["NODE"], WORK / "node" / "manifests.mjs", said=json.dumps(named))
    return [line for line in (done.stdout + done.stderr).splitlines() if line] if done.returncode else []


def rules(named: list[tuple[str, Any]]) -> None:
    """What the chart hands to the operator is what `promtool` takes, and what `--set-file` gives in its place."""
    made = {
        manifest["metadata"]["name"]: manifest["spec"] for _, manifest in named if manifest["kind"] == "PrometheusRule"
    }
    complaints = []
    for name, spec in made.items():
        file = WORK / f"{name}.yaml"
        file.write_text(yaml.safe_dump(spec))
        done = run(BIN / "promtool", "check", "rules", file)
        complaints += [done.stdout + done.stderr] if done.returncode else []
    text = json.dumps(made)
    complaints += [f"{address} is still there" for address in ("localhost:8000", "localhost:3000") if address in text]
    own = assets(WORK / "assets-own", "--threshold", "tool_error_ratio=0.42") / "prometheus" / "rules" / "alerts.yaml"
    rendered = template("--set", "prometheusRule.enabled=true", "--set-file", f"prometheusRule.alerts={own}")
    complaints += [] if "> 0.42" in rendered.stdout else ["other rules are not taken"]
    verdict("chart, rules", complaints, f"{len(made)} resources, other addresses, other thresholds")


def stack() -> None:
    file = ROOT / "docker" / "compose.yaml"
    for profile, expected in (("core", CORE), ("full", FULL)):
        done = run(COMPOSE, "--file", file, "config", "--format", "json", COMPOSE_PROFILES=profile)
        if done.returncode != 0:
            verdict(f"compose, {profile}", [done.stderr], "")
            continue
        services = json.loads(done.stdout)["services"]
        complaints = [f"{name} is {'missing' if name in expected else 'there'}" for name in expected ^ services.keys()]
        complaints += [
            f"{name}: its version is not pinned"
            for name, service in services.items()
            if ":" not in service["image"] or service["image"].endswith(":latest")
        ]
        complaints += [
            f"{name}: there is no {mount['source']}"
            for name, service in services.items()
            for mount in service.get("volumes", [])
            if mount["type"] == "bind"
            and not mount["source"].endswith("docker.sock")
            and not Path(mount["source"]).exists()
        ]
        verdict(f"compose, {profile}", complaints, f"{len(services)} services")
    checked = run(
        BIN / "promtool", "check", "config", "--syntax-only", ROOT / "docker" / "prometheus" / "prometheus.yaml"
    )
    verdict(
        "the stack's Prometheus",
        [] if checked.returncode == 0 else [checked.stdout + checked.stderr],
        "promtool check config",
    )
    # Debian's build knows no Kubernetes: where pods come from is left out, what is made of them is checked.
    example = yaml.safe_load((ROOT / "deploy" / "examples" / "prometheus-probe.yaml").read_text())
    for job in example["scrape_configs"]:
        job.pop("kubernetes_sd_configs", None)
    file = WORK / "example.yaml"
    file.write_text(yaml.safe_dump(example))
    examples = run(BIN / "promtool", "check", "config", "--syntax-only", file)
    verdict(
        "the example of scraping",
        [] if examples.returncode == 0 else [examples.stdout + examples.stderr],
        "promtool check config",
    )
    others = [
        ROOT / "docker" / path
        for path in (
            "loki/loki.yaml",
            "tempo/tempo.yaml",
            "blackbox/blackbox.yaml",
            "loki/rules/sightglass.yaml",
            "grafana/provisioning/datasources/sightglass.yaml",
            "grafana/provisioning/dashboards/sightglass.yaml",
        )
    ]
    verdict(
        "the stack's other files",
        [str(path) for path in others if not isinstance(yaml.safe_load(path.read_text()), dict)],
        f"{len(others)} are YAML",
    )


if __name__ == "__main__":
    sys.exit(main())
