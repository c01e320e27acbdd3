"""The servers that are measured side by side."""

import os
import sys
from pathlib import Path

import yaml

from benchmarks.serving.servers import HOST, Server, bentoml_serve
from churn_pipeline.serving.identity.key_changes import create_key

SERVICE = "this service"
CONSTANT = "this service, constant"
FLOOR = "starlette constant"
MOUNTED = "bentoml mounted constant"
NATIVE = "bentoml native constant"
PICKLED_BENTO = "bentoml pickled"
MLFLOW = "mlflow models serve"
PICKLED_FASTAPI = "fastapi pickled"
_APPS = "benchmarks.serving.apps"


def comparisons(pickled: Path, model: Path) -> list[Server]:
    """Return what the service is compared with.

    Parameters
    ----------
    pickled, model
        From :func:`~benchmarks.serving.pickled_pipeline.save_pipeline`.
    """
    pipeline = {"BENCHMARK_PIPELINE": str(pickled)}
    return [
        Server(FLOOR, _uvicorn("floor", "--no-access-log"), "/score", ready="/readyz"),
        _bento(MOUNTED, "bento_constants:MountedConstant", "/mounted/score"),
        _bento(NATIVE, "bento_constants:NativeConstant", "/score", "parameter"),
        _bento(PICKLED_BENTO, "pickled_bento:PickledBento", "/score", "parameter", pipeline),
        Server(PICKLED_FASTAPI, _uvicorn("pickled_fastapi"), "/score", environment=pipeline),
        _mlflow(model),
    ]


def services(bundle: Path, folder: Path, workers: int = 1) -> tuple[Server, Server]:
    """Return this project's service and the same with a constant instead of scores.

    Authentication, rate limit, audit log and metrics are on, with the default settings; only the
    key has a limit of its own that no generator reaches.

    Parameters
    ----------
    bundle
        Folder of the bundle that answers.
    folder
        For the settings, the keys and what the service writes.
    workers
        Number of processes that answer.
    """
    settings = folder / "params.yaml"
    section = {"champion": str(bundle.resolve()), "workers": workers}
    settings.write_text(yaml.safe_dump({"serving": section}), encoding="utf-8")
    api_key, _ = create_key(
        folder / "conf/local/api_keys.json", "benchmark", ["score", "explain"], 1e6, 1_000_000
    )
    options = {"CHURN_PARAMS": str(settings)}

    def server(name: str, service: str) -> Server:
        # the service's own settings say how many workers there are
        command, _ = bentoml_serve(service)
        return Server(name, command, "/v1/score", environment=options, api_key=api_key)

    return (
        server(SERVICE, "churn_pipeline.serving.service:ChurnService"),
        server(CONSTANT, f"{_APPS}.constant_service:ConstantService"),
    )


def _uvicorn(app: str, *options: str) -> tuple[str, ...]:
    module = f"{_APPS}.{app}:app"
    return (sys.executable, "-m", "uvicorn", module, "--host", HOST, "--port", "{port}", *options)


def _bento(
    name: str,
    service: str,
    path: str,
    shape: str = "record",
    environment: dict[str, str] | None = None,
) -> Server:
    command, options = bentoml_serve(f"{_APPS}.{service}")
    return Server(name, command, path, shape=shape, environment={**options, **(environment or {})})


def _mlflow(model: Path) -> Server:
    command = (sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", str(model))
    options = ("--env-manager", "local", "--host", HOST, "--port", "{port}", "--workers", "1")
    # it looks for the `uvicorn` command
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return Server(
        MLFLOW,
        (*command, *options),
        "/invocations",
        ready="/ping",
        shape="frame",
        environment={"PATH": path},
    )
