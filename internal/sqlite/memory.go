package sqlite

import (
	"sync"

	"modernc.org/libc"
)

const (
	// journalBlock is the size in bytes of what SQLite keeps a page's parts in, for
	// a statement that may have to change it back.
	journalBlock = 1 << 10

	// journalBlocks are enough for 64 pages.
	journalBlocks = 256

	// neighbors is how many such blocks certainly share memory of the system, of
	// which the allocator takes 64 KB at a time.
	neighbors = 60
)

// keepMemory has the driver's allocator keep some memory. It returns memory to the
// system with the last block in it, and a statement with triggers takes blocks and
// frees them all: a dozen system calls, a tenth of the time of a small write. The
// few blocks that are never freed here keep the memory of the others.
var keepMemory = sync.OnceFunc(func() {
	thread := libc.NewTLS()
	defer thread.Close()
	var blocks [journalBlocks]uintptr
	for i := range blocks {
		blocks[i] = libc.Xmalloc(thread, journalBlock)
	}
	for i, block := range blocks {
		if i%neighbors != 0 {
			libc.Xfree(thread, block)
		}
	}
})
