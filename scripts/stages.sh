#!/usr/bin/env bash
# Runs make targets one after another, says how long each took and stops at the
# first that fails.
#
#   scripts/stages.sh vet test-go e2e
set -uo pipefail
cd "$(dirname "$0")/.." || exit

started=$SECONDS
summary=()
passed=0

report() {
	printf '\n%-18s %s\n' stage seconds
	printf '%s\n' "${summary[@]}"
	printf '%-18s %d\n' total $((SECONDS - started))
	printf '\nstages: %d passed, %d failed\n' "$passed" "$1"
}

for stage in "$@"; do
	printf '\n=== %s\n' "$stage"
	from=$SECONDS
	make "$stage"
	status=$?
	summary+=("$(printf '%-18s %d' "$stage" $((SECONDS - from)))")
	if ((status != 0)); then
		summary[-1]+=' FAILED'
		report 1
		exit "$status"
	fi
	passed=$((passed + 1))
	printf -- '--- %s: %d s\n' "$stage" $((SECONDS - from))
done

report 0
