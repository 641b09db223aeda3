#!/usr/bin/env bash
# Fails when `go generate` would change what is committed.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/unchanged.sh . 'run make generate and commit the result' go generate ./...
