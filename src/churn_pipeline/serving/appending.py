"""Append to files so that a full disk leaves nothing half-written."""

import errno
import os


def append_whole(file: int, content: bytes) -> None:
    """Append all of ``content`` or nothing.

    Parameters
    ----------
    file : int
        Descriptor opened with ``O_APPEND``; no other process may append at the same time.
    content : bytes

    Raises
    ------
    OSError
        If it could not be written; the file is then as long as before.
    """
    written = 0
    try:
        while written < len(content):
            count = os.write(file, content[written:] if written else content)
            if count == 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            written += count
    except OSError:
        if written:
            os.ftruncate(file, os.fstat(file).st_size - written)
        raise
