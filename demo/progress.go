package demo

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
)

// progress reports long work: a bar on a terminal, a line per task elsewhere.
// It is safe for concurrent use.
type progress struct {
	out      io.Writer
	terminal bool

	mu          sync.Mutex
	task        string
	done, total int
	drawn       int // percent
}

func newProgress(out io.Writer) *progress {
	p := &progress{out: out}
	if f, ok := out.(*os.File); ok {
		info, err := f.Stat()
		p.terminal = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	return p
}

// start begins a task of total steps.
func (p *progress) start(task string, total int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.task, p.done, p.total, p.drawn = task, 0, total, -1
	if p.terminal {
		p.draw()
		return
	}
	p.print("%s (%d)\n", task, total)
}

// step counts one step of the task.
func (p *progress) step() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done++
	if p.terminal {
		p.draw()
	}
}

// stop takes the bar away.
func (p *progress) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.terminal {
		p.print("\r\x1b[K")
	}
}

func (p *progress) draw() {
	const width = 30
	percent := 100 * p.done / max(1, p.total)
	if percent == p.drawn {
		return
	}
	p.drawn = percent
	full := width * percent / 100
	p.print("\r\x1b[K[%s%s] %3d %%  %s", strings.Repeat("=", full), strings.Repeat(" ", width-full), percent, p.task)
}

func (p *progress) print(format string, args ...any) {
	_, _ = fmt.Fprintf(p.out, format, args...) // a closed terminal must not stop the work
}
