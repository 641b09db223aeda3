package demo

import (
	"io"

	"github.com/pocketbase/pocketbase/core"
	"github.com/spf13/cobra"
)

// WithoutImages leaves out the drawing of the images, which takes most of the
// time. The records still name them.
func WithoutImages(c Config) Config {
	c.withoutImages = true
	return c
}

// Bar runs a task of some steps with the progress bar that a terminal gets.
func Bar(out io.Writer, task string, steps int) {
	p := newProgress(out)
	p.terminal = true
	p.start(task, steps)
	for range steps {
		p.step()
	}
	p.stop()
}

// CommandWithoutImages is [Command] with the option of [WithoutImages].
func CommandWithoutImages(app core.App) *cobra.Command {
	return newCommand(app, WithoutImages(Config{}))
}
