package doctor

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"
)

// tolerated is how far ahead something may be.
const tolerated = 5 * time.Minute

// checkClock looks for what seems to come from the future.
func checkClock(ctx context.Context, app core.App) ([]Finding, error) {
	var logged types.DateTime
	var texts []string
	err := app.AuxConcurrentDB().NewQuery("SELECT created FROM {{_logs}} ORDER BY rowid DESC LIMIT 1").WithContext(ctx).Column(&texts)
	if err != nil {
		return nil, fmt.Errorf("read the last line of the log: %w", err)
	}
	if len(texts) > 0 {
		logged, _ = types.ParseDateTime(texts[0]) // what is no time is not in the future
	}
	newest, where := logged.Time(), "the last line of the log"
	for _, name := range []string{mainFile, mainFile + "-wal", auxiliaryFile, auxiliaryFile + "-wal"} {
		if info, err := os.Stat(filepath.Join(app.DataDir(), name)); err == nil && info.ModTime().After(newest) {
			newest, where = info.ModTime(), "the last change of "+name
		}
	}
	return clock(newest, where, time.Now()), nil
}

func clock(newest time.Time, where string, now time.Time) []Finding {
	ahead := newest.Sub(now)
	if ahead <= tolerated {
		return nil
	}
	return []Finding{{
		"clock.behind", Error, "", fmt.Sprintf("The clock says %s, but %s is of %s, %s later: tokens, limits and the order of records go wrong.",
			now.UTC().Format("2006-01-02 15:04Z"), where, newest.UTC().Format("2006-01-02 15:04Z"), ahead.Round(time.Minute)),
		"Set the clock of this machine, and let it be kept by NTP.",
	}}
}
