"""How messages name the files of the data set in use: by the path of the one that has effect."""

from pathlib import Path

_DEFAULTS = {"params": "params.yaml", "contract": "contract.yml"}
_in_use = dict(_DEFAULTS)


def use_files(params: str | None = None, contract: str | None = None) -> None:
    """Set how messages of this process name the two files; None leaves a name as it is.

    Parameters
    ----------
    params, contract : str, optional
        Paths from the project's root, such as ``conf/bank/params.yaml``.
    """
    _in_use.update({k: v for k, v in {"params": params, "contract": contract}.items() if v})


def files_in_use() -> dict[str, str]:
    """Return the names, as :func:`use_files` takes them: for processes that this one starts."""
    return dict(_in_use)


def params_yaml() -> str:
    """Return the name of the params file."""
    return _in_use["params"]


def contract_yml() -> str:
    """Return the name of the contract."""
    return _in_use["contract"]


def evaluate_again() -> str:
    """Return the command that checks the gates of the files at hand again, whoever made them."""
    folder = Path(params_yaml()).parent
    env = f" --env {folder.name}" if folder.parent.name == "conf" else ""
    return f"`kedro run --pipelines evaluation{env}` (with the --params of the run, if any)"
