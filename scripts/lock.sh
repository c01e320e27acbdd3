#!/usr/bin/env bash
# Resolve pyproject.toml into requirements.lock: one version for all supported Pythons and systems,
# with hashes, without the address of any package index.
set -euo pipefail
cd "$(dirname "$0")/.."
uv pip compile pyproject.toml --extra dev --extra catboost --universal --python-version 3.11 \
    --fork-strategy fewest --generate-hashes --no-emit-index-url --no-header --no-annotate \
    --quiet "$@" --output-file requirements.lock
if grep -nE 'https?://|file:' requirements.lock; then
    echo "requirements.lock names a package index" >&2
    exit 1
fi
