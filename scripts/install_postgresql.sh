#!/usr/bin/env bash
# Install the programs of PostgreSQL, of which tests start servers of their own; none is left running.
set -euo pipefail
compgen -G "/usr/lib/postgresql/*/bin/initdb" >/dev/null && exit 0
command -v initdb >/dev/null && exit 0
if ! command -v apt-get >/dev/null || [ "$(id -u)" -ne 0 ]; then
    echo "PostgreSQL is not installed, and installing it needs apt-get and root;" \
        "its tests will be skipped" >&2
    exit 0
fi
export DEBIAN_FRONTEND=noninteractive
# no server of the system's own
mkdir -p /etc/postgresql-common
[ -e /etc/postgresql-common/createcluster.conf ] ||
    echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.conf
{ apt-get update -qq && apt-get install -qq -y --no-install-recommends postgresql >/dev/null; } ||
    echo "PostgreSQL could not be installed; its tests will be skipped" >&2
