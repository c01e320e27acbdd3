"""Log the files in the data folders, for runs that could not log them."""

from functools import partial
from pathlib import Path

from kedro.framework.context import KedroContext
from kedro.io import CatalogProtocol

from churn_pipeline.tracking.run_log import KINDS, RunLog, kind_of

_OF_THE_MODEL = ("gates", "bundle")  # the registry notes them on its version


def log_workspace(context: KedroContext) -> tuple[list[str], list[str]]:
    """Log every result in the catalog as one run.

    What was made before the present model is of an earlier one, so it is left out.

    Parameters
    ----------
    context : KedroContext

    Returns
    -------
    tuple of list of str
        The names of what was logged, and of what was left out.
    """
    catalog = context.catalog
    log = RunLog(context, catalog)
    names = [name for name in catalog if kind_of(catalog, name) in KINDS and catalog.exists(name)]
    left_out = [name for name in names if _is_of_an_earlier_model(catalog, name)]
    logged = [name for name in names if name not in left_out]
    status = "FAILED"
    try:
        for name in logged:
            log.log(name, partial(catalog.load, name))
        status = "FINISHED"
    finally:
        log.end(status)
    return logged, left_out


def _is_of_an_earlier_model(catalog: CatalogProtocol, name: str) -> bool:
    if name not in _OF_THE_MODEL:
        return False
    if "model" not in catalog or not catalog.exists("model"):
        return True
    path, model = (Path(catalog[entry]._filepath) for entry in (name, "model"))
    return path.stat().st_mtime < model.stat().st_mtime
