#!/usr/bin/env bash
# Builds a pinned Caddy for the tests, once: ~/.cache/narun/peers/caddy-2.11.9. Without it they run with the installed one only.
set -euo pipefail
version=2.11.9
program="${XDG_CACHE_HOME:-$HOME/.cache}/narun/peers/caddy-$version"
[ -x "$program" ] && exit 0
command -v go >/dev/null || { echo "go is missing: the tests with Caddy $version are skipped"; exit 0; }
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
mkdir -p "$(dirname "$program")"
GOFLAGS="-p=2" GOBIN="$folder" timeout 240 go install "github.com/caddyserver/caddy/v2/cmd/caddy@v$version" &&
  mv "$folder/caddy" "$program"
