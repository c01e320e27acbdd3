"""What the file system refuses, as one sentence."""

from collections.abc import Iterator
from contextlib import contextmanager
from errno import EACCES, EDQUOT, EEXIST, EIO, EISDIR, ENAMETOOLONG, ENOSPC, ENOTDIR, EPERM, EROFS
from pathlib import Path

from churn_pipeline.errors import StorageError

_REMEDIES = {
    ENOSPC: "free some space",
    EDQUOT: "free some disk space, or ask for a larger quota",
    EROFS: "mount the folder writable, or use a writable copy of the project",
    EACCES: "give this user the right to do so",
    EPERM: "give this user the right to do so",
    EISDIR: "there is a folder of that name; move it",
    EEXIST: "there is a file with the name of its folder; move it",
    ENOTDIR: "there is a file with the name of its folder; move it",
    ENAMETOOLONG: "shorten the path",
    EIO: "check the disk",
}
_AGAIN = "then run again; files written before are complete"


def storage_error(error: OSError, path: Path | None = None) -> StorageError | None:
    """Return a sentence for an error of the disk or of permissions; None for others.

    Parameters
    ----------
    error : OSError
    path : Path, optional
        What was to be written; by default what the error names, which may have been read instead.
    """
    remedy = _REMEDIES.get(error.errno or 0)
    if remedy is None:
        return None
    what = f"{path} cannot be written" if path else f"{error.filename or 'a file'} cannot be used"
    return StorageError(f"{what} ({error.strerror}); {remedy}, {_AGAIN}")


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Name the file in errors that come from writing it.

    Raises
    ------
    StorageError
        If the disk is full or read-only, or the user has no right to write there.
    """
    try:
        yield
    except OSError as error:
        explained = storage_error(error, path)
        if explained is None:
            raise
        raise explained from error
