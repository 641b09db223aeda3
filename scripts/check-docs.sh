#!/usr/bin/env bash
# Fails when docs/config.md is not what the program writes, or when a page, the
# compose file or the unit names an option that does not exist.
set -euo pipefail
cd "$(dirname "$0")/.."

written=$(mktemp)
trap 'rm -f "$written"' EXIT
# The page must not depend on who writes it.
env --unset=HOLDALL_DIR go run . config --markdown >"$written"
if ! diff --unified docs/config.md "$written" >&2; then
	echo "docs/config.md is not current: run make docs and commit the result" >&2
	exit 1
fi

# Names that mean something to the files themselves, not to the program.
of_others='HOLDALL_BIN|HOLDALL_PLUGIN_OPTION|HOLDALL_X|HOLDALL_URL'
mapfile -t files < <(git ls-files '*.md' compose.yaml Dockerfile deploy | grep -v '^docs/config.md$')
unknown=0
while IFS=: read -r file name; do
	if ! grep -qE "\`${name%_FILE}\`" docs/config.md; then
		echo "$file names $name, which docs/config.md does not list" >&2
		unknown=1
	fi
done < <(grep -oHE '\bHOLDALL_[A-Z0-9_]*[A-Z0-9]\b' "${files[@]}" | grep -vE ":($of_others)$" | sort -u)
exit "$unknown"
