from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from churn_pipeline.serving.http.listening import DRAIN_SECONDS

PATH = Path(__file__).parents[2] / "deploy" / "compose.yaml"
COMPOSE: dict[str, Any] = yaml.safe_load(PATH.read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]


def test_compose_accepts_it() -> None:
    docker = shutil.which("docker")
    if not docker or subprocess.run([docker, "compose", "version"], capture_output=True).returncode:
        pytest.skip("docker compose is not installed; the other tests look at the structure")
    result = subprocess.run(
        [docker, "compose", "--file", str(PATH), "config", "--format", "json"],
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    assert set(json.loads(result.stdout)["services"]) == {"churn", "prometheus", "alertmanager"}


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_confined(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "cap_add", "pid", "ipc", "devices", "user"} & set(service)
    assert "docker.sock" not in str(service)


@pytest.mark.parametrize("name", ["churn", "prometheus", "alertmanager"])
def test_what_lasts_has_limits(name: str) -> None:
    limits = SERVICES[name]["deploy"]["resources"]["limits"]
    assert {"cpus", "memory", "pids"} == set(limits)
    assert re.fullmatch(r"\d+M", limits["memory"])


@pytest.mark.parametrize("name", SERVICES)
def test_volumes_and_networks_exist(name: str) -> None:
    for volume in SERVICES[name].get("volumes", []):
        source = volume.split(":")[0]
        if source.startswith("./"):
            assert (PATH.parent / source).is_file()
            assert volume.endswith(":ro")
        else:
            assert source in COMPOSE["volumes"]
    assert set(SERVICES[name].get("networks", [])) <= set(COMPOSE["networks"])


def test_only_this_machine_reaches_the_ports_unless_told_otherwise() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert len(ports) == 3
    for port in ports:
        assert re.sub(r"\$\{\w+:-(.*?)\}", r"\1", port).startswith("127.0.0.1:")


def test_the_service_reads_the_keys_that_the_tool_writes() -> None:
    assert "keys:/etc/churn:ro" in SERVICES["churn"]["volumes"]
    assert "keys:/etc/churn" in SERVICES["keys"]["volumes"]
    assert SERVICES["keys"]["profiles"] == ["tools"], "it must not start with the service"
    assert SERVICES["keys"]["image"] == SERVICES["churn"]["image"]
    module = SERVICES["keys"]["entrypoint"][-1]
    assert (
        subprocess.run(
            ["python", "-m", module, "--help"],
            env=os.environ | {"PYTHONPATH": "src"},
            cwd=PATH.parents[1],
            capture_output=True,
        ).returncode
        == 0
    )


def test_requests_under_way_may_end_before_docker_kills() -> None:
    option, seconds = SERVICES["churn"]["command"]
    assert option == "--timeout-graceful-shutdown"
    grace = int(SERVICES["churn"]["stop_grace_period"].removesuffix("s"))
    assert grace >= DRAIN_SECONDS + int(seconds) + 5


def test_health_is_checked_by_the_image() -> None:
    assert "healthcheck" not in SERVICES["churn"]
    dockerfile = (PATH.parents[1] / "bentos" / "Dockerfile").read_text(encoding="utf-8")
    assert "HEALTHCHECK" in dockerfile


def test_what_watches_does_not_wait_for_what_it_watches() -> None:
    assert not any("depends_on" in service for service in SERVICES.values())


def networks(name: str) -> set[str]:
    return set(SERVICES[name]["networks"])


def test_prometheus_scrapes_the_service() -> None:
    config = yaml.safe_load((PATH.parent / "prometheus.yml").read_text(encoding="utf-8"))
    (job,) = config["scrape_configs"]
    assert job["job_name"] == "churn"
    # a name that is looked up by Prometheus has no target while the container is down
    (targets,) = job["static_configs"]
    name, _, port = targets["targets"][0].partition(":")
    assert name in SERVICES
    assert SERVICES[name]["ports"][0].endswith(f":{port}")
    assert networks(name) & networks("prometheus") == {"inside"}, "one address, one target"


def test_alerts_reach_alertmanager_and_alertmanager_the_world() -> None:
    config = yaml.safe_load((PATH.parent / "prometheus.yml").read_text(encoding="utf-8"))
    (manager,) = config["alerting"]["alertmanagers"]
    assert manager["static_configs"] == [{"targets": ["alertmanager:9093"]}]
    (shared,) = networks("prometheus") & networks("alertmanager")
    assert not (COMPOSE["networks"][shared] or {}).get("internal")
    assert not networks("alertmanager") & networks("churn")
