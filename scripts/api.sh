#!/usr/bin/env bash
# Holds the API to docs/openapi.json, the last one that clients were promised:
# everything in it, as superusers see it.
#
#   scripts/api.sh check   fails when the API has broken it, or is not the one in it
#   scripts/api.sh write   writes it, unless clients would break; BREAK=1 does it anyway
#
# Breaking it is right with a later dated version, see docs/contract.md.
set -euo pipefail
cd "$(dirname "$0")/.."

case ${1:-} in
check | write) ;;
*) echo "usage: scripts/api.sh check|write" >&2 && exit 2 ;;
esac

baseline=${BASELINE:-docs/openapi.json}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

go build -o "$work/holdall" .

# The document must not depend on who makes it.
document() {
	env -i PATH="$PATH" HOME="$work" "$work/holdall" openapi --migrate --dir "$work/data" "$@"
}

# covered says whether clients of the version in the baseline are served as it says.
covered() {
	local date
	date=$(awk -F '"' '/^    "version":/ { print $4; exit }' "$baseline")
	"$work/holdall" openapi diff "$baseline" "$work/openapi.json" --fail-on unversioned >"$work/changes" &&
		document --version "$date" >"$work/before.json" &&
		"$work/holdall" openapi diff "$baseline" "$work/before.json" >"$work/changes"
}

: >"$work/changes"
document >"$work/openapi.json"
if [[ -e $baseline ]] && ! "$work/holdall" openapi diff "$baseline" "$work/openapi.json" >"$work/changes" && ! covered; then
	cat "$work/changes" >&2
	if [[ $1 == check || -z ${BREAK:-} ]]; then
		echo "Clients of $baseline would break. Keep what they use, or add a dated version (docs/contract.md)." >&2
		echo "If nobody uses it yet: BREAK=1 make api" >&2
		exit 1
	fi
fi

if [[ $1 == write ]]; then
	cp "$work/openapi.json" "$baseline"
elif ! cmp -s "$baseline" "$work/openapi.json"; then
	cat "$work/changes" >&2
	echo "$baseline is not the API: run make api and commit the result" >&2
	exit 1
fi
