#!/usr/bin/env bash
# Builds the gRPC project's interop client (grpc-go) and grpcurl, pinned, into the cache of peers. What is there stays.
set -euo pipefail
peers="${XDG_CACHE_HOME:-$HOME/.cache}/narun/peers"
mkdir -p "$peers"
command -v go >/dev/null || { echo "no Go: tests with grpc-go and grpcurl are skipped"; exit 0; }
export GOFLAGS="-p=2 -mod=mod" CGO_ENABLED=0

build() { # name version module package
  local target="$peers/$1-$2" work
  [ -x "$target" ] && return
  work=$(mktemp -d)
  (cd "$work" && go mod init peer && go get "$3@$2" "$4@$2" && go build -trimpath -ldflags=-s -o "$target" "$4") >"$work/log" 2>&1 ||
    { tail -5 "$work/log"; echo "$1 could not be built: its tests are skipped"; }
  rm -rf "$work"
}
build grpc-interop-client v1.85.0 google.golang.org/grpc google.golang.org/grpc/interop/client
build grpcurl v1.9.4 github.com/fullstorydev/grpcurl github.com/fullstorydev/grpcurl/cmd/grpcurl
