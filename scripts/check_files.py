"""Checks of pre-commit on single files: `check_files.py syntax|size FILE…`."""

import sys
import tomllib
from pathlib import Path

import yaml

_MAX_BYTES = 1_000_000


def _syntax(path: Path) -> str | None:
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".toml":
            tomllib.loads(text)
        else:
            list(yaml.safe_load_all(text))
    except (yaml.YAMLError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        return f"{path}: {' '.join(str(error).split())}"
    return None


def _size(path: Path) -> str | None:
    size = path.stat().st_size
    return f"{path}: {size:,} bytes, at most {_MAX_BYTES:,}" if size > _MAX_BYTES else None


def main(check: str, paths: list[str]) -> int:
    """Print a line for every file that fails; return the exit status."""
    checks = {"syntax": _syntax, "size": _size}
    problems = [problem for path in paths if (problem := checks[check](Path(path)))]
    print("\n".join(problems), end="\n" if problems else "")
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
