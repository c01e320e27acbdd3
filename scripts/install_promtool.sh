#!/usr/bin/env bash
# Take promtool, which checks Prometheus' files, out of Debian's package into a folder (.venv/bin by
# default). Installing the package would start a Prometheus too.
set -euo pipefail
folder=$(realpath "${1:-$(dirname "$0")/../.venv/bin}")
command -v promtool >/dev/null && exit 0
[ -x "$folder/promtool" ] && exit 0
if ! command -v apt-get >/dev/null; then
    echo "promtool is not installed, and taking it from a package needs apt-get;" \
        "the tests of deploy/alerts.yml will be skipped" >&2
    exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
if apt-get download -qq prometheus >/dev/null 2>&1 ||
    { apt-get update -qq && apt-get download -qq prometheus >/dev/null; }; then
    dpkg-deb --extract prometheus_*.deb .
    mkdir -p "$folder"
    cp usr/bin/promtool "$folder/promtool"
else
    echo "promtool could not be fetched; the tests of deploy/alerts.yml will be skipped" >&2
fi
