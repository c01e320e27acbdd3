#!/usr/bin/env bash
# Run the tests on all cores with branch coverage; arguments go to pytest.
set -euo pipefail
cd "$(dirname "$0")/.."
# a file stays on one worker, since its tests share a checkout; in order, so that the long ones
# (tests/e2e) do not come last
pytest -n auto --dist loadfile --no-loadscope-reorder --durations=12 --cov --cov-report=term "$@"
