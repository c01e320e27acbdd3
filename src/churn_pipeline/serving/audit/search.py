"""All that was answered about one customer."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from churn_pipeline.serving.audit.chain import read_sealed
from churn_pipeline.serving.audit.journal import journal_path, read_journal
from churn_pipeline.serving.audit.names import log_files
from churn_pipeline.serving.audit.records import CustomerHash


def find_customer(
    folders: Sequence[Path], customer_id: str, audit_keys: Sequence[bytes]
) -> Iterator[dict[str, Any]]:
    """Yield what each line says about a customer, with the file and the line's place in it.

    Parameters
    ----------
    folders : sequence of Path
    customer_id : str
        As it was sent.
    audit_keys : sequence of bytes
        With which the logs may have been written.

    Raises
    ------
    OSError
        If a file cannot be read.
    """
    hashes = {CustomerHash(key)(customer_id) for key in audit_keys}
    wanted = tuple(f'"{name}"'.encode() for name in hashes)
    for folder in folders:
        for log, files in log_files(folder).items() if folder.is_dir() else ():
            last = 0
            for path in files.values():
                with path.open("rb") as lines:
                    for place, line in enumerate(lines, start=1):
                        sealed = read_sealed(line)
                        last = sealed.n if sealed else last
                        if any(name in line for name in wanted):
                            yield from _said(path, place, line, hashes)
            path = journal_path(folder, log)
            for place, record in enumerate(read_journal(path, last), start=1):
                if any(name in record for name in wanted):
                    yield from _said(path, place, record, hashes)


def _said(path: Path, place: int, line: bytes, hashes: set[str]) -> Iterator[dict[str, Any]]:
    try:
        content = msgspec.json.decode(line)
    except msgspec.MsgspecError:
        return
    for left_out in ("log", "n", "chain", "failed"):
        content.pop(left_out, None)
    found = {"file": path.name, "line": place, **content}
    if "customers" not in content:
        yield found
        return
    for name, tier, *version in found.pop("customers"):
        if name in hashes:
            yield {
                **found,
                "model": version[0] if version else content.get("model"),
                "customer": name,
                "tier": tier,
            }
