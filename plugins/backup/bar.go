package backup

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

// bar shows progress: on a terminal as a line that fills, elsewhere as a line at
// each tenth.
type bar struct {
	out      io.Writer
	terminal bool

	mu    sync.Mutex
	drawn time.Time
	tenth int64
	any   bool
}

// leastShown is how many bytes are worth a line in a log.
const leastShown = 16 << 20

func newBar(out io.Writer) *bar {
	b := &bar{out: out}
	if file, ok := out.(*os.File); ok {
		info, err := file.Stat()
		b.terminal = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	return b
}

func (b *bar) set(done, all int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if all <= 0 || (!b.terminal && all < leastShown) {
		return
	}
	done = min(done, all)
	if !b.terminal {
		if tenth := 10 * done / all; tenth > b.tenth {
			b.tenth = tenth
			fmt.Fprintf(b.out, "%d %% of %s\n", 10*tenth, bytesText(all))
		}
		return
	}
	if time.Since(b.drawn) < 100*time.Millisecond && done < all {
		return
	}
	b.drawn, b.any = time.Now(), true
	const width = 40
	full := int(width * done / all)
	fmt.Fprintf(b.out, "\r[%s%s] %3d %% of %s ", strings.Repeat("#", full), strings.Repeat(".", width-full), 100*done/all, bytesText(all))
}

func (b *bar) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.any {
		fmt.Fprintln(b.out)
	}
}

// bytesText writes a number of bytes as people read it.
func bytesText(n int64) string {
	value, units := float64(n), []string{"B", "KiB", "MiB", "GiB", "TiB"}
	for value >= 1024 && len(units) > 1 {
		value, units = value/1024, units[1:]
	}
	if units[0] == "B" {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", value, units[0])
}
