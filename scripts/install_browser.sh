#!/usr/bin/env bash
# Install headless Chromium and its driver for the browser tests.
set -euo pipefail
if command -v chromedriver >/dev/null; then
    for browser in chromium google-chrome; do
        command -v "$browser" >/dev/null && exit 0
    done
fi
if ! command -v apt-get >/dev/null || [ "$(id -u)" -ne 0 ]; then
    echo "Chromium is not installed, and installing it needs apt-get and root;" \
        "the browser tests will be skipped" >&2
    exit 0
fi
export DEBIAN_FRONTEND=noninteractive
{ apt-get update -qq && apt-get install -qq -y --no-install-recommends chromium chromium-driver >/dev/null; } ||
    echo "Chromium could not be installed; the browser tests will be skipped" >&2
