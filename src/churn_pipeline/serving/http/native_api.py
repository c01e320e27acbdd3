"""What BentoML's clients can call; see :mod:`churn_pipeline.serving.http.native` for what answers.

Apart from it, since the process that starts the workers needs the names and nothing else.
"""

from typing import Any

import bentoml

CALL = "churn_pipeline.call"
"""Where an ASGI scope holds the :class:`~churn_pipeline.serving.http.native.NativeCall`."""


class NativeApi:
    """The methods that BentoML serves and its clients find in ``/schema.json``."""

    @bentoml.api
    async def score(self, customer: dict[str, Any], ctx: bentoml.Context) -> dict[str, Any]:
        """Score one customer: a record as the contract describes it."""
        return await _answered(ctx, customer)

    @bentoml.api
    async def score_batch(
        self, customers: list[dict[str, Any]], ctx: bentoml.Context
    ) -> dict[str, Any]:
        """Score many customers; those whose records are faulty are named."""
        return await _answered(ctx, {"customers": customers})

    @bentoml.api
    async def explain(self, customer: dict[str, Any], ctx: bentoml.Context) -> dict[str, Any]:
        """Score and explain one customer."""
        return await _answered(ctx, customer)

    @bentoml.api
    async def explain_batch(
        self, customers: list[dict[str, Any]], ctx: bentoml.Context
    ) -> dict[str, Any]:
        """Score and explain many customers."""
        return await _answered(ctx, {"customers": customers})


async def _answered(ctx: bentoml.Context, content: Any) -> dict[str, Any]:
    answer: dict[str, Any] = await ctx.request.scope[CALL].run(content)
    return answer
