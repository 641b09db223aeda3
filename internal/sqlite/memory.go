package sqlite

import (
	"sync"

	"modernc.org/libc"
)

const (
	// journalBlock is what SQLite keeps a page in, in parts, that a statement may
	// have to change back.
	journalBlock = 1 << 10

	// journalBlocks are for the 64 pages of such a statement.
	journalBlocks = 256

	// sharedBlocks of that size come from the system at once, and a few less fit.
	sharedBlocks = 60
)

// keepMemory has the driver's allocator keep some memory. It returns memory to the
// system with the last block in it, and a statement with triggers takes blocks and
// frees them all: a dozen system calls, a tenth of the time of a small write. The
// few blocks that are never freed keep the memory of the others.
var keepMemory = sync.OnceFunc(func() {
	thread := libc.NewTLS()
	defer thread.Close()
	var blocks [journalBlocks]uintptr
	for i := range blocks {
		blocks[i] = libc.Xmalloc(thread, journalBlock)
	}
	for i, block := range blocks {
		if i%sharedBlocks != 0 {
			libc.Xfree(thread, block)
		}
	}
})
