"""The routes that score and explain customers."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from churn_pipeline.scorer import Customer, InvalidRecord
from churn_pipeline.serving.audit.records import AuditedCustomer
from churn_pipeline.serving.http.exchange import Answer, Request, Route
from churn_pipeline.serving.http.refusals import Refusal
from churn_pipeline.serving.models.variants import Deployment, Variant
from churn_pipeline.serving.worker import Worker

CHUNK_SCORED = 50
"""Customers scored without a pause for other requests: some 1.3 ms."""
CHUNK_EXPLAINED = 10
_TURNS = 3
"""Of the loop in a pause: in the first a request is read, in the second answered."""


class Scoring:
    """Answers about one customer or many.

    Parameters
    ----------
    worker : Worker
    """

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    @property
    def routes(self) -> tuple[Route, ...]:
        """The addresses."""
        return (
            Route("POST", "/v1/score", self.score, "score"),
            Route("POST", "/v1/score/batch", self.score_batch, "score"),
            Route("POST", "/v1/explain", self.explain, "explain"),
            Route("POST", "/v1/explain/batch", self.explain_batch, "explain"),
        )

    async def score(self, request: Request) -> Answer:
        """Score one customer."""
        deployment = self._worker.deployment
        record = await request.json(self._worker.settings.max_body_bytes)
        return self._one(deployment, request, record, _scored)

    async def explain(self, request: Request) -> Answer:
        """Score and explain one customer."""
        deployment = self._worker.deployment
        record = await request.json(self._worker.settings.max_body_bytes)
        return self._one(deployment, request, record, _explained)

    async def score_batch(self, request: Request) -> Answer:
        """Score many customers; those whose records are faulty are named."""
        return await self._many(request, _scored, CHUNK_SCORED)

    async def explain_batch(self, request: Request) -> Answer:
        """Score and explain many customers."""
        return await self._many(request, _explained, CHUNK_EXPLAINED)

    def _one(
        self, deployment: Deployment, request: Request, record: Any, answers: "Answers"
    ) -> Answer:
        try:
            variant, customer = _read(deployment, record)
        except InvalidRecord as error:
            raise _invalid(error) from None
        contents = answers(variant, [customer])
        self._worker.metrics.scored_many(variant.name, contents)
        content = contents[0]
        if deployment.silent is not None:
            self._shadow(deployment, request, customer, record, content)
        content["model_version"] = variant.version
        content["request_id"] = request.id
        return Answer(
            content,
            variant=variant.name,
            customers=((customer.id, content["tier"], variant.version, 200),),
        )

    async def _many(self, request: Request, answers: "Answers", chunk: int) -> Answer:
        worker = self._worker
        deployment = worker.deployment
        async with request.batch(worker.settings.max_body_bytes) as body:
            records = _records(body, worker.settings.max_batch_customers)
            return await self._batch(deployment, request, records, answers, chunk)

    async def _batch(
        self,
        deployment: Deployment,
        request: Request,
        records: Sequence[Any],
        answers: "Answers",
        chunk: int,
    ) -> Answer:
        results: list[dict[str, Any]] = []
        audited: list[AuditedCustomer] = []
        for start in range(0, len(records), chunk):
            await _pause()  # requests of one customer need not wait for all of these
            part = records[start : start + chunk]
            results += self._part(deployment, request, start, part, answers, audited)
        failed = sum("errors" in result for result in results)
        content = {
            "results": results,
            "scored": len(results) - failed,
            "failed": failed,
            "model_version": deployment.champion.version,
            "request_id": request.id,
        }
        variant = "" if deployment.split else deployment.champion.name
        await _pause()
        return Answer(content, variant=variant, customers=audited)

    def _part(
        self,
        deployment: Deployment,
        request: Request,
        start: int,
        records: Sequence[Any],
        answers: "Answers",
        audited: list[AuditedCustomer],
    ) -> list[dict[str, Any]]:
        results: list[dict[str, Any]] = [{} for _ in records]
        groups: dict[str, tuple[Variant, list[int], list[Customer]]] = {}
        for i, record in enumerate(records):
            try:
                variant, customer = _read(deployment, record)
            except InvalidRecord as error:
                results[i] = {"index": start + i, "errors": _errors(error)}
                audited.append((None, None, deployment.champion.version, 422))
            else:
                _, places, customers = groups.setdefault(variant.name, (variant, [], []))
                places.append(i)
                customers.append(customer)
        for variant, places, customers in groups.values():
            contents = answers(variant, customers)
            self._worker.metrics.scored_many(variant.name, contents)
            version = variant.version
            for i, customer, content in zip(places, customers, contents, strict=True):
                audited.append((customer.id, content["tier"], version, 200))
                results[i] = {"index": start + i, **content}
                if variant is not deployment.champion:
                    results[i]["model_version"] = version
                if deployment.silent is not None:
                    self._shadow(deployment, request, customer, records[i], content)
        return results

    def _shadow(
        self,
        deployment: Deployment,
        request: Request,
        customer: Customer,
        record: Any,
        content: dict[str, Any],
    ) -> None:
        probability, tier = content["churn_probability"], content["tier"]
        self._worker.shadow.add(deployment, request.id, customer.id, record, probability, tier)


Answers = Callable[[Variant, list[Customer]], list[dict[str, Any]]]


async def _pause() -> None:
    for _ in range(_TURNS):
        await asyncio.sleep(0)


def _read(deployment: Deployment, record: Any) -> tuple[Variant, Customer]:
    champion = deployment.champion
    customer = champion.scorer.read(record)
    if deployment.split:
        variant = deployment.answering(customer.id)
        if variant is not champion:
            return variant, variant.scorer.read(record)
    return champion, customer


def _scored(variant: Variant, customers: list[Customer]) -> list[dict[str, Any]]:
    scorer = variant.scorer
    id_name = variant.id_name
    return [
        {
            id_name: customer.id,
            "churn_probability": score.churn_probability,
            "tier": score.tier,
            "recommended_action": score.recommended_action,
            "contact": score.contact,
            "expected_profit": score.expected_profit,
        }
        for customer, score in zip(customers, scorer.score(customers), strict=True)
    ]


def _explained(variant: Variant, customers: list[Customer]) -> list[dict[str, Any]]:
    contents = _scored(variant, customers)
    for content, explanation in zip(contents, variant.scorer.explain(customers), strict=True):
        content["log_odds"] = explanation.log_odds
        content["base_log_odds"] = explanation.base_log_odds
        content["contributions"] = explanation.contributions
        content["reasons"] = explanation.reasons
    return contents


def _errors(error: InvalidRecord) -> list[dict[str, str | None]]:
    return [{"field": e.field, "message": e.message} for e in error.errors]


def _invalid(error: InvalidRecord) -> Refusal:
    errors = _errors(error)
    if len(errors) == 1:
        sentence = str(errors[0]["message"])
    else:
        fields = ", ".join(dict.fromkeys(str(e["field"]) for e in errors if e["field"]))
        sentence = f"{len(errors)} problems with the record: {fields or 'see errors'}."
    return Refusal(422, "validation", sentence, errors=errors)


def _records(body: Any, most: int) -> list[Any]:
    if not isinstance(body, dict) or list(body) != ["customers"]:
        raise _malformed(None, 'The body must be {"customers": [record, ...]}.')
    records = body["customers"]
    if not isinstance(records, list):
        raise _malformed("customers", "customers must be a list of records.")
    if len(records) > most:
        raise Refusal(
            413, "batch_too_large", f"{len(records)} customers are too many; send {most} at most."
        )
    return records


def _malformed(field: str | None, message: str) -> Refusal:
    return Refusal(422, "validation", message, errors=[{"field": field, "message": message}])
