"""Check ``params.yaml`` before anything runs."""

import hashlib
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.pipeline import Pipeline

from churn_pipeline.environments import dvc_root
from churn_pipeline.named_files import use_files
from churn_pipeline.parameters import check_parameters

_CHECKED = ".optuna"  # untracked, beside the journals of tuning
_BEFORE_THE_MODEL = {"simulation", "ingestion", "features", "tuning", "training"}


class ParameterHooks:
    """Refuses parameters that no pipeline could use, with one sentence."""

    def __init__(self) -> None:
        self._candidates: dict[str, Any] = {}
        self._project = Path()

    @hook_impl(tryfirst=True)
    def after_context_created(self, context: KedroContext) -> None:
        # not context.params: that would import every pipeline
        loader = context.config_loader
        source = Path(os.path.relpath(loader.params_file, context.project_path)).as_posix()
        use_files(params=source)
        parameters = loader["parameters"]
        check_parameters(parameters, source)
        use_files(contract=parameters["dataset"]["contract"])
        self._candidates = parameters["candidates"]
        self._project = context.project_path
        dvc_root(context.project_path, context.env)  # refuses a folder that another data set has

    @hook_impl(tryfirst=True)
    def before_pipeline_run(self, pipeline: Pipeline) -> None:
        """Try the settings of the candidates where they will be used, or might later be."""
        if not {tag for node in pipeline.nodes for tag in node.tags} & _BEFORE_THE_MODEL:
            return
        # of DVC's stages, each a process of its own, only the first one pays for it
        checked = self._project / _CHECKED / f"{self._digest()}.checked"
        if checked.exists():
            return
        # imports that the other pipelines need not pay for
        from churn_pipeline.modeling.candidate_settings import check_candidates

        check_candidates(self._candidates)
        with suppress(OSError):  # a note, without which they are tried again
            checked.parent.mkdir(exist_ok=True)
            checked.touch()

    def _digest(self) -> str:
        """Return a hash of the settings and of the versions of the libraries that take them."""
        lock = self._project / "requirements.lock"
        versions = lock.read_bytes() if lock.is_file() else b""
        settings = json.dumps(self._candidates, sort_keys=True).encode()
        return hashlib.sha256(settings + b"\0" + versions).hexdigest()[:16]
