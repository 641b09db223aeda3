#!/usr/bin/env bash
# Replaces what draws the page by that of a version of @scalar/api-reference or
# swagger-ui-dist. Put the version and the checksums that it prints into page.go.
#
#   plugins/openapi/assets/update.sh scalar 1.72.1
#   plugins/openapi/assets/update.sh swagger-ui 5.35.0
set -euo pipefail
reader=$1
version=$2
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# pack PACKAGE: unpacks it here
pack() {
	npm pack --silent "$1@$version" >/dev/null
	tar xzf ./*.tgz
}

# keep FILE AS: puts it beside this script, compressed
keep() {
	gzip -9 -n -c "package/$1" >"$here/$2.gz"
	echo "$2 $(sha256sum "package/$1" | cut -d ' ' -f 1)"
}

case $reader in
scalar)
	pack @scalar/api-reference
	keep dist/browser/standalone.js scalar.js
	;;
swagger-ui)
	pack swagger-ui-dist
	keep swagger-ui-bundle.js swagger-ui.js
	keep swagger-ui.css swagger-ui.css
	cat package/LICENSE package/NOTICE >"$here/LICENSE.swagger-ui"
	;;
*)
	echo "unknown: $reader" >&2
	exit 2
	;;
esac
