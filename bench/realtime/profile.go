//go:build linux

package main

import (
	"errors"
	"os"
	"runtime/pprof"

	"github.com/pocketbase/pocketbase/core"
)

// profileAsAsked profiles the server's processor from the first public save to the
// last, and the memory after that, to files that begin with prefix. "" is nothing.
func profileAsAsked(app core.App, prefix string) {
	if prefix == "" {
		return
	}
	var file *os.File
	app.OnRecordCreateRequest().BindFunc(func(e *core.RecordRequestEvent) error {
		var err error
		switch public := e.Collection.Name == "public"; {
		case public && file == nil && prefix != "":
			if file, err = os.Create(prefix + ".cpu"); err == nil {
				err = pprof.StartCPUProfile(file)
			}
		case !public && file != nil && e.Collection.Name != "quiet":
			pprof.StopCPUProfile()
			err = errors.Join(file.Close(), write(prefix+".heap", "heap"), write(prefix+".goroutines", "goroutine"))
			file, prefix = nil, ""
		}
		return errors.Join(err, e.Next())
	})
}

func write(name, profile string) error {
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(pprof.Lookup(profile).WriteTo(file, 0), file.Close())
}
