#!/usr/bin/env bash
# Replaces scalar.js.gz by the one of a version of @scalar/api-reference. Put the
# version and the checksum that it prints into page.go.
#
#   plugins/openapi/assets/update.sh 1.72.1
set -euo pipefail
version=$1
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm pack --silent "@scalar/api-reference@$version" >/dev/null
tar xzf ./*.tgz package/dist/browser/standalone.js
gzip -9 -n -c package/dist/browser/standalone.js >"$here/scalar.js.gz"
sha256sum package/dist/browser/standalone.js | cut -d ' ' -f 1
