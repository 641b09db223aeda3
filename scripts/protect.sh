#!/usr/bin/env bash
# Runs the server on a disk of 24 MiB that it fills, again and again. Mounting a
# tmpfs needs root. $1 is how often the server is killed.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ "$(id -u)" != 0 ]; then
	echo "protect: mounting a small disk needs root; try: sudo make protect" >&2
	exit 1
fi
disk=$(mktemp -d)
trap 'umount "$disk" && rmdir "$disk"' EXIT
mount -t tmpfs -o size=24m,mode=700 holdall-protect "$disk"
go test . -count=1 -v -timeout 30m -run '^TestSmallDisk$' -args -protect.disk "$disk" -protect.rounds "${1:-20}"
