"""Users, passwords and keys: from ``conf/local/credentials.yml``, never from ``params.yaml``."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from churn_pipeline.errors import DataError

ENTRIES = ("source", "sink", "ledger")
_KEYS = {
    "database": ("url", "user", "password"),
    "storage": ("key", "secret", "token", "endpoint_url", "region"),
}

_PROBLEM = "problem"  # key of an entry that cannot be used: the sentence that says why
_PAGE = "docs/sources.md"
_VARIABLE = re.compile(r"\$\{\s*oc\.env\s*:\s*([^,}\s]+)\s*\}")


class Credentials(dict[str, dict[str, Any]]):
    """Entries of ``credentials.yml`` by name.

    An entry that cannot be read is no error as long as nobody uses it. Those of :data:`ENTRIES`,
    which every run of the project's catalog takes, hold the sentence that says so until
    :func:`database_credentials` or :func:`storage_credentials` needs them; another is refused
    when a dataset asks for it.
    """

    def __getitem__(self, name: str) -> dict[str, Any]:
        entry = super().__getitem__(name)
        if _PROBLEM in entry and name not in ENTRIES:
            raise DataError(entry[_PROBLEM])
        return entry


def project_credentials(project: Path, environment: str | None = None) -> Credentials:
    """Return the entries of ``credentials.yml``; those that are not there are empty.

    Parameters
    ----------
    project : Path
        The project's root.
    environment : str, optional
        Kedro's environment: the file of that folder of ``conf`` goes before ``conf/local``'s,
        entry by entry.
    """
    entries = Credentials({name: {} for name in ENTRIES})
    for folder in dict.fromkeys(("local", environment or "local")):
        for path in sorted((project / "conf" / folder).glob("credentials*.y*ml")):
            entries.update(_entries(path, f"conf/{folder}/{path.name}"))
    return entries


def _entries(path: Path, name: str) -> dict[str, dict[str, Any]]:
    # not Kedro's loader: a second one would take the place of the first one's resolvers
    from omegaconf import OmegaConf
    from omegaconf.resolvers import oc

    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        document = OmegaConf.create(found)
        names = list(found.keys())
    except Exception as error:  # whatever broken files raise; their lines hold secrets
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}," if mark else ""
        problem = (
            f"{name}{line} is not valid YAML with an entry such as `source` or `sink`, see {_PAGE}"
        )
        return {entry: {_PROBLEM: problem} for entry in ENTRIES}
    entries: dict[str, dict[str, Any]] = {}
    OmegaConf.register_new_resolver("oc.env", oc.env, replace=True)
    try:
        for entry in names:
            entries[entry] = _resolved(document, entry, name)
    finally:
        OmegaConf.clear_resolver("oc.env")  # elsewhere, Kedro does not want it
    return entries


def _resolved(document: Any, entry: str, name: str) -> dict[str, Any]:
    from omegaconf import OmegaConf

    as_written: Any = OmegaConf.to_container(document, resolve=False)
    written = as_written[entry]
    if written is None:
        return {}
    if not isinstance(written, dict):
        return {_PROBLEM: f"{name}: `{entry}` needs keys such as user and password, see {_PAGE}"}
    try:
        return {str(key): document[entry][key] for key in written}
    except Exception:
        unset = [v for v in _VARIABLE.findall(str(written)) if v not in os.environ]
        if unset:
            return {_PROBLEM: f"{name}: the variable {unset[0]} of `{entry}` is not set; set it"}
        return {_PROBLEM: f"{name}: `{entry}` refers to something that cannot be found"}


def database_credentials(credentials: Mapping[str, Any] | None) -> dict[str, str]:
    """Return ``url``, ``user`` and ``password``, as far as they are given."""
    return _checked(credentials, "database")


def storage_credentials(credentials: Mapping[str, Any] | None) -> dict[str, str]:
    """Return ``key``, ``secret``, ``token``, ``endpoint_url``, ``region``, as far as given."""
    return _checked(credentials, "storage")


def _checked(credentials: Mapping[str, Any] | None, kind: str) -> dict[str, str]:
    if credentials and _PROBLEM in credentials:
        raise DataError(str(credentials[_PROBLEM]))
    known = [key for keys in _KEYS.values() for key in keys]
    unknown = sorted(set(credentials or ()) - set(known))
    if unknown:
        raise DataError(
            f"credentials.yml has the key {unknown[0]!r}; for a {kind} it takes "
            f"{', '.join(_KEYS[kind])}"
        )
    return {k: str(v) for k, v in (credentials or {}).items() if k in _KEYS[kind] and v is not None}
