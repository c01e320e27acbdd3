"""What a request can be refused for, and the sentence the client gets."""

from collections.abc import Sequence
from typing import Any

from churn_pipeline.serving.http.headers import Header


class Refusal(Exception):  # noqa: N818 - an answer, not a fault of the program
    """A request that gets an answer of class 4xx, or 503 while there is no model.

    Parameters
    ----------
    status : int
        HTTP status.
    reason : str
        Label of the metric ``churn_rejected_total``, such as ``body_too_large``.
    sentence : str
        What is wrong and what would be right; without values of the customer.
    errors : sequence of dict
        Of a record that breaks the contract: ``field`` and ``message`` of each problem.
    headers : sequence of header
        Headers that go with the status, such as ``Retry-After``.
    """

    def __init__(
        self,
        status: int,
        reason: str,
        sentence: str,
        *,
        errors: Sequence[dict[str, str | None]] = (),
        headers: Sequence[Header] = (),
    ) -> None:
        super().__init__(sentence)
        self.status = status
        self.reason = reason
        self.sentence = sentence
        self.errors = errors
        self.headers = headers

    def content(self, request_id: str) -> dict[str, Any]:
        """Return the body of the answer, before encoding."""
        content: dict[str, Any] = {"error": self.sentence}
        if self.errors:
            content["errors"] = self.errors
        content["request_id"] = request_id
        return content


def unaudited() -> Refusal:
    """Return the refusal of a request whose answer the audit log cannot hold."""
    return Refusal(
        503,
        "audit",
        "The answer could not be written to the audit log; send the request again later.",
        headers=((b"retry-after", b"5"),),
    )


class ClientGone(Exception):  # noqa: N818
    """The client closed the connection before its request was complete: nobody to answer."""
