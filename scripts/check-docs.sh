#!/usr/bin/env bash
# Fails when docs/config.md is not what the program writes.
set -euo pipefail
cd "$(dirname "$0")/.."
if [[ ! -f docs/config.md ]]; then
	echo "no docs/config.md yet"
	exit 0
fi
