#!/usr/bin/env bash
# Builds a pinned tool into .cache/bin, unless it is there, and prints its path.
#
#   scripts/tools.sh golangci-lint
set -euo pipefail
cd "$(dirname "$0")/.."

case ${1:-} in
golangci-lint) package=github.com/golangci/golangci-lint/v2/cmd/golangci-lint version=v2.15.0 ;;
govulncheck) package=golang.org/x/vuln/cmd/govulncheck version=v1.9.0 ;;
*)
	echo "tools: unknown tool ${1:-}" >&2
	exit 2
	;;
esac

folder=$PWD/.cache/bin/$version
tool=$folder/$1
if [[ ! -x $tool ]]; then
	echo "tools: building $1 $version" >&2
	GOFLAGS='' GOBIN=$folder go install "$package@$version" >&2
fi
echo "$tool"
