#!/usr/bin/env bash
# Installs NATS' client for Python into a cached virtual environment, and prints the path of its python3.
set -euo pipefail
version=2.16.0
folder="${XDG_CACHE_HOME:-$HOME/.cache}/narun/peers/nats-py-$version"
if [ ! -e "$folder/ready" ]; then
  mkdir -p "$folder"
  python3 -m venv "$folder"
  "$folder/bin/pip" install --quiet "nats-py==$version"
  touch "$folder/ready"
fi
echo "$folder/bin/python3"
