from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from churn_pipeline.serving.http.listening import DRAIN_SECONDS
from churn_pipeline.serving.settings import ServingSettings, load_settings

ROOT = Path(__file__).parents[2]
PATH = ROOT / "deploy" / "kubernetes.yaml"


def documents(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(PATH.with_name(name).read_text(encoding="utf-8")))


DOCUMENTS = documents("kubernetes.yaml")
MONITORING = documents("kubernetes-monitoring.yaml")
(CLAIM,) = documents("kubernetes-state.yaml")
EVERYTHING = [*DOCUMENTS, *MONITORING, CLAIM]
# preStop.sleep is on by default from 1.30 on
OLDEST = "1.30"


def kind(name: str) -> dict[str, Any]:
    return next(document for document in DOCUMENTS if document["kind"] == name)


def template() -> dict[str, Any]:
    return kind("Deployment")["spec"]["template"]


def container() -> dict[str, Any]:
    (only,) = template()["spec"]["containers"]
    return only


@pytest.mark.parametrize("version", [OLDEST, kubernetes_validate.latest_version()])
@pytest.mark.parametrize(
    "document", EVERYTHING, ids=[f"{d['kind']}-{d['metadata']['name']}" for d in EVERYTHING]
)
def test_every_document_is_valid(document: dict[str, Any], version: str) -> None:
    kubernetes_validate.validate(document, version, strict=True)


def test_a_misspelt_key_would_be_found() -> None:
    broken = yaml.safe_load(yaml.safe_dump(kind("Deployment")))
    broken["spec"]["template"]["spec"]["containers"][0]["readynessProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, OLDEST, strict=True)


def test_every_selector_finds_the_pods() -> None:
    labels = template()["metadata"]["labels"].items()
    spread = template()["spec"]["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"]
    selectors = [
        kind("Deployment")["spec"]["selector"]["matchLabels"],
        kind("PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        kind("NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
        kind("Service")["spec"]["selector"],
        spread,
    ]
    for selector in selectors:
        assert selector
        assert selector.items() <= labels


def test_the_autoscaler_scales_the_deployment_and_the_budget_leaves_room() -> None:
    autoscaler = kind("HorizontalPodAutoscaler")["spec"]
    assert autoscaler["scaleTargetRef"]["name"] == kind("Deployment")["metadata"]["name"]
    assert autoscaler["minReplicas"] == kind("Deployment")["spec"]["replicas"] == 2
    assert kind("PodDisruptionBudget")["spec"]["minAvailable"] < autoscaler["minReplicas"]
    assert "cpu" in container()["resources"]["requests"], "a share of the request needs a request"


def test_ports_are_those_of_the_container() -> None:
    ports = {port["name"]: port["containerPort"] for port in container()["ports"]}
    assert ports == {"http": 3000}
    assert {port["targetPort"] for port in kind("Service")["spec"]["ports"]} <= set(ports)
    allowed = kind("NetworkPolicy")["spec"]["ingress"][0]["ports"]
    assert {port["port"] for port in allowed} <= set(ports)
    annotations = template()["metadata"]["annotations"]
    assert int(annotations["prometheus.io/port"]) == ports["http"]


def test_the_container_is_confined() -> None:
    pod = template()["spec"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not pod["automountServiceAccountToken"]
    security = container()["securityContext"]
    assert security["readOnlyRootFilesystem"]
    assert not security["allowPrivilegeEscalation"]
    assert security["capabilities"] == {"drop": ["ALL"]}
    assert {"cpu", "memory"} <= set(container()["resources"]["limits"])
    policy = kind("NetworkPolicy")["spec"]
    assert "Egress" in policy["policyTypes"]
    assert policy["egress"] == []


def test_user_and_folders_are_those_of_the_image() -> None:
    dockerfile = (PATH.parents[1] / "bentos" / "Dockerfile").read_text(encoding="utf-8")
    context = template()["spec"]["securityContext"]
    assert f"USER {context['runAsUser']}:{context['runAsGroup']}" in dockerfile
    for mount in container()["volumeMounts"]:
        folder = mount["mountPath"]
        assert f"={folder}/" in dockerfile, f"the image has nothing in {folder}"


def test_every_volume_that_is_mounted_exists() -> None:
    volumes = {volume["name"]: volume for volume in template()["spec"]["volumes"]}
    assert {mount["name"] for mount in container()["volumeMounts"]} == set(volumes)
    keys = next(mount for mount in container()["volumeMounts"] if mount["name"] == "keys")
    assert keys["readOnly"]
    assert "Secret" not in {document["kind"] for document in DOCUMENTS}, "no secret in the manifest"


def test_settings_are_settings_of_the_service() -> None:
    known = {f"CHURN_SERVING_{field.name.upper()}" for field in fields(ServingSettings)}
    given = {item["name"] for item in container()["env"] if item["name"].startswith("CHURN_")}
    assert given <= known
    # a Service called churn-serving would give every pod a variable CHURN_SERVING_SERVICE_HOST
    assert not template()["spec"]["enableServiceLinks"]


def test_a_pod_scores_without_a_volume_of_the_cluster() -> None:
    assert "PersistentVolumeClaim" not in {document["kind"] for document in DOCUMENTS}
    volumes = {volume["name"]: volume for volume in template()["spec"]["volumes"]}
    assert set(volumes["state"]) == {"name", "emptyDir"}
    in_megabytes = {"Mi": 1, "Gi": 1024}
    size = volumes["state"]["emptyDir"]["sizeLimit"]
    limit = container()["resources"]["limits"]["ephemeral-storage"]
    state = int(size[:-2]) * in_megabytes[size[-2:]]
    assert state < int(limit[:-2]) * in_megabytes[limit[-2:]], "it would be evicted before"


def test_what_a_pod_writes_fits_its_folder() -> None:
    environ = {each["name"]: each["value"] for each in container()["env"] if "value" in each}
    settings = load_settings(ROOT / "params.yaml", environ)
    (state,) = [v for v in template()["spec"]["volumes"] if v["name"] == "state"]
    assert state["emptyDir"]["sizeLimit"] == "1Gi"
    assert settings.workers == 1
    silent = 2 * settings.audit_max_bytes
    refusals = min(settings.audit_files, 5) * settings.audit_max_bytes
    answers = settings.audit_files * settings.audit_max_bytes
    assert answers + refusals + silent + settings.feedback_max_bytes < 0.95 * 2**30


def test_a_claim_can_take_the_place_of_the_pods_own_folder() -> None:
    (patch,) = documents("kubernetes-state-patch.yaml")
    (volume,) = patch["spec"]["template"]["spec"]["volumes"]
    assert volume["name"] == "state"
    assert volume["emptyDir"] is None, "a volume has one source only"
    assert volume["persistentVolumeClaim"] == {"claimName": CLAIM["metadata"]["name"]}
    patched = yaml.safe_load(yaml.safe_dump(kind("Deployment")))
    volumes = patched["spec"]["template"]["spec"]["volumes"]
    volumes[:] = [v for v in volumes if v["name"] != "state"]
    volumes.append({key: value for key, value in volume.items() if value is not None})
    kubernetes_validate.validate(patched, OLDEST, strict=True)


def test_a_pod_has_time_to_finish_what_it_has_begun() -> None:
    pod = template()["spec"]
    pause = container()["lifecycle"]["preStop"]["sleep"]["seconds"]
    option, seconds = container()["args"]
    assert option == "--timeout-graceful-shutdown"
    assert int(seconds) == ServingSettings().request_seconds
    # and some seconds to write what has gathered
    assert pod["terminationGracePeriodSeconds"] >= pause + DRAIN_SECONDS + int(seconds) + 5


def monitoring(name: str) -> dict[str, Any]:
    return next(d for d in MONITORING if (d["kind"], d["metadata"]["name"]) == ("Deployment", name))


@pytest.mark.parametrize("name", ["churn-prometheus", "churn-alertmanager"])
def test_what_watches_is_confined(name: str) -> None:
    pod = monitoring(name)["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"]
    (only,) = pod["containers"]
    security = only["securityContext"]
    assert security["readOnlyRootFilesystem"]
    assert not security["allowPrivilegeEscalation"]
    assert security["capabilities"] == {"drop": ["ALL"]}
    assert {"cpu", "memory"} <= set(only["resources"]["limits"])
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    assert {mount["name"] for mount in only["volumeMounts"]} == set(volumes)
    assert volumes["config"]["configMap"]["name"] == name
    (role,) = [d for d in MONITORING if d["kind"] == "Role"]
    assert role["rules"] == [
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]}
    ]


def test_the_words_for_monitoring_make_what_it_mounts() -> None:
    head = PATH.with_name("kubernetes-monitoring.yaml").read_text(encoding="utf-8")
    page = (PATH.parents[1] / "docs/deployment.md").read_text(encoding="utf-8")
    for text in (head, page):
        assert "--from-file=prometheus.yml=deploy/prometheus-kubernetes.yml" in text
        assert "--from-file=deploy/alerts.yml" in text
        assert "churn-alertmanager --from-file=deploy/alertmanager.yml" in text
    targets = {d["metadata"]["name"] for d in MONITORING if d["kind"] == "Service"}
    assert targets == {"churn-prometheus", "churn-alertmanager"}
