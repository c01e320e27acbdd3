from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
RULES: list[dict[str, Any]] = yaml.safe_load((DEPLOY / "alerts.yml").read_text(encoding="utf-8"))[
    "groups"
][0]["rules"]
NAMES = {rule["alert"] for rule in RULES}
CASES = yaml.safe_load((ROOT / "tests/deploy/alerts_test.yml").read_text(encoding="utf-8"))["tests"]


def read(name: str) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((DEPLOY / name).read_text(encoding="utf-8"))
    return document


def run(tool: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    found = shutil.which(tool)
    if found is None:
        pytest.skip(f"{tool} is not installed; scripts/install_promtool.sh does it")
    return subprocess.run([found, *arguments], cwd=ROOT, capture_output=True, text=True)


def without_kubernetes(folder: Path, targets: list[dict[str, Any]]) -> Path:
    """Write the cluster's configuration with a file in place of the API, which Debian's lacks."""
    config = read("prometheus-kubernetes.yml")
    (job,) = config["scrape_configs"]
    del job["kubernetes_sd_configs"]
    (folder / "pods.json").write_text(json.dumps(targets))
    job["file_sd_configs"] = [{"files": [str(folder / "pods.json")]}]
    config["rule_files"] = [str(DEPLOY / "alerts.yml")]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config, sort_keys=False))
    return folder / "prometheus.yml"


def test_configuration_is_valid(tmp_path: Path) -> None:
    for file in ("deploy/prometheus.yml", str(without_kubernetes(tmp_path, []))):
        result = run("promtool", "check", "config", "--lint=all", "--lint-fatal", file)
        assert result.returncode == 0, result.stdout + result.stderr


def test_rules_are_valid() -> None:
    result = run("promtool", "check", "rules", "--lint=all", "--lint-fatal", "deploy/alerts.yml")
    assert result.returncode == 0, result.stdout + result.stderr


def test_alerts_fire_when_they_should_and_only_then() -> None:
    result = run("promtool", "test", "rules", "tests/deploy/alerts_test.yml")
    assert result.returncode == 0, result.stdout + result.stderr


def exported() -> dict[str, str]:
    """Return the type of each metric of the service by the name that a rule asks for."""
    from prometheus_client import CollectorRegistry

    from churn_pipeline.serving.metrics import Metrics

    registry = CollectorRegistry()
    Metrics(registry)
    ending = {"counter": "_total", "histogram": "_bucket"}
    return {f.name + ending.get(f.type, ""): f.type for f in registry.collect()}


@pytest.mark.parametrize("rule", RULES, ids=[rule["alert"] for rule in RULES])
def test_alerts_ask_for_metrics_that_the_service_has(rule: dict[str, Any]) -> None:
    asked = set(re.findall(r"\bchurn_\w+", rule["expr"]))
    assert asked or "up{" in rule["expr"]
    assert asked <= set(exported())


@pytest.mark.parametrize("rule", RULES, ids=[rule["alert"] for rule in RULES])
def test_an_increase_counts_what_a_new_counter_begins_with(rule: dict[str, Any]) -> None:
    """A counter that is 0 from the start, as that of restarts, needs no help."""
    expression = rule["expr"]
    for counter, matchers, window in re.findall(
        r"\bincrease\((\w+)(\{[^}]*\})?\[(\w+)\]\)", expression
    ):
        if counter != "churn_worker_restarts_total":
            series = counter + matchers
            born = rf"{re.escape(series)}\s+unless\s+{re.escape(series)}\s+offset\s+{window}\b"
            assert re.search(born, expression), f"{series} over {window}"


def routes_that_score() -> tuple[set[str], set[str]]:
    """Return the paths that score customers, and the other ones that need a key."""
    from churn_pipeline.serving.http.management import Management
    from churn_pipeline.serving.http.native import NativeRoutes
    from churn_pipeline.serving.http.scoring import Scoring

    nothing: Any = None  # no request is answered here
    scoring = Scoring(nothing)
    parts = (scoring, NativeRoutes(nothing, scoring, 0), Management(nothing))
    routes = [route for part in parts for route in part.routes]
    score = {route.path for route in routes if route.scope in ("score", "explain")}
    return score, {route.path for route in routes} - score


def test_alerts_on_scores_count_the_fast_and_the_native_routes_and_no_others() -> None:
    score, others = routes_that_score()
    single = {path for path in score if not path.endswith("batch")}
    assert {"/v1/score/batch", "/explain_batch"} <= score - single
    asked = {
        rule["alert"]: {
            frozenset(path for path in score | others if re.fullmatch(pattern, path))
            for pattern in re.findall(r'route=~"([^"]+)"', rule["expr"])
        }
        for rule in RULES
        if re.search(r"\broute\b", rule["expr"])
    }
    assert asked == {"ChurnSilent": {frozenset(score)}, "ChurnSlow": {frozenset(single)}}


def test_every_metric_is_in_the_documentation() -> None:
    described = (ROOT / "docs/serving.md").read_text(encoding="utf-8")
    missing = {name.removesuffix("_bucket") for name in exported()} - set(
        re.findall(r"`(churn_\w+)`", described)
    )
    assert not missing


def test_every_alert_has_a_case_that_fires_and_one_that_does_not() -> None:
    cases = [case for test in CASES for case in test["alert_rule_test"]]
    assert {case["alertname"] for case in cases if case["exp_alerts"]} == NAMES
    assert {case["alertname"] for case in cases if not case["exp_alerts"]} == NAMES


def test_every_alert_has_a_runbook() -> None:
    for rule in RULES:
        page = ROOT / rule["annotations"]["runbook_url"]
        assert page.name == f"{rule['alert']}.md"
        text = page.read_text(encoding="utf-8")
        assert text.startswith(f"# {rule['alert']}\n")
        for part in ("Means", "First look", "Causes", "Remedy", "Verify"):
            assert f"**{part}.**" in text, f"{page.name} does not say: {part}"
    pages = {page.stem for page in (ROOT / "docs/runbooks").glob("Churn*.md")}
    assert pages == NAMES


def test_the_index_of_the_runbooks_says_how_urgent_each_alert_is() -> None:
    index = (ROOT / "docs/runbooks/README.md").read_text(encoding="utf-8")
    listed = dict(re.findall(r"\| \[(\w+)\]\(\1\.md\) \| (\w+) \|", index))
    assert listed == {rule["alert"]: rule["labels"]["severity"] for rule in RULES}


@pytest.mark.parametrize("name", ["prometheus.yml", "prometheus-kubernetes.yml"])
def test_prometheus_knows_rules_and_alertmanager(name: str) -> None:
    config = read(name)
    assert config["rule_files"] == ["alerts.yml"]
    (manager,) = config["alerting"]["alertmanagers"]
    (target,) = manager["static_configs"][0]["targets"]
    assert target.endswith("alertmanager:9093")


def pod(name: str, **labels: str) -> dict[str, Any]:
    """A target as Prometheus makes of a pod's port, by its API's description."""
    given = {
        "namespace": "shop",
        "pod_name": name,
        "pod_phase": "Running",
        "pod_container_port_name": "http",
        "pod_label_app_kubernetes_io_name": "churn",
        **labels,
    }
    meta = {f"__meta_kubernetes_{key}": value for key, value in given.items()}
    return {"targets": ["10.0.0.7:3000"], "labels": meta}


def test_in_a_cluster_the_pods_get_the_job_that_the_rules_ask_for(tmp_path: Path) -> None:
    pods = [
        pod("churn-1"),
        pod("churn-2", pod_phase="Pending"),
        pod("churn-evicted", pod_phase="Failed"),
        pod("churn-done", pod_phase="Succeeded"),
        pod("churn-3", pod_container_port_name="debug"),
    ]
    config = without_kubernetes(tmp_path, pods)
    (job,) = yaml.safe_load(config.read_text())["scrape_configs"]
    command = ("check", "service-discovery", "--timeout=2s", str(config), job["job_name"])
    result = run("promtool", *command)
    assert result.returncode == 0, result.stderr
    found = [target["labels"] for target in json.loads(result.stdout) if target.get("labels")]
    seen = {(labels["job"], labels["namespace"], labels["instance"]) for labels in found}
    assert seen == {("churn", "shop", "churn-1"), ("churn", "shop", "churn-2")}


def test_a_prometheus_operator_gets_the_same_job_and_rules() -> None:
    (endpoint,) = read("podmonitor.yaml")["spec"]["podMetricsEndpoints"]
    assert {"targetLabel": "job", "replacement": "churn"} in endpoint["relabelings"]
    page = (ROOT / "docs/deployment.md").read_text(encoding="utf-8")
    (command,) = re.findall(r"^(\{ printf .*?\}) \| kubectl apply", page, re.M | re.S)
    made = subprocess.run(
        ["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, check=True
    )
    document = yaml.safe_load(made.stdout)
    assert (document["kind"], document["metadata"]) == ("PrometheusRule", {"name": "churn"})
    assert document["spec"] == read("alerts.yml")


def test_alertmanager_accepts_its_configuration() -> None:
    result = run("amtool", "check-config", "deploy/alertmanager.yml")
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("rule", RULES, ids=[rule["alert"] for rule in RULES])
def test_who_hears_of_an_alert(rule: dict[str, Any]) -> None:
    labels = [f"{key}={value}" for key, value in rule["labels"].items()]
    config = "--config.file=deploy/alertmanager.yml"
    result = run("amtool", "config", "routes", "test", config, *labels)
    assert result.stdout.split() == [rule["labels"]["severity"] + "s"], result.stderr


def test_inhibitions_name_alerts_and_labels_that_exist() -> None:
    inhibitions = read("alertmanager.yml")["inhibit_rules"]
    assert inhibitions
    for inhibition in inhibitions:
        for side in ("source_matchers", "target_matchers"):
            (matcher,) = inhibition[side]
            names = re.fullmatch(r'alertname=~?"([\w|]+)"', matcher)
            assert names, matcher
            assert set(names[1].split("|")) <= NAMES
        assert "service" in inhibition["equal"]
    assert all(rule["labels"]["service"] == "churn" for rule in RULES)


def keys_of(document: Any) -> set[str]:
    if isinstance(document, list):
        return set().union(*map(keys_of, document))
    if isinstance(document, dict):
        return set(document) | keys_of(list(document.values()))
    return set()


def test_the_sample_route_holds_no_secret() -> None:
    secret = re.compile(r".*(password|secret|token|credentials|_key|api_url)")
    assert not {key for key in keys_of(read("alertmanager.yml")) if secret.fullmatch(key)}
