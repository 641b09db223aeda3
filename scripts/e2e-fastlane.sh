#!/usr/bin/env bash
# Runs an end-to-end suite against the program with the fast lane on, which the tests
# start as ever.
#
#   scripts/e2e-fastlane.sh node|browser
set -euo pipefail
cd "$(dirname "$0")/.."

program=$(mktemp)
trap 'rm -f "$program"' EXIT
cat >"$program" <<END
#!/bin/sh
HOLDALL_FAST_LANE=\${HOLDALL_FAST_LANE-true} exec "${HOLDALL_BIN:-$PWD/dist/holdall}" "\$@"
END
chmod +x "$program"
HOLDALL_BIN=$program scripts/e2e.sh "$1"
