package doctor

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/disk"
)

const (
	// fewBytes is how little free space harms soon, and smallShare the part of the file
	// system that should be free.
	fewBytes   = 512 << 20
	smallShare = 20

	// longLog is from which size on a write-ahead log is one that nobody empties, and
	// largeLogs from which on the logs of requests are worth a word.
	longLog   = 256 << 20
	largeLogs = 1 << 30
)

// checkDisk looks at the data directory and what it is on.
func checkDisk(_ context.Context, app core.App) ([]Finding, error) {
	dir := app.DataDir()
	now, err := disk.Space(dir)
	if err != nil {
		return nil, fmt.Errorf("ask for the free space: %w", err)
	}
	findings := space(dir, now.Total, now.Free, size(filepath.Join(dir, mainFile)))
	if kind := disk.Network(dir); kind != "" {
		findings = append(findings, onNetwork(dir, kind))
	}
	findings = append(findings, files(dir)...)
	return append(findings, readable(dir)...), nil
}

// space looks at what is left of the disk.
func space(dir string, total, free, database uint64) []Finding {
	left := fmt.Sprintf("%s of %s are free.", bytesText(free), bytesText(total))
	const remedy = "Make room or enlarge the disk: the server refuses writes when it is full."
	switch {
	case free < fewBytes:
		return []Finding{{"disk.full", Error, dir, left, remedy}}
	case free < total/smallShare, free < database:
		if free < database {
			left += " That is less than the database takes, so neither an upgrade nor VACUUM can make a copy of it."
		}
		return []Finding{{"disk.nearly-full", Warning, dir, left, remedy}}
	}
	return nil
}

func onNetwork(dir, kind string) Finding {
	return Finding{
		"disk.network", Error, dir, fmt.Sprintf("The data directory is on a network file system (%s), whose locks SQLite cannot rely on: databases there get damaged.", kind),
		"Move the data directory to a disk of the machine itself.",
	}
}

// files looks at what has grown.
func files(dir string) []Finding {
	var findings []Finding
	for _, name := range []string{mainFile, auxiliaryFile} {
		if log := size(filepath.Join(dir, name+"-wal")); log > longLog {
			findings = append(findings, Finding{
				"disk.long-log", Warning, name + "-wal", fmt.Sprintf("The write-ahead log has grown to %s: something reads for very long, or copies of it fall behind.", bytesText(log)),
				"See whether the backup keeps up, and restart the server, which ends what reads.",
			})
		}
	}
	if logs := size(filepath.Join(dir, auxiliaryFile)); logs > largeLogs {
		findings = append(findings, Finding{
			"disk.large-logs", Note, auxiliaryFile, fmt.Sprintf("The logs in the dashboard take %s.", bytesText(logs)),
			"Keep them for fewer days, or none where standard output is collected, under Logs in the dashboard's settings.",
		})
	}
	return findings
}

func size(path string) uint64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return uint64(info.Size())
}

// readable looks at who else on the machine may read the data.
func readable(dir string) []Finding {
	const others = 0o005
	info, err := os.Stat(dir)
	if err != nil || runtime.GOOS == "windows" || info.Mode().Perm()&others != others {
		return nil
	}
	database, err := os.Stat(filepath.Join(dir, mainFile))
	if err != nil || database.Mode().Perm()&0o004 == 0 {
		return nil
	}
	return []Finding{{
		"disk.readable", Warning, dir, "Every user of this machine may read the databases and the uploaded files.",
		fmt.Sprintf("Take their permissions: chmod o-rwx %s", dir),
	}}
}
