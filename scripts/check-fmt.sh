#!/usr/bin/env bash
# Fails when gofmt would change a file, and names it.
set -euo pipefail
cd "$(dirname "$0")/.."
mapfile -t files < <(scripts/gofiles.sh)
unformatted=$(gofmt -l "${files[@]}")
if [[ -n $unformatted ]]; then
	echo "not formatted, run make fmt:" >&2
	echo "$unformatted" >&2
	exit 1
fi
