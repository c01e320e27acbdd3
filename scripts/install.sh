#!/usr/bin/env bash
# Create .venv with exactly the versions of requirements.lock, without CatBoost; `catboost` adds it.
# uv is several times faster than pip, which is the fallback where uv cannot reach a package index
# that only pip is configured for.
set -euo pipefail
cd "$(dirname "$0")/.."

# install_locked AWK_CONDITION: those packages of requirements.lock whose first line meets it
install_locked() {
    awk "/^[a-z0-9]/ {keep = ($1)} keep" requirements.lock > "$chosen"
    echo "Installing $(grep -c '^[a-z0-9].*==' "$chosen") locked packages into .venv ..."
    # compiled at once: where bytecode is not written at run time, every import would take twice as long
    VIRTUAL_ENV=$PWD/.venv .venv/bin/uv pip install --quiet --compile-bytecode --no-deps \
        --require-hashes -r "$chosen" ||
        .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps \
            --require-hashes -r "$chosen"
}

chosen=$(mktemp)
trap 'rm -f "$chosen"' EXIT
optional='/^(catboost|graphviz)==/'  # graphviz: what CatBoost alone asks for
if [ "${1:-}" = catboost ]; then
    install_locked "$optional"
    exit
fi

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

awk '/^[a-z0-9]/ {keep = /^uv==/} keep' requirements.lock > "$chosen"
.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r "$chosen"
if [ -e .venv/.catboost ]; then
    install_locked 1
else
    install_locked "!$optional"
fi
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
