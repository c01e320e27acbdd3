"""What a line of the audit log says."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

AuditedCustomer = tuple[str | None, str | None, str | None, int]
"""Id, tier, model version and status of a customer in an answer."""

MAX_LINE_BYTES = 3500
"""About as much of a batch goes into one line: a pipe takes 4,096 bytes at once (POSIX's
``PIPE_BUF``, Linux), so that lines of several workers are not mixed, and collectors split lines
of more than 16 KB."""


class Asked(msgspec.Struct, frozen=True):
    """A request, as far as the audit log names it.

    Attributes
    ----------
    request_id : str
    trace_id : str or None
        Of a ``traceparent`` header.
    key : str or None
        Id of the key.
    address : str or None
        Of the client.
    route : str
    status : int
        HTTP status of the answer; 0 while there is none.
    """

    request_id: str
    trace_id: str | None
    key: str | None
    address: str | None
    route: str
    status: int


class _Line(msgspec.Struct, omit_defaults=True):
    time: datetime
    request_id: str
    key: str | None
    address: str | None
    route: str
    status: int
    trace_id: str | None = None
    model: str | None = None
    customer: str | None = None
    tier: str | None = None
    customers: Sequence[Sequence[str | None]] = ()
    failed: int = 0


_encode = msgspec.json.Encoder().encode


class CustomerHash:
    """The hash by which the audit log names customers.

    Parameters
    ----------
    audit_key : bytes
        64 bytes at most; without it nobody can find a customer's lines by hashing all ids.
    """

    def __init__(self, audit_key: bytes) -> None:
        self._base = hashlib.blake2b(key=audit_key, digest_size=16)

    def __call__(self, customer_id: str) -> str:
        """Return the keyed BLAKE2b hash (RFC 7693) of an id, 32 hexadecimal digits."""
        state = self._base.copy()
        # JSON may bring half a surrogate pair, which has no UTF-8
        state.update(customer_id.encode("utf-8", "surrogatepass"))
        return state.hexdigest()


def one_record(asked: Asked, when: float, customer: AuditedCustomer, name: CustomerHash) -> bytes:
    """Spell an answer about one customer as a JSON object."""
    customer_id, tier, model, _ = customer
    return _encode(
        _Line(
            datetime.fromtimestamp(when, UTC),
            asked.request_id,
            asked.key,
            asked.address,
            asked.route,
            asked.status,
            asked.trace_id,
            model,
            None if customer_id is None else name(customer_id),
            tier,
        )
    )


def answer_records(
    asked: Asked, when: float, customers: Sequence[AuditedCustomer], name: CustomerHash
) -> Iterator[bytes]:
    """Spell an answer as JSON objects: one, or for a large batch several with some customers each.

    One customer is named by ``customer`` and ``tier``, several by ``customers``, a list of hash
    and tier, and of the version where another model than ``model`` answered. ``failed`` counts
    records of a batch that were refused.
    """
    if len(customers) == 1 and customers[0][0] is not None:
        yield one_record(asked, when, customers[0], name)
        return
    line = _Line(
        event_time(when),
        asked.request_id,
        asked.key,
        asked.address,
        asked.route,
        asked.status,
        asked.trace_id,
    )
    if customers:
        line.model = customers[0][2]
        line.failed = sum(customer[0] is None for customer in customers)
    part: list[list[str | None]] = []
    size = 0
    for customer_id, tier, version, _ in customers:
        if customer_id is None:
            continue
        entry = [name(customer_id), tier]
        size += 40 + 2 * len(tier or "")  # a tier's letters may take several bytes
        if version != line.model:
            entry.append(version)
            size += 3 + len(version or "")
        part.append(entry)
        if size > MAX_LINE_BYTES - 700:  # for the other fields
            line.customers = part
            yield _encode(line)
            line.failed, part, size = 0, [], 0
    if part or line.failed or not customers:
        line.customers = part
        yield _encode(line)


def event_time(when: float) -> datetime:
    """Return seconds since the epoch as a time in UTC."""
    return datetime.fromtimestamp(when, UTC)


def event_record(event: str, when: float, fields: Mapping[str, Any]) -> bytes:
    """Spell what happened to the service, or what somebody did to it, as a JSON object."""
    return _encode({"time": event_time(when), "event": event, **fields})


def request_fields(asked: Asked) -> dict[str, Any]:
    """Return the fields of a request for an event; those that are None left out."""
    fields = {
        "request_id": asked.request_id,
        "trace_id": asked.trace_id,
        "key": asked.key,
        "address": asked.address,
        "route": asked.route,
        "status": asked.status or None,
    }
    return {name: value for name, value in fields.items() if value is not None}
