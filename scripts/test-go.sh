#!/usr/bin/env bash
# Runs go vet and the Go tests with the race detector. Tests that fail get one
# more run, by themselves and one package after the other: on a busy machine some
# fail that do not on a quiet one. What passes then is printed as flaky, which is a
# defect to mend. A data race, a panic and a build that fails get no second run.
#
#   scripts/test-go.sh ./plugins/schema
set -uo pipefail
cd "$(dirname "$0")/.." || exit

# SQLite, which is C in Go's clothes, takes two thirds of the tests' time when it
# is instrumented, for nothing: its memory is outside of Go's heap, where the
# detector does not look. Its driver is instrumented like everything else. checkptr,
# which looks after package unsafe, is off: what uses that is a library's.
flags=(-race "-gcflags=all=-d=checkptr=0")
for package in modernc.org/sqlite/lib modernc.org/libc/... modernc.org/memory; do
	flags+=("-gcflags=$package=-race=false -d=checkptr=0")
done

# With the same flags, what go vet compiles is what the tests need. It knows no
# flags of tests.
if [[ " $* " != *' -'* ]]; then
	go vet "${flags[@]}" "$@" || exit 1
fi

# Collecting less often saves a sixth of the processor's time.
export GOGC=${GOGC:-300}

log=$(mktemp)
trap 'rm -f "$log"' EXIT

go test "${flags[@]}" -shuffle=on -timeout=20m "$@" 2>&1 | tee "$log"
((PIPESTATUS[0] == 0)) && exit 0

if grep -qE 'WARNING: DATA RACE|^panic: |^fatal error: |\[(build|setup) failed\]|^go: ' "$log"; then
	exit 1
fi
mapfile -t packages < <(awk '/^FAIL\t/ {print $2}' "$log" | sort -u)
# subtests run with the test that they are of
mapfile -t tests < <(sed -nE 's/^--- FAIL: ([A-Za-z0-9_]+) .*/\1/p' "$log" | sort -u)
if ((${#packages[@]} == 0 || ${#tests[@]} == 0)); then
	exit 1
fi

pattern="^($(IFS='|' && echo "${tests[*]}"))\$"
printf '\nonce more, alone: %s\n' "${tests[*]}"
go test "${flags[@]}" -count=1 -p 1 -parallel 1 -timeout=10m -run "$pattern" "${packages[@]}" || exit 1
printf '\nFLAKY, failed on a busy machine and passed alone: %s\n' "${tests[*]}"
