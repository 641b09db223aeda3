#!/usr/bin/env bash
# Runs every fuzz target of the given packages, one after another, each for
# T (30s). Go fuzzes one target at a time.
#
#   T=10s scripts/fuzz.sh ./hooks/...
set -euo pipefail
cd "$(dirname "$0")/.."
if (($# == 0)); then
	set -- ./...
fi

ran=0
for package in $(go list "$@"); do
	targets=$(go test -list '^Fuzz' "$package" | { grep '^Fuzz' || true; })
	for target in $targets; do
		echo "=== $package $target for ${T:-30s}"
		go test -run '^$' -fuzz "^$target\$" -fuzztime "${T:-30s}" "$package"
		ran=$((ran + 1))
	done
done

echo "fuzz targets: $ran"
if ((ran == 0)); then
	exit 1
fi
