#!/usr/bin/env bash
# Prints the project's Go files, those not yet committed included.
set -euo pipefail
cd "$(dirname "$0")/.."
git ls-files --cached --others --exclude-standard -- '*.go' | while read -r file; do
	if [[ -f $file ]]; then
		echo "$file"
	fi
done
