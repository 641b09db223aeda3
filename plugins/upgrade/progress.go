package upgrade

import (
	"fmt"
	"io"
	"time"
)

// progress tells how far copies are, if they take long.
type progress struct {
	out   io.Writer
	name  string
	began time.Time
	told  int // the last tenth
}

// quiet is how long a copy may take without a word.
const quiet = 2 * time.Second

func newProgress(out io.Writer) *progress { return &progress{out: out} }

func (p *progress) tell(name string, done, all int) error {
	if name != p.name {
		p.name, p.began, p.told = name, time.Now(), 0
	}
	if all == 0 || time.Since(p.began) < quiet {
		return nil
	}
	if tenth := 10 * done / all; tenth > p.told {
		p.told = tenth
		fmt.Fprintf(p.out, "Copying %s before the upgrade: %d %%\n", name, 10*tenth)
	}
	return nil
}

// bytesText writes a number of bytes as people read it.
func bytesText(n uint64) string {
	value, units := float64(n), []string{"B", "KiB", "MiB", "GiB", "TiB"}
	for value >= 1024 && len(units) > 1 {
		value, units = value/1024, units[1:]
	}
	if units[0] == "B" {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", value, units[0])
}
