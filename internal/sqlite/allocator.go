package sqlite

import (
	"math/bits"
	"sync"
	"unsafe" // SQLite's memory is not the garbage collector's

	"modernc.org/libc"
	"modernc.org/libc/sys/types"
	sqlite3 "modernc.org/sqlite/lib"
)

// This file gives SQLite its memory. The driver's allocator has blocks in powers of
// two, so that a page in a cache, with the little that SQLite keeps beside it, takes
// 8 KB; and it returns memory to the system with the last block in it. SQLite takes
// a block to split a page, and some for each statement with triggers, and frees them
// all: each time a few system calls, and the faults of fresh memory.
//
// Here blocks of like size share chunks of memory, and some chunks are kept. The
// smallest blocks and the largest are the driver's: of the former some are always in
// use, and the latter are rare.

// slabs are the sizes of blocks in bytes, with their heads, and how many make a chunk.
// A chunk has at most 64, as its free ones are bits of a word, and 64 KB less what the
// driver has of its own in memory that it takes from the system.
var slabs = [...]struct{ size, blocks uint32 }{
	{520, 63},  // SQLite likes powers of two
	{1032, 63}, // in these it keeps what a statement may have to change back
	{2112, 31},
	{4384, 14}, // a page of 4 KB in a cache: together 15 pages of the system
	{10912, 6}, // these two are for splitting pages
	{21824, 3},
	{65480, 1},
}

const (
	// leastBlock is the size in bytes, with its head, up to which a block is the driver's.
	leastBlock = 512

	// spareChunks are kept of each size. That is at most 1.7 MB of all sizes.
	spareChunks = 4

	headSize  = uint32(unsafe.Sizeof(head{}))
	chunkSize = uint32(unsafe.Sizeof(chunk{}))
)

// head is before each block.
type head struct {
	size  uint32 // bytes that SQLite may use
	chunk uint16 // how many bytes before the block that begins
	index uint8  // of the block in the chunk
	class uint8  // of slabs, or notHere
}

// notHere is the class of the driver's blocks.
const notHere = uint8(len(slabs))

// chunk is at the beginning of a chunk.
type chunk struct {
	free       uint64  // bits, by index
	prev, next uintptr // in the slab's list
}

// slab has the blocks of one size.
type slab struct {
	mu      sync.Mutex
	partial uintptr // the first of the chunks in which some blocks are free, but not all
	spare   uintptr // the first of those in which all are
	spares  int
	chunks  int // of all sorts
}

// source is where memory comes from.
type source struct {
	malloc  func(*libc.TLS, types.Size_t) uintptr
	realloc func(*libc.TLS, uintptr, types.Size_t) uintptr
	free    func(*libc.TLS, uintptr)
}

// allocator does what SQLite asks for in sqlite3_mem_methods. Any number of threads
// may use it at once.
type allocator struct {
	source source
	slabs  [len(slabs)]slab
}

// rounded is a size in bytes, rounded as SQLite wants its blocks to be aligned.
func rounded(n int32) uint32 { return (uint32(n) + 7) &^ 7 }

// classOf returns the class of blocks of a size, without head.
func classOf(size uint32) uint8 {
	size += headSize
	if size > leastBlock {
		for class := range slabs {
			if size <= slabs[class].size {
				return uint8(class)
			}
		}
	}
	return notHere
}

func headOf(block uintptr) *head { return (*head)(pointer(block - uintptr(headSize))) }
func chunkAt(at uintptr) *chunk  { return (*chunk)(pointer(at)) }
func all(class uint8) uint64     { return 1<<slabs[class].blocks - 1 }

// malloc returns a block of n bytes or more, 0 if there is no memory.
func (a *allocator) malloc(thread *libc.TLS, n int32) (block uintptr) {
	size := rounded(n)
	class := classOf(size)
	if class == notHere {
		at := a.source.malloc(thread, types.Size_t(size+headSize))
		if at == 0 {
			return 0
		}
		block = at + uintptr(headSize)
		*headOf(block) = head{size: size, class: notHere}
		return block
	}
	s := &a.slabs[class]
	s.mu.Lock()
	at := s.partial
	if at == 0 {
		if at = a.fresh(thread, class); at == 0 {
			s.mu.Unlock()
			return 0
		}
		s.link(at)
	}
	c := chunkAt(at)
	index := uint32(bits.TrailingZeros64(c.free))
	c.free &^= 1 << index
	if c.free == 0 {
		s.unlink(at)
	}
	s.mu.Unlock()
	before := chunkSize + index*slabs[class].size + headSize
	block = at + uintptr(before)
	*headOf(block) = head{size: size, chunk: uint16(before), index: uint8(index), class: class}
	return block
}

// fresh returns a chunk whose blocks are all free, 0 if there is no memory.
func (a *allocator) fresh(thread *libc.TLS, class uint8) uintptr {
	s := &a.slabs[class]
	if at := s.spare; at != 0 {
		s.spare = chunkAt(at).next
		s.spares--
		return at
	}
	at := a.source.malloc(thread, types.Size_t(chunkSize+slabs[class].blocks*slabs[class].size))
	if at != 0 {
		s.chunks++
		chunkAt(at).free = all(class)
	}
	return at
}

// free takes a block back.
func (a *allocator) free(thread *libc.TLS, block uintptr) {
	h := *headOf(block)
	if h.class == notHere {
		a.source.free(thread, block-uintptr(headSize))
		return
	}
	s := &a.slabs[h.class]
	at := block - uintptr(h.chunk)
	s.mu.Lock()
	c := chunkAt(at)
	if c.free&(1<<h.index) != 0 {
		s.mu.Unlock()
		panic("sqlite: a block was freed twice") // and would be two pages of a database
	}
	if c.free == 0 {
		s.link(at)
	}
	c.free |= 1 << h.index
	drop := false
	if c.free == all(h.class) {
		s.unlink(at)
		if drop = s.spares == spareChunks; drop {
			s.chunks--
		} else {
			c.next, s.spare = s.spare, at
			s.spares++
		}
	}
	s.mu.Unlock()
	if drop {
		a.source.free(thread, at)
	}
}

// link makes a chunk the first of those in which some blocks are free.
func (s *slab) link(at uintptr) {
	c := chunkAt(at)
	c.prev, c.next = 0, s.partial
	if c.next != 0 {
		chunkAt(c.next).prev = at
	}
	s.partial = at
}

// unlink takes a chunk away from them.
func (s *slab) unlink(at uintptr) {
	c := chunkAt(at)
	if c.prev != 0 {
		chunkAt(c.prev).next = c.next
	} else {
		s.partial = c.next
	}
	if c.next != 0 {
		chunkAt(c.next).prev = c.prev
	}
}

// realloc returns a block of n bytes or more with the content of another, which it
// frees. It returns 0 if there is no memory, and leaves the other as it is.
func (a *allocator) realloc(thread *libc.TLS, block uintptr, n int32) uintptr {
	h, size := headOf(block), rounded(n)
	switch class := classOf(size); {
	case class != h.class:
		moved := a.malloc(thread, n)
		if moved == 0 {
			return 0
		}
		size = min(size, h.size)
		copy(unsafe.Slice((*byte)(pointer(moved)), size), unsafe.Slice((*byte)(pointer(block)), size)) //nolint:gosec // as long as they are
		a.free(thread, block)
		return moved
	case class == notHere:
		at := a.source.realloc(thread, block-uintptr(headSize), types.Size_t(size+headSize))
		if at == 0 {
			return 0
		}
		block = at + uintptr(headSize)
	}
	headOf(block).size = size
	return block
}

// forSQLite is the memory of all databases of the process.
var forSQLite = allocator{source: source{libc.Xmalloc, libc.Xrealloc, libc.Xfree}}

// SQLite wants its allocator before the first connection. If somebody was earlier it
// keeps the one that it has.
func init() {
	thread := libc.NewTLS()
	defer thread.Close()
	keepDrivers(thread)
	const list = unsafe.Sizeof(uint64(0)) // the arguments of a function of C
	arguments := libc.Xmalloc(thread, types.Size_t(list+unsafe.Sizeof(sqlite3.Tsqlite3_mem_methods{})))
	if arguments == 0 {
		return
	}
	defer libc.Xfree(thread, arguments)
	*(*sqlite3.Tsqlite3_mem_methods)(pointer(arguments + list)) = sqlite3.Tsqlite3_mem_methods{
		FxMalloc:   function(func(thread *libc.TLS, n int32) uintptr { return forSQLite.malloc(thread, n) }),
		FxFree:     function(func(thread *libc.TLS, block uintptr) { forSQLite.free(thread, block) }),
		FxRealloc:  function(func(thread *libc.TLS, block uintptr, n int32) uintptr { return forSQLite.realloc(thread, block, n) }),
		FxSize:     function(func(_ *libc.TLS, block uintptr) int32 { return int32(headOf(block).size) }),
		FxRoundup:  function(func(_ *libc.TLS, n int32) int32 { return int32(rounded(n)) }),
		FxInit:     function(func(*libc.TLS, uintptr) int32 { return sqlite3.SQLITE_OK }),
		FxShutdown: function(func(*libc.TLS, uintptr) {}),
	}
	sqlite3.Xsqlite3_config(thread, sqlite3.SQLITE_CONFIG_MALLOC, libc.VaList(arguments, arguments+list))
}

// function is the address of a function as SQLite calls it. The function keeps no
// variables of others.
func function[F any](f F) uintptr {
	return *(*uintptr)(unsafe.Pointer(&f)) //nolint:gosec // as the driver does for its own functions
}

// keepDrivers has the driver's own allocator keep some memory of each size for what
// the driver takes for itself, arguments for example, now that SQLite no longer does.
func keepDrivers(thread *libc.TLS) {
	const largest = 16 << 10 // for larger ones it always asks the system
	for size := types.Size_t(16); size <= largest; size *= 2 {
		libc.Xmalloc(thread, size)
	}
}
