package disk_test

import (
	"path/filepath"
	"testing"

	"github.com/holdall-go/holdall/internal/disk"
)

func TestSpace(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	got, err := disk.Space(dir)
	if err != nil || got.Total == 0 || got.Free > got.Total || got.ReadOnly {
		t.Errorf("got %+v and error %v", got, err)
	}
	if _, err := disk.Space(filepath.Join(dir, "missing")); err == nil {
		t.Error("got no error for a directory that is not there")
	}
	if !disk.Same(dir, filepath.Dir(dir)) {
		t.Error("a directory is on another file system than the one around it")
	}
	if disk.Same(dir, filepath.Join(dir, "missing")) {
		t.Error("a directory is on the same file system as one that is not there")
	}
	if kind := disk.Network(dir); kind != "" {
		t.Errorf("the temporary directory is on %q, want a local file system", kind)
	}
}
