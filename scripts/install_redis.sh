#!/usr/bin/env bash
# Install the program of Redis, of which tests start servers of their own; none is left running.
set -euo pipefail
command -v redis-server >/dev/null && exit 0
if ! command -v apt-get >/dev/null || [ "$(id -u)" -ne 0 ]; then
    echo "Redis is not installed, and installing it needs apt-get and root;" \
        "its tests will be skipped" >&2
    exit 0
fi
export DEBIAN_FRONTEND=noninteractive
# no server of the system's own
policy=/usr/sbin/policy-rc.d
made=
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
    made=1
fi
trap '[ -z "$made" ] || rm -f "$policy"' EXIT
{ apt-get update -qq && apt-get install -qq -y --no-install-recommends redis-server >/dev/null; } ||
    echo "Redis could not be installed; its tests will be skipped" >&2
