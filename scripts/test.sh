#!/usr/bin/env bash
# Run the tests on all cores with branch coverage; arguments go to pytest.
set -euo pipefail
cd "$(dirname "$0")/.."
pytest -n auto --dist loadgroup --cov --cov-report=term "$@"
