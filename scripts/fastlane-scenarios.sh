#!/usr/bin/env bash
# Runs PocketBase's own tests of its API three times: as they are but without their
# counters of events, which are bound to all hooks, then with the fast lane behind all
# middlewares, then with the lane in front of the router. No test may fail with the lane
# that does not without it. PocketBase's module is copied, as the copies in Go's
# module cache may not be changed. $1 is which tests are run, by default all.
# shellcheck disable=SC2016 # the dollars are perl's
set -euo pipefail
cd "$(dirname "$0")/.."
tests=${1:-.}

work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
module=github.com/pocketbase/pocketbase
cp -r "$(go list -m -f '{{.Dir}}' "$module")" "$work/pocketbase"
chmod -R u+w "$work/pocketbase"

# replace FILE WHAT: pipes a file through perl, and fails if that finds nothing.
replace() {
	local before
	before=$(md5sum <"$1")
	perl -0pi -e "$2" "$1"
	if [[ $before == "$(md5sum <"$1")" ]]; then
		echo "fastlane-scenarios: PocketBase's $(basename "$1") is not as expected: $2" >&2
		exit 1
	fi
}

app=$work/pocketbase/tests/app.go
api=$work/pocketbase/tests/api.go
replace "$app" 's/\tt\.On(?!Serve|Bootstrap|Terminate|MailerSend)\w+\(\)\.Bind\(&hook\.Handler\[[^\]]*\]\{\n\t\tFunc: func\(e [^)]*\) error \{\n\t\t\tt\.registerEventCall\("\w+"\)\n\t\t\treturn e\.Next\(\)\n\t\t\},\n\t\tPriority: -99999,\n\t\}\)\n//g'
replace "$api" 's/range scenario\.ExpectedEvents/range map[string]int(nil)/'
replace "$api" 's/(\t\te\.Router\.Bind\(&hook\.Handler\[\*core\.RequestEvent\]\{.*?\n\t\t\}\)\n)/\t\tif scenario.Timeout > 0 {\n$1\t\t}\n/s'
# the lane finds its place when OnServe is over, so that the request has to be later
replace "$api" 's/\t\trecorder := httptest/\t\tmux, err := e.Router.BuildMux()\n\t\tif err != nil {\n\t\t\tt.Fatalf("Failed to build router mux: %v", err)\n\t\t}\n\t\te.Server = &http.Server{Handler: mux}\n\t\treturn nil\n\t})\n\tif serveErr != nil {\n\t\tt.Fatalf("Failed to trigger app serve hook: %v", serveErr)\n\t}\n\tserveErr = func(e *core.ServeEvent) error {\n\t\trecorder := httptest/'
replace "$api" 's/\t\tmux, err := e\.Router\.BuildMux\(\)\n\t\tif err != nil \{\n\t\t\tt\.Fatalf\([^\n]*\n\t\t\}\n\t\tmux\.ServeHTTP/\t\twarm(e.Server.Handler, req)\n\t\te.Server.Handler.ServeHTTP/'
replace "$api" 's/(.*)\t\treturn nil\n\t\}\)\n\tif serveErr/$1\t\treturn nil\n\t}(serveEvent)\n\tif serveErr/s'
replace "$api" 's/(\tbaseRouter, err := apis\.NewRouter)/\tdefer withLane(testApp)()\n\n$1/'
cp scripts/fastlane-scenarios.go.txt "$work/pocketbase/tests/lane.go"

cp go.mod "$work/go.mod"
cp go.sum "$work/go.sum"
go mod edit -replace "$module=$work/pocketbase" "$work/go.mod"

# run LANE runs the tests, prints how many passed and keeps the names of those that failed.
run() {
	: >"$work/$1.served"
	FASTLANE=$1 FASTLANE_SERVED=$work/$1.served \
		go test -modfile="$work/go.mod" -mod=mod -count=1 -timeout=15m -v -run "$tests" "$module/apis" >"$work/$1.log" 2>&1 || true
	if ! grep -q '^--- ' "$work/$1.log"; then
		tail -20 "$work/$1.log" >&2
		exit 1
	fi
	grep -E '^ *--- FAIL' "$work/$1.log" | sed -E 's/^ *--- FAIL: (.*) \([0-9.]+s\)$/\1/' | sort >"$work/$1.failed" || true
	printf '%-8s %5d passed, %3d failed, %5d requests served by the lane\n' "$1" \
		"$(grep -cE '^ *--- PASS' "$work/$1.log" || true)" "$(wc -l <"$work/$1.failed")" "$(awk '{n += $1} END {print n + 0}' "$work/$1.served")"
}

status=0
run none
for lane in behind front; do
	run "$lane"
	# the lane's panel is an extension of the dashboard, and one of these expects none
	if more=$(comm -13 "$work/none.failed" "$work/$lane.failed" | grep -vE '^TestUIExtensions_Mainjs(/no_extensions)?$') && [[ -n $more ]]; then
		status=1
		printf 'fails with the lane %s:\n%s\n' "$lane" "$more"
		grep -A12 -E '^ *--- FAIL' "$work/$lane.log" | head -"${LINES_OF_FAILURES:-80}"
	fi
	if [[ $tests == . && ! -s $work/$lane.served ]]; then
		status=1
		echo "the lane has served nothing"
	fi
done
if [[ -s $work/none.failed ]]; then
	printf 'fails without the lane, too, as it looks at events or at the machine:\n'
	cat "$work/none.failed"
fi
exit "$status"
