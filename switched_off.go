package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/holdall-go/holdall/plugins/backup"
)

// switchedOff is the command of a feature that is switched off. Whatever it is asked, it
// says how to switch it on: an unknown command would look like a mistake in the name.
func switchedOff(use, short, how string) *cobra.Command {
	return &cobra.Command{
		Use:                use,
		Short:              short,
		Args:               cobra.ArbitraryArgs,
		FParseErrWhitelist: cobra.FParseErrWhitelist{UnknownFlags: true},
		Annotations:        map[string]string{backup.WithoutDatabase: ""},
		RunE:               func(*cobra.Command, []string) error { return usageError{errors.New(how)} },
	}
}
