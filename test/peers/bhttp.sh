#!/usr/bin/env bash
# Builds the peer of the tests of binary HTTP, once: ~/.cache/narun/peers/bhttp-0.0.80.
set -euo pipefail
program="${XDG_CACHE_HOME:-$HOME/.cache}/narun/peers/bhttp-0.0.80"
[ -x "$program" ] && exit 0
command -v go >/dev/null || { echo "go is missing: the tests with the codec of the original toolkit are skipped"; exit 0; }
cd "$(dirname "$0")/bhttp"
mkdir -p "$(dirname "$program")"
GOFLAGS="-p=2" timeout 120 go build -o "$program.new" . && mv "$program.new" "$program"
