#!/usr/bin/env bash
# Type-checks and builds the web app, and fails when its types of the API are not
# the program's, or pb_public differs from what its source builds.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/web-types.sh --check
npm run check --prefix web
scripts/unchanged.sh pb_public 'run npm run build --prefix web and commit the result' \
	npm run build --prefix web
