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
    # not Kedro's loader: a second one would take the place of the first one's resolvers
    from omegaconf import OmegaConf
    from omegaconf.resolvers import oc

    entries: dict[str, dict[str, Any]] = {name: {} for name in ENTRIES}
    OmegaConf.register_new_resolver("oc.env", oc.env, replace=True)
    try:
        for folder in dict.fromkeys(("local", environment or "local")):
            for path in sorted((project / "conf" / folder).glob("credentials*.y*ml")):
                found: Any = OmegaConf.to_container(OmegaConf.load(path), resolve=True)
                entries |= {name: entry or {} for name, entry in found.items()}
    except Exception as error:  # whatever broken files raise; their lines hold secrets
        raise DataError(
            f"conf/{folder}/{path.name} cannot be read ({type(error).__name__}); it is YAML with "
            "an entry `source` or `sink`, see docs/sources.md"
        ) from None
    finally:
        OmegaConf.clear_resolver("oc.env")  # elsewhere, Kedro does not want it
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
