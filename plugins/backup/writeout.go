package backup

import (
	"context"
	"errors"
	"io"
	"os"
	"time"
)

const (
	// writeOutEvery is how long what writers add to the log stays in memory, and
	// lookEvery how often is seen whether they do.
	writeOutEvery = 50 * time.Millisecond
	lookEvery     = 500 * time.Millisecond

	// writeOutBytes is how much of a file is written before the disk begins with it.
	writeOutBytes = 2 << 20
)

// writeOut has the disk write the log as it grows, until ctx is done. Otherwise the
// system keeps it until somebody syncs a file, and a sync of anything waits for tens
// of megabytes then. So do writers: a file system that keeps a journal lets nobody
// change a file's size or time while it writes these to it.
func (s *shipment) writeOut(ctx context.Context) {
	timer := time.NewTimer(lookEvery)
	defer timer.Stop()
	var log *os.File
	defer func() { _ = log.Close() }()
	var last time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		now, err := os.Stat(s.db.WALPath())
		if err != nil || now.ModTime().Equal(last) {
			timer.Reset(lookEvery)
			continue
		}
		timer.Reset(writeOutEvery)
		last = now.ModTime()
		if opened, err := log.Stat(); err != nil || !os.SameFile(opened, now) {
			_ = log.Close()
			if log, err = os.Open(s.db.WALPath()); err != nil {
				continue
			}
		}
		startWriting(log)
	}
}

// steadily copies content to a file, and has the disk write it meanwhile.
func steadily(file *os.File, content io.Reader) error {
	for {
		n, err := io.CopyN(file, content, writeOutBytes)
		if n < writeOutBytes || err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		startWriting(file)
	}
}
