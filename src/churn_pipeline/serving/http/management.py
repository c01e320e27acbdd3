"""The routes about the models, their deployment, and what became of customers."""

import logging
from collections.abc import Coroutine, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from churn_pipeline.errors import ChurnPipelineError
from churn_pipeline.serving.audit import AuditUnavailable
from churn_pipeline.serving.audit.records import request_fields
from churn_pipeline.serving.feedback import read_feedback
from churn_pipeline.serving.http.bodies import decode
from churn_pipeline.serving.http.exchange import Answer, Request, Route
from churn_pipeline.serving.http.refusals import Refusal
from churn_pipeline.serving.models.loaded import StorageError
from churn_pipeline.serving.models.variants import MODES, Deployment, described
from churn_pipeline.serving.worker import Worker

logger = logging.getLogger("bentoml.churn")

MAX_PATH_CHARACTERS = 1000
_EXPECTED = {
    "champion": "the folder of a bundle",
    "challenger": "the folder of a bundle, or null",
    "mode": f"one of {', '.join(MODES)}",
    "challenger_share": "a number from 0 to 1",
}


class Management:
    """Describes, reloads and rolls back the models; stores feedback.

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
            Route("GET", "/v1/model", self.model),
            Route("POST", "/v1/feedback", self.feedback, "feedback"),
            Route("GET", "/v1/admin/models", self.models, "admin"),
            Route("POST", "/v1/admin/reload", self.reload, "admin"),
            Route("POST", "/v1/admin/rollback", self.rollback, "admin"),
        )

    async def model(self, request: Request) -> Answer:
        """Describe the model that answers."""
        deployment = self._worker.deployment
        content = {
            **deployment.champion.scorer.description,
            "mode": deployment.plan.mode,
            "challenger_version": deployment.challenger and deployment.challenger.version,
            "request_id": request.id,
        }
        return Answer(content)

    async def feedback(self, request: Request) -> Answer:
        """Store what became of a customer."""
        worker = self._worker
        id_name = worker.deployment.champion.id_name
        content = await request.json(worker.settings.max_body_bytes)
        entry = read_feedback(content, id_name, datetime.now(UTC).date())
        if isinstance(entry, list):
            sentence = " ".join(str(error["message"]) for error in entry)
            raise Refusal(422, "validation", sentence, errors=entry)
        try:
            await worker.feedback.append({**entry, "request_id": request.id})
        except OSError:
            worker.metrics.failed("feedback")
            raise Refusal(
                503, "storage", "The feedback could not be stored; send it again later."
            ) from None
        audited = ((entry["customer_id"], None, None, 202),)
        return Answer({"request_id": request.id}, 202, customers=audited)

    async def models(self, request: Request) -> Answer:
        """Describe which bundles answer, and which did before."""
        return await self._state(request)

    async def reload(self, request: Request) -> Answer:
        """Load the configured bundles anew, or others that the body names."""
        body = await request.body.content(10_000)
        changes = _changes(decode(body) if body.strip() else {}, self._worker.bundle_folders)
        return await self._deploy("reload", request, self._worker.models.reload(changes), changes)

    async def rollback(self, request: Request) -> Answer:
        """Return to the deployment before the current one."""
        return await self._deploy("rollback", request, self._worker.models.rollback())

    async def _deploy(
        self,
        event: str,
        request: Request,
        change: Coroutine[Any, Any, Deployment],
        wanted: Mapping[str, Any] | None = None,
    ) -> Answer:
        """Change what answers; the audit log knows before and after who asked for what."""
        worker = self._worker
        route = f"/v1/admin/{event}"
        current = worker.models.current
        before = None if current is None else current.versions()
        try:
            asked = request.asked(route, 0)
            await worker.audit.acted(f"{event}_asked", asked, wanted=wanted or {})
        except AuditUnavailable:
            change.close()
            raise
        status, after, problem = 500, None, ""
        try:
            after = (await change).versions()
            status = 200
        except ChurnPipelineError as error:
            status, problem = 503 if isinstance(error, StorageError) else 409, str(error)
        finally:
            # kept until it can be written: what has been done cannot be refused any more
            fields = {**request_fields(request.asked(route, status)), "from": before, "to": after}
            worker.audit.happened(event, **fields)
            logger.log(
                logging.INFO if status == 200 else logging.WARNING,
                "%s by key %s from %s: %s -> %s%s",
                event,
                request.key.key_id if request.key else None,
                request.client,
                described(before),
                described(after) if after else f"not done ({status})",
                problem and f": {problem}",
                extra=request.log_fields(),
            )
        if problem:
            worker.metrics.failed("deployment")
            raise Refusal(status, "deployment" if status == 409 else "storage", problem)
        answer = await self._state(request)
        answer.is_audited = True
        return answer

    async def _state(self, request: Request) -> Answer:
        deployment = self._worker.deployment
        previous = await self._worker.models.previous()
        content = {
            **deployment.described(),
            "previous": previous
            and {"champion": previous.champion, "challenger": previous.challenger},
            "request_id": request.id,
        }
        return Answer(content)


def _changes(body: Any, folders: tuple[Path, ...]) -> Mapping[str, Any]:
    """Check what a client wants to change of the plan.

    Raises
    ------
    Refusal
        422, naming the key.
    """
    if not isinstance(body, dict):
        raise _unusable(None, "The body must be a JSON object, or nothing.")
    changes: dict[str, Any] = {}
    for key, value in body.items():
        if key in ("champion", "challenger") and (
            isinstance(value, str) or (value is None and key == "challenger")
        ):
            changes[key] = value if value is None else _inside(key, value, folders)
        elif key == "mode" and value in MODES:
            changes[key] = value
        elif key == "challenger_share" and type(value) in (int, float) and 0 <= value <= 1:
            changes[key] = float(value)
        elif key in _EXPECTED:
            raise _unusable(key, f"{key} must be {_EXPECTED[key]}.")
        else:
            raise _unusable(None, f"Only {', '.join(_EXPECTED)} may be given.")
    return changes


def _inside(key: str, value: str, folders: tuple[Path, ...]) -> str:
    """Return the folder as an absolute path; it must lie below one of ``folders``."""
    if "\0" not in value and len(value) < MAX_PATH_CHARACTERS:
        folder = (folders[0] / value).resolve()
        if any(folder.is_relative_to(above) for above in folders):
            return str(folder)
    names = " or ".join(map(str, folders))
    raise _unusable(key, f"{key} must be a folder below {names}.")


def _unusable(field: str | None, message: str) -> Refusal:
    return Refusal(422, "validation", message, errors=[{"field": field, "message": message}])
