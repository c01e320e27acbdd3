#!/usr/bin/env bash
# Take promtool and amtool, which check the files of Prometheus and Alertmanager, out of Debian's
# packages into a folder (.venv/bin by default). Installing the packages would start servers too.
set -euo pipefail
folder=$(realpath "${1:-$(dirname "$0")/../.venv/bin}")
declare -A packages=([promtool]=prometheus [amtool]=prometheus-alertmanager)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for tool in "${!packages[@]}"; do
    { command -v "$tool" >/dev/null || [ -x "$folder/$tool" ]; } && continue
    if ! command -v apt-get >/dev/null; then
        echo "$tool is not installed, and taking it from a package needs apt-get;" \
            "tests in tests/deploy will be skipped" >&2
        continue
    fi
    cd "$work"
    package=${packages[$tool]}
    if apt-get download -qq "$package" >/dev/null 2>&1 ||
        { apt-get update -qq && apt-get download -qq "$package" >/dev/null; }; then
        dpkg-deb --extract "$package"_*.deb .
        mkdir -p "$folder"
        cp "usr/bin/$tool" "$folder/$tool"
    else
        echo "$tool could not be fetched; tests in tests/deploy will be skipped" >&2
    fi
done
