"""Tells whether what was kept was made by the code that runs now."""

import hashlib
from importlib.metadata import version
from pathlib import Path

_LIBRARIES = ("numpy", "onnxruntime", "pandas", "pyarrow")


def code_hash(folder: Path = Path(__file__).parent) -> str:
    """Return a hash of the package's modules, and of the versions of what they compute with.

    Parameters
    ----------
    folder : Path
        The package, all modules of which count: which of them matter is not kept by hand.
    """
    hashed = hashlib.sha256()
    for name in _LIBRARIES:
        hashed.update(f"{name} {version(name)}\n".encode())
    for path in sorted(folder.rglob("*.py")):
        of_module = hashlib.sha256(path.read_bytes()).hexdigest()
        hashed.update(f"{path.relative_to(folder).as_posix()} {of_module}\n".encode())
    return hashed.hexdigest()
