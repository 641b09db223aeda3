#!/usr/bin/env bash
# Scans for known vulnerabilities that the code reaches, against the copy of
# the database in scripts/vulndb. LIVE=1 asks the live one.
set -euo pipefail
cd "$(dirname "$0")/.."
govulncheck=$(scripts/tools.sh govulncheck)

if [[ ${LIVE:-} == 1 ]]; then
	exec "$govulncheck" ./...
fi
database=$PWD/.cache/vulndb
rm -rf "$database"
go run ./scripts/vulndb unpack "$database"
"$govulncheck" -db "file://$database" ./...
