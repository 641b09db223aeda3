#!/usr/bin/env bash
# Writes the web app's types of the API, or fails when they are not current.
#
#   scripts/web-types.sh --out|--check
set -euo pipefail
cd "$(dirname "$0")/.."
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
# The file must not depend on who writes it.
env --unset=HOLDALL_DIR go run . types ts --migrate --dir "$dir" --routes /api/v1/,/api/push/ "$1" web/src/data/types.gen.ts
