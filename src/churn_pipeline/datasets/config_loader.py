"""Kedro's configuration, with the parameters of one data set."""

import os
from pathlib import Path
from typing import Any

from kedro.config import OmegaConfigLoader
from omegaconf import OmegaConf

from churn_pipeline.environments import params_file
from churn_pipeline.io.credentials import project_credentials


class DatasetConfigLoader(OmegaConfigLoader):
    """Reads ``conf/<env>/params.yaml`` as parameters and globals, else the root's ``params.yaml``.

    A params file is complete, so the two are never merged: a parameter that is missing from one is
    reported, not taken from the other. As globals, the same parameters can be used in the catalog.
    In configuration files ``${params_file:}`` is the path of the file.

    Parameters
    ----------
    conf_source : str or Path
        The folder ``conf`` of the project.
    env : str, optional
        The data set.
    runtime_params : dict, optional
        What ``kedro run --params`` gives.
    **settings
        Those of ``OmegaConfigLoader``.

    Raises
    ------
    DatasetNameError
        If there is no such data set.
    """

    def __init__(
        self,
        conf_source: str | Path,
        env: str | None = None,
        runtime_params: dict[str, Any] | None = None,
        **settings: Any,
    ) -> None:
        conf = Path(conf_source)
        self.params_file = params_file(conf.parent, env)
        # from conf/base and from conf/<env>, which Kedro looks into
        pattern = [Path(os.path.relpath(self.params_file, conf / "base")).as_posix()]
        settings["config_patterns"] = {
            **settings.get("config_patterns", {}),
            "parameters": pattern,
            "globals": pattern,
        }
        super().__init__(conf_source, env, runtime_params, **settings)

    def __getitem__(self, key: str) -> dict[str, Any]:
        # resolvers are the process's: another loader may have registered its own meanwhile
        OmegaConf.register_new_resolver("params_file", lambda: str(self.params_file), replace=True)
        self._register_globals_resolver()
        self._register_runtime_params_resolver()
        if key == "credentials":
            # throw-away copies of the project (`dvc exp run --temp`) lack what git does not track
            root = os.environ.get("DVC_ROOT") or Path(self.conf_source).parent
            return project_credentials(Path(root), self.env)
        found: dict[str, Any] = super().__getitem__(key)
        return found
