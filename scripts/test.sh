#!/usr/bin/env bash
# Run the tests on all cores with branch coverage; arguments go to pytest.
set -euo pipefail
cd "$(dirname "$0")/.."
pytest -n 2 --dist worksteal --cov --cov-report=term "$@"
