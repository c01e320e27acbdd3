#!/usr/bin/env bash
# Create .venv with exactly the versions of requirements.lock. uv is several times faster than pip,
# which is the fallback where uv cannot reach a package index that only pip is configured for.
set -euo pipefail
cd "$(dirname "$0")/.."
# `make` puts .venv first, which may be about to be recreated
PATH=${PATH//"$PWD/.venv/bin:"/}
python=${1:-python3}

"$python" - <<'PY'
import sys
if not (3, 11) <= sys.version_info[:2] <= (3, 13):
    sys.exit(f"Python 3.11, 3.12 or 3.13 is needed, this is {sys.version.split()[0]}; "
             "name one with `make setup PYTHON=python3.11`")
PY
if [ "$(cat .venv/.ready 2>/dev/null || pwd -P)" != "$(pwd -P)" ]; then
    echo "This project was moved or copied, so .venv is recreated ..."
    rm -rf .venv
fi
if [ -x .venv/bin/python ]; then
    version='import sys; print(sys.version_info[:3])'
    [ "$(.venv/bin/python -c "$version")" = "$("$python" -c "$version")" ] || rm -rf .venv
fi
[ -x .venv/bin/python ] || "$python" -m venv .venv

only_uv=$(mktemp)
trap 'rm -f "$only_uv"' EXIT
awk '/^[a-z0-9]/ {keep = /^uv==/} keep' requirements.lock > "$only_uv"

echo "Installing $(grep -c '^[a-z0-9].*==' requirements.lock) locked packages into .venv ..."
.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r "$only_uv"
# compiled at once: where bytecode is not written at run time, every import would take twice as long
VIRTUAL_ENV=$PWD/.venv .venv/bin/uv pip install --quiet --compile-bytecode \
    --require-hashes -r requirements.lock ||
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps \
        --require-hashes -r requirements.lock
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps \
    --no-build-isolation --no-index --editable .
# every Python of .venv fixes its arithmetic before NumPy is imported; a moved project does not mind
.venv/bin/python - <<'PY'
import sysconfig
from pathlib import Path
file = str(Path("src/churn_pipeline/arithmetic.py").resolve())
line = f"import os; f = {file!r}; os.path.isfile(f) and exec(compile(open(f, 'rb').read(), f, 'exec'), {{}})\n"
Path(sysconfig.get_path("purelib"), "churn_pipeline_arithmetic.pth").write_text(line, encoding="utf-8")
PY
