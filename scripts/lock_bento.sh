#!/usr/bin/env bash
# Resolve bentos/requirements.in to the versions of requirements.lock: with hashes, for Linux,
# without the address of any package index.
set -euo pipefail
cd "$(dirname "$0")/.."
uv pip compile bentos/requirements.in --constraint requirements.lock \
    --python-platform linux --python-version 3.11 \
    --generate-hashes --no-emit-index-url --no-header --no-annotate \
    --quiet "$@" --output-file bentos/requirements.lock
if grep -nE 'https?://|file:' bentos/requirements.lock; then
    echo "bentos/requirements.lock names a package index" >&2
    exit 1
fi
