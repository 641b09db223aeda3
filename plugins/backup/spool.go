package backup

import (
	"bytes"
	"errors"
	"io"
	"os"
)

// spoolInMemory is how much a spool keeps in memory before it takes a file.
const spoolInMemory = 4 << 20

// spoolPrefix is how files of spools are called, which only the server makes.
const spoolPrefix = "spool-"

// spool holds what is to be stored, so that its size is known before, and so that
// it can be sent again. It is closed when it is no longer needed.
type spool struct {
	dir    string
	memory bytes.Buffer
	file   *os.File
	size   int64
}

// newSpool returns an empty spool that takes files in dir.
func newSpool(dir string) *spool { return &spool{dir: dir} }

func (s *spool) Write(b []byte) (int, error) {
	if s.file == nil && s.memory.Len()+len(b) <= spoolInMemory {
		s.size += int64(len(b))
		return s.memory.Write(b)
	}
	if s.file == nil {
		file, err := os.CreateTemp(s.dir, spoolPrefix)
		if err != nil {
			return 0, err
		}
		s.file = file
		if _, err := s.memory.WriteTo(file); err != nil {
			return 0, err
		}
	}
	n, err := s.file.Write(b)
	s.size += int64(n)
	return n, err
}

// reader reads the whole content from its beginning. There may be several.
func (s *spool) reader() io.ReadSeeker {
	if s.file == nil {
		return bytes.NewReader(s.memory.Bytes())
	}
	return io.NewSectionReader(s.file, 0, s.size)
}

// Open implements [filesystem.FileReader].
func (s *spool) Open() (io.ReadSeekCloser, error) { return spoolReader{s.reader()}, nil }

type spoolReader struct{ io.ReadSeeker }

func (spoolReader) Close() error { return nil }

// Close frees what the spool takes.
func (s *spool) Close() error {
	if s.file == nil {
		return nil
	}
	return errors.Join(s.file.Close(), os.Remove(s.file.Name()))
}
