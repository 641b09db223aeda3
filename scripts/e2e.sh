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
# A test that hangs is a failure, not a stage without an end. A file is a test, too: the
# slowest takes two minutes on a machine with nothing else to do.
run() {
	node --test --test-timeout=600000 --test-reporter=spec --test-reporter-destination=stdout \
		--test-reporter=tap --test-reporter-destination="$tap" "$@"
}

tap=$(mktemp)
trap 'rm -f "$tap"' EXIT
run "${files[@]}" && exit 0

# As in test-go.sh: the tests that failed get one more run, by their names and one file
# after the other. What has no name, as a file that cannot be read, gets none.
mapfile -t failed < <(sed -nE 's/^ *not ok [0-9]+ - (.*[^ ])( # .*)?$/\1/p' "$tap" | sort -u)
((${#failed[@]} > 0)) || exit 1
patterns=()
of=()
for name in "${failed[@]}"; do
	# a name that is put together is in any of the files
	mapfile -t -O "${#of[@]}" of < <(grep -lF -- "$name" "${files[@]}" || printf '%s\n' "${files[@]}")
	patterns+=("--test-name-pattern=^$(sed -E 's/[][\.*^$+?(){}|/]/\\&/g' <<<"$name")\$")
done
printf '\nonce more, alone:\n'
printf '  %s\n' "${failed[@]}"
mapfile -t of < <(printf '%s\n' "${of[@]}" | sort -u)
run --test-concurrency=1 "${patterns[@]}" "${of[@]}" || exit 1
for name in "${failed[@]}"; do
	grep -qE '^ *ok [0-9]+ - ' <<<"$(grep -F -- "- $name" "$tap" | grep -v '# SKIP')" || {
		echo "the second run has no test named: $name" >&2
		exit 1
	}
done
printf '\nFLAKY, failed on a busy machine and passed alone:\n'
printf '  %s\n' "${failed[@]}"
