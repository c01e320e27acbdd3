"""Kedro's configuration, with the parameters of one data set."""

import os
from pathlib import Path
from typing import Any

from kedro.config import MissingConfigException, OmegaConfigLoader
from omegaconf import DictConfig, OmegaConf

from churn_pipeline.environments import params_file

_SHARED = "local"  # its credentials hold for every data set


class DatasetConfigLoader(OmegaConfigLoader):
    """Reads ``conf/<env>/params.yaml`` as parameters and globals, else the root's ``params.yaml``.

    A params file is complete, so the two are never merged: a knob that is missing from one is
    reported, not taken from the other. As globals, the same knobs can be used in the catalog. In
    configuration files ``${params_file:}`` is the path of the file.

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
            return self._credentials()
        found: dict[str, Any] = super().__getitem__(key)
        return found

    def _credentials(self) -> dict[str, Any]:
        """Return the entries that the catalog names, empty where nobody wrote any.

        kedro-viz opens the catalog without the hooks that bring them.
        """
        try:
            written: dict[str, Any] = super().__getitem__("credentials")
        except MissingConfigException:
            written = {}
        return {"source": {}, "sink": {}, **written}

    def _read_raw_config(
        self, key: str
    ) -> tuple[dict[Path, DictConfig], dict[Path, DictConfig], str, str, set[Path]]:
        base, own, base_path, env_path, files = super()._read_raw_config(key)
        shared = Path(self.conf_source) / _SHARED
        if key == "credentials" and shared.is_dir() and str(shared) != env_path:
            base = base | self._read_dir_configs(
                str(shared), self.config_patterns[key], key, files, True
            )
        return base, own, base_path, env_path, files
