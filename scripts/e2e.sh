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
run() {
	node --test --test-timeout=300000 --test-reporter=spec --test-reporter-destination=stdout \
		--test-reporter=tap --test-reporter-destination="$tap" "$@"
}

tap=$(mktemp)
trap 'rm -f "$tap"' EXIT
run "${files[@]}" && exit 0

# As in test-go.sh: the files of the tests that failed get one more run, one
# after the other.
mapfile -t failed < <(awk '/^ *not ok /{bad = 1} /^ *ok /{bad = 0} bad && /location:/{print}' "$tap" |
	sed -E "s/.*location: '(.*):[0-9]+:[0-9]+'.*/\1/" | sort -u)
((${#failed[@]} > 0)) || exit 1
for file in "${failed[@]}"; do
	# a test that a helper declares is in any of the files
	if [[ $file != *.test.mjs ]]; then
		failed=("${files[@]}")
		break
	fi
done
printf '\nonce more, alone: %s\n' "${failed[*]}"
for file in "${failed[@]}"; do
	run "$file" || exit 1
done
printf '\nFLAKY, failed on a busy machine and passed alone: %s\n' "${failed[*]}"
