#!/usr/bin/env bash
# Installs what the tests need and nothing else. Quick when all is there.
set -euo pipefail
cd "$(dirname "$0")/.."

# command to look for, then the Debian packages that bring it
needs=(
	"chromium chromium fonts-liberation"
	"openssl openssl"
	"pdftotext poppler-utils"
	"buildah buildah"
	"runc runc"
	"shellcheck shellcheck"
	"promtool prometheus"
)

packages=()
# busybox-static shares its command with the package that is not static.
if ! dpkg -s busybox-static >/dev/null 2>&1; then
	packages+=(busybox-static)
fi
for need in "${needs[@]}"; do
	read -r command list <<<"$need"
	if ! command -v "$command" >/dev/null; then
		read -ra names <<<"$list"
		packages+=("${names[@]}")
	fi
done

if ((${#packages[@]} > 0)); then
	as_root=()
	if ((EUID != 0)); then
		as_root=(sudo)
	fi
	if ! command -v apt-get >/dev/null || { ((EUID != 0)) && ! sudo -n true 2>/dev/null; }; then
		echo "deps: these are missing and cannot be installed from here: ${packages[*]}" >&2
		echo "deps: install them (the names are Debian's), or run as root or with sudo, then try again" >&2
		exit 1
	fi
	echo "deps: installing ${packages[*]}"
	"${as_root[@]}" apt-get -qq update
	"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
		apt-get -qq install -y --no-install-recommends "${packages[@]}" >/dev/null
fi

go mod download

# A folder is installed again only when its lock file changed since.
for folder in e2e web; do
	lock=$folder/package-lock.json
	[[ -f $lock ]] || continue
	stamp=$folder/node_modules/.installed
	if [[ ! -f $stamp ]] || ! cmp -s "$lock" "$stamp"; then
		echo "deps: npm ci in $folder"
		npm ci --prefix "$folder" --no-audit --no-fund --loglevel=error
		cp "$lock" "$stamp"
	fi
done
