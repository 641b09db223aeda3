package sqlite

import (
	"sync/atomic"
	"testing"
	"unsafe"

	"modernc.org/libc"
	"modernc.org/libc/sys/types"
)

// MostSpare is how many bytes an allocator may keep for nobody.
const MostSpare = 2 << 20

// ChunkBlocks is how many blocks of n bytes share a chunk, 0 if they have none.
func ChunkBlocks(n int32) int {
	if class := classOf(rounded(n)); class != notHere {
		return int(slabs[class].blocks)
	}
	return 0
}

// Allocator is one for a test, and counts what it takes.
type Allocator struct {
	allocator
	Taken  atomic.Int64 // blocks that it has of the driver's allocator
	Asked  atomic.Int64 // how often it asked for one
	Failed atomic.Bool  // there are no more
}

// NewAllocator returns one that has taken nothing.
func NewAllocator() *Allocator {
	a := &Allocator{}
	a.source = source{
		malloc: func(thread *libc.TLS, n types.Size_t) uintptr {
			if a.Failed.Load() {
				return 0
			}
			a.Asked.Add(1)
			a.Taken.Add(1)
			return libc.Xmalloc(thread, n)
		},
		realloc: func(thread *libc.TLS, at uintptr, n types.Size_t) uintptr {
			if a.Failed.Load() {
				return 0
			}
			return libc.Xrealloc(thread, at, n)
		},
		free: func(thread *libc.TLS, at uintptr) {
			a.Taken.Add(-1)
			libc.Xfree(thread, at)
		},
	}
	return a
}

// Caller is a thread that uses an allocator.
type Caller struct {
	a      *Allocator
	thread *libc.TLS
}

func (a *Allocator) Caller(tb testing.TB) Caller {
	c := Caller{a, libc.NewTLS()}
	tb.Cleanup(c.thread.Close)
	return c
}

func (c Caller) Malloc(n int32) uintptr             { return c.a.malloc(c.thread, n) }
func (c Caller) Realloc(b uintptr, n int32) uintptr { return c.a.realloc(c.thread, b, n) }
func (c Caller) Free(b uintptr)                     { c.a.free(c.thread, b) }

// BlockSize is what SQLite is told that a block has.
func BlockSize(block uintptr) int { return int(headOf(block).size) }

// Bytes are those of a block.
func Bytes(block uintptr) []byte {
	return unsafe.Slice((*byte)(pointer(block)), headOf(block).size)
}

// SQLiteChunks is how many chunks SQLite's blocks of n bytes have, and how many more
// are kept for them.
func SQLiteChunks(n int32) (used, spare int) {
	s := &forSQLite.slabs[classOf(rounded(n))]
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.chunks - s.spares, s.spares
}
