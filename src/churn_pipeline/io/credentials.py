"""Users, passwords and keys: from ``conf/local/credentials.yml``, never from ``params.yaml``."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from churn_pipeline.errors import DataError

ENTRIES = ("source", "sink")
_KEYS = {
    "database": ("url", "user", "password"),
    "storage": ("key", "secret", "token", "endpoint_url", "region"),
}


def project_credentials(project: Path, environment: str | None = None) -> dict[str, dict[str, Any]]:
    """Return the entries of ``credentials.yml``; those that are not there are empty.

    Parameters
    ----------
    project : Path
        The project's root.
    environment : str, optional
        Kedro's environment: the file of that folder of ``conf`` goes before ``conf/local``'s,
        entry by entry.
    """
    from kedro.config import MissingConfigException, OmegaConfigLoader

    entries: dict[str, dict[str, Any]] = {name: {} for name in ENTRIES}
    for folder in dict.fromkeys(("local", environment or "local")):
        if not (project / "conf" / folder).is_dir():
            continue
        loader = OmegaConfigLoader(
            str(project / "conf"), env=folder, base_env=folder, default_run_env=folder
        )
        try:
            entries |= {name: entry or {} for name, entry in loader["credentials"].items()}
        except MissingConfigException:
            continue
    return entries


def database_credentials(credentials: Mapping[str, Any] | None) -> dict[str, str]:
    """Return ``url``, ``user`` and ``password``, as far as they are given."""
    return _checked(credentials, "database")


def storage_credentials(credentials: Mapping[str, Any] | None) -> dict[str, str]:
    """Return ``key``, ``secret``, ``token``, ``endpoint_url``, ``region``, as far as given."""
    return _checked(credentials, "storage")


def _checked(credentials: Mapping[str, Any] | None, kind: str) -> dict[str, str]:
    known = [key for keys in _KEYS.values() for key in keys]
    unknown = sorted(set(credentials or ()) - set(known))
    if unknown:
        raise DataError(
            f"credentials.yml has the key {unknown[0]!r}; for a {kind} it takes "
            f"{', '.join(_KEYS[kind])}"
        )
    return {k: str(v) for k, v in (credentials or {}).items() if k in _KEYS[kind] and v is not None}
