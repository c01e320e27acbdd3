"""Remove what a run kept to go on from, when it is done."""

from kedro.framework.hooks import hook_impl
from kedro.io import CatalogProtocol
from kedro.pipeline import Pipeline

_PARTS, _LAST = "scoring_parts", "scoring_report"


class StagedPartsHooks:
    """Removes the parts of a scoring run that is done; those of a failed or killed one stay."""

    @hook_impl
    def after_pipeline_run(self, pipeline: Pipeline, catalog: CatalogProtocol) -> None:
        """Remove the parts, which hold customers, once everything that is made of them is saved."""
        if _PARTS in pipeline.inputs() and _LAST in pipeline.all_outputs():
            catalog.load(_PARTS).remove()
