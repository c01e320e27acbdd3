"""Files of S3 and of what speaks its protocol."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from churn_pipeline.errors import DataError
from churn_pipeline.io.addresses import Address
from churn_pipeline.io.credentials import storage_credentials

_SHOWN = 10  # names of files in a message


@contextmanager
def fetched(address: Address, credentials: Mapping[str, Any] | None = None) -> Iterator[Path]:
    """Fetch a file of S3 for as long as it is read.

    Parameters
    ----------
    address : Address
    credentials : mapping, optional
        ``key``, ``secret``, ``token``, ``endpoint_url`` and ``region``; else the usual variables
        and files of AWS hold (``AWS_ACCESS_KEY_ID``, ``AWS_ENDPOINT_URL``, …).

    Raises
    ------
    DataError
        If it is not there or cannot be had.
    """
    import s3fs  # type: ignore[import-untyped]  # takes a second
    from botocore.exceptions import (  # type: ignore[import-untyped]
        BotoCoreError,
        ClientError,
    )

    known = storage_credentials(credentials)
    region = known.pop("region", None)
    storage = s3fs.S3FileSystem(
        **known,
        client_kwargs={"region_name": region} if region else {},
        config_kwargs={"connect_timeout": 5, "retries": {"max_attempts": 2}},
        skip_instance_cache=True,
        use_listings_cache=False,
    )
    with TemporaryDirectory(prefix="churn_pipeline_") as folder:
        path = Path(folder) / address.place.rpartition("/")[2]
        try:
            storage.get_file(address.place, str(path))
        except FileNotFoundError:
            raise DataError(
                f"{_absent(storage, address.place)}; set {address.setting} to one that does"
            ) from None
        except (PermissionError, BotoCoreError, ClientError, OSError) as error:
            endpoint = known.get("endpoint_url") or os.environ.get("AWS_ENDPOINT_URL")
            reason = " ".join(str(error).split())[:200].rstrip(".") or type(error).__name__
            raise DataError(
                f"{address.place} cannot be read from {endpoint or 'AWS'} ({reason}); check the "
                "endpoint and the keys in conf/local/credentials.yml (docs/sources.md)"
            ) from None
        yield path


def _absent(storage: Any, place: str) -> str:
    """Say whether the bucket, the folder or only the file is not there, as far as one may look."""
    bucket, _, key = place.removeprefix("s3://").partition("/")
    folder = f"{bucket}/{key}".rpartition("/")[0]
    try:
        if not storage.exists(bucket):
            return f"{place} does not exist (there is no bucket {bucket!r})"
        there = sorted(path.rpartition("/")[2] for path in storage.ls(folder, detail=False))
    except Exception:  # who may read a file need not be allowed to list
        return f"{place} does not exist"
    names = [name for name in there if name][:_SHOWN]
    return f"{place} does not exist (s3://{folder}/ has {', '.join(names) or 'no files'})"
