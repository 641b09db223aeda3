#!/usr/bin/env bash
# Runs a command and fails when it changes, adds or removes a file under the
# given path. It compares with what was there before, so that it also works in
# a tree with uncommitted work.
#
#   scripts/unchanged.sh PATH HINT COMMAND...
set -euo pipefail
cd "$(dirname "$0")/.."
path=$1 hint=$2
shift 2

before=$(mktemp -d)
trap 'rm -rf "$before"' EXIT

# The files git knows or would add: build caches and data folders stay out.
listing() {
	git ls-files --cached --others --exclude-standard -z -- "$path" |
		while IFS= read -r -d '' file; do
			if [[ -f $file ]]; then
				printf '%s\0' "$file"
			fi
		done
}

listing | tar --null --files-from=- --create --file="$before/tree.tar"
mkdir "$before/tree" "$before/now"
tar --extract --file="$before/tree.tar" --directory="$before/tree"
"$@"
listing | tar --null --files-from=- --create --file="$before/now.tar"
tar --extract --file="$before/now.tar" --directory="$before/now"

if ! diff --recursive --brief --new-file "$before/tree" "$before/now" >"$before/diff"; then
	sed -E "s#$before/(tree|now)/##g" "$before/diff" >&2
	diff --recursive --unified --new-file "$before/tree" "$before/now" | head -60 >&2 || true
	echo "$path is not current: $hint" >&2
	exit 1
fi
