#!/usr/bin/env bash
# Runs one of the end-to-end suites against dist/holdall.
#
#   scripts/e2e.sh node|browser|container
set -euo pipefail
cd "$(dirname "$0")/../e2e"
suite=$1

case $suite in
node)
	mapfile -t files < <(find . -maxdepth 1 -name '*.test.mjs' | sort)
	;;
browser | container)
	mapfile -t files < <(find "./$suite" -name '*.test.mjs' | sort)
	;;
*)
	echo "unknown suite $suite" >&2
	exit 2
	;;
esac

if ((${#files[@]} == 0)); then
	echo "no tests found for $suite" >&2
	exit 1
fi
# A test that hangs is a failure, not a stage without an end.
node --test --test-reporter=spec --test-timeout=300000 "${files[@]}"
