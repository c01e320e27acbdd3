#!/usr/bin/env bash
# Run the tests on all cores; `fast`, `full` or nothing says how many, other arguments go to pytest.
#   fast  no services, browsers, kedro or dvc processes, nothing slow; no coverage
#         one real run of each at small sizes, with branch coverage
#   full  the same tests at full sizes, with branch coverage
set -euo pipefail
cd "$(dirname "$0")/.."
case "${1:-}" in
  fast) shift; level=(--fast) ;;
  full) shift; level=(--full --cov --cov-report=term) ;;
  *) level=(--cov --cov-report=term) ;;
esac
# the workers take all cores already
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
# a file stays on one worker, since its tests share servers and checkouts; in order, so that the long
# ones (tests/e2e) do not come last
pytest -n auto --dist loadfile --no-loadscope-reorder --durations=12 "${level[@]}" "$@"
