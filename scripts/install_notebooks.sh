#!/usr/bin/env bash
# Install JupyterLab and nbconvert into .venv; what requirements.lock names keeps its version.
set -euo pipefail
cd "$(dirname "$0")/.."
constraints=$(mktemp)
trap 'rm -f "$constraints"' EXIT
awk '/^[a-z0-9].*==/ {sub(/ \\$/, ""); print}' requirements.lock > "$constraints"
echo "Installing JupyterLab into .venv ..."
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-build-isolation \
    --constraint "$constraints" --editable '.[notebooks]'
