"""A bundle: a folder of files and the manifest of their sha256 sums, which is verified on load."""

import hashlib
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from churn_pipeline.errors import BundleError
from churn_pipeline.staging import replacing_folder

MANIFEST = "manifest.json"
FORMAT = 1
_NAME = re.compile(r"[a-z0-9_]+\.[a-z]+")
_VERSION_DIGITS = 12
_ATTEMPTS = 50
_SECONDS_OF_A_SWAP = 0.02


@dataclass(frozen=True)
class Bundle:
    """The files of a bundle.

    Attributes
    ----------
    files : mapping of str to bytes
        Name to content, without the manifest.
    """

    files: Mapping[str, bytes]

    @property
    def manifest(self) -> bytes:
        """The manifest: the format's number and the sha256 sum of each file."""
        sums = {name: hashlib.sha256(data).hexdigest() for name, data in self.files.items()}
        return to_json({"files": sums, "format": FORMAT})

    @property
    def version(self) -> str:
        """The first 12 hex digits of the manifest's sha256 sum: equal for equal files."""
        return hashlib.sha256(self.manifest).hexdigest()[:_VERSION_DIGITS]

    def json(self, name: str) -> Any:
        """Return the content of a JSON file.

        Raises
        ------
        BundleError
            If there is no such file.
        """
        return json.loads(self.content(name))

    def content(self, name: str) -> bytes:
        """Return the content of a file; raises as :meth:`json` does."""
        if name not in self.files:
            raise BundleError(f"the bundle has no {name}; package the model again")
        return self.files[name]

    def with_files(self, files: Mapping[str, bytes]) -> Self:
        """Return the bundle with more files."""
        return type(self)({**self.files, **files})


def to_json(content: object, sort_keys: bool = True) -> bytes:
    """Return readable JSON, the same for the same content; keys are sorted by default."""
    text = json.dumps(content, indent=2, sort_keys=sort_keys, allow_nan=False, ensure_ascii=False)
    return (text + "\n").encode()


def read_bundle(folder: Path) -> Bundle:
    """Read a bundle and verify every file.

    A bundle that replaces another meanwhile is read again: what is returned is one of
    the two.

    Raises
    ------
    BundleError
        If the folder holds no bundle, or a file is missing, extra or changed; it is named.
    """
    before: object = None
    for _ in range(_ATTEMPTS):
        try:
            return _read_bundle(folder)
        except BundleError as error:
            # replaced, or about to be: between two renames it is not there
            problem, found = error, _identity(folder)
            if found == before:
                raise
            before = found
            time.sleep(_SECONDS_OF_A_SWAP)
    raise problem


def _identity(folder: Path) -> object:
    """Return what changes when another folder takes its place."""
    try:
        status = folder.stat()
    except OSError:
        return "absent"
    return status.st_ino, status.st_mtime_ns, status.st_ctime_ns


def _read_bundle(folder: Path) -> Bundle:
    try:
        return _verified(folder)
    except OSError as error:
        path = error.filename or folder
        raise BundleError(f"{path} cannot be read ({error.strerror}); {_REMEDY}") from None


def _verified(folder: Path) -> Bundle:
    if not folder.is_dir():
        raise BundleError(f"{folder} is not a folder; `dvc repro` creates the bundle")
    expected = _sums(folder)
    found = sorted(path.name for path in folder.iterdir() if path.name != MANIFEST)
    for name in found:
        if name not in expected:
            raise BundleError(f"{folder / name} does not belong to the bundle; {_REMEDY}")
    files = {}
    for name, digest in sorted(expected.items()):
        path = folder / name
        if path.is_symlink():
            raise BundleError(f"{path} is a link, not a file; {_REMEDY}")
        if name not in found or not path.is_file():
            raise BundleError(f"{path} is missing; {_REMEDY}")
        files[name] = path.read_bytes()
        if hashlib.sha256(files[name]).hexdigest() != digest:
            raise BundleError(f"{path} was changed since it was packaged; {_REMEDY}")
    bundle = Bundle(files)
    if bundle.manifest != (folder / MANIFEST).read_bytes():
        raise BundleError(f"{folder / MANIFEST} was changed since it was packaged; {_REMEDY}")
    return bundle


_REMEDY = "nothing in it is used: copy the whole folder again from where it was packaged"


def _sums(folder: Path) -> dict[str, str]:
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_bytes())
        version, sums = manifest["format"], {**manifest["files"]}
    except FileNotFoundError:
        raise BundleError(f"{path} is missing; {folder} contains no bundle") from None
    except (ValueError, TypeError, KeyError, RecursionError):
        raise BundleError(f"{path} is not the manifest of a bundle; {_REMEDY}") from None
    if version != FORMAT:
        raise BundleError(
            f"{path} is of format {version!r}, this version reads {FORMAT}; package the model again"
        )
    for name, digest in sums.items():
        if not (isinstance(digest, str) and _NAME.fullmatch(name)) or name == MANIFEST:
            raise BundleError(f"{path} names {name!r}, which no bundle contains; {_REMEDY}")
    return sums


def write_bundle(bundle: Bundle, folder: Path) -> None:
    """Write a bundle; the folder appears whole or not at all, in place of what it was before."""
    with replacing_folder(folder) as staged:
        for name, data in {**bundle.files, MANIFEST: bundle.manifest}.items():
            (staged / name).write_bytes(data)
