package sqlite_test

import (
	"bytes"
	"database/sql"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/holdall-go/holdall/internal/sqlite"
)

// sizes are in all classes, and at their borders.
var sizes = []int32{
	1, 8, 40, 503, 504, 505, 512, 513, 1024, 1025, 2104, 2105, 4096, 4368, 4376, 4377,
	6736, 9536, 10904, 10905, 19600, 21816, 21817, 48000, 65472, 65473, 70000, 300_000,
}

// model is what an allocator should have handed out.
type model struct {
	t      *testing.T
	a      *sqlite.Allocator
	caller sqlite.Caller
	blocks []uintptr
	wanted [][]byte // in the blocks
	filled uint64
}

func newModel(t *testing.T, a *sqlite.Allocator) *model {
	t.Helper()
	return &model{t: t, a: a, caller: a.Caller(t)}
}

// fill writes to the whole block what no other has.
func (m *model) fill(i int) {
	content := sqlite.Bytes(m.blocks[i])
	for at := 0; at < len(content); at += 8 {
		m.filled++
		binary.LittleEndian.PutUint64(content[at:], m.filled)
	}
	m.wanted[i] = bytes.Clone(content)
}

// expect checks what the allocator says and what a block has.
func (m *model) expect(i int, n int32, content []byte) {
	m.t.Helper()
	block := m.blocks[i]
	if block == 0 || block%8 != 0 {
		m.t.Fatalf("%d bytes: got block %#x, want an address that 8 divides", n, block)
	}
	if got := sqlite.BlockSize(block); got < int(n) || got > int(n)+7 || got%8 != 0 {
		m.t.Fatalf("got a block of %d bytes, want %d rounded to 8", got, n)
	}
	if got := sqlite.Bytes(block); !bytes.Equal(got[:len(content)], content) {
		m.t.Fatalf("a block of %d bytes has not what was written to it", n)
	}
}

func (m *model) malloc(n int32) {
	m.t.Helper()
	m.blocks, m.wanted = append(m.blocks, m.caller.Malloc(n)), append(m.wanted, nil)
	m.expect(len(m.blocks)-1, n, nil)
	m.fill(len(m.blocks) - 1)
}

func (m *model) realloc(i int, n int32) {
	m.t.Helper()
	m.blocks[i] = m.caller.Realloc(m.blocks[i], n)
	m.expect(i, n, m.wanted[i][:min(len(m.wanted[i]), int(n))])
	m.fill(i)
}

func (m *model) free(i int) {
	m.t.Helper()
	m.expect(i, int32(len(m.wanted[i])), m.wanted[i])
	m.caller.Free(m.blocks[i])
	last := len(m.blocks) - 1
	m.blocks[i], m.wanted[i] = m.blocks[last], m.wanted[last]
	m.blocks, m.wanted = m.blocks[:last], m.wanted[:last]
}

// apart checks that no two blocks have a byte in common.
func (m *model) apart() {
	m.t.Helper()
	sorted := slices.Clone(m.blocks)
	slices.Sort(sorted)
	for i := 1; i < len(sorted); i++ {
		if end := sorted[i-1] + uintptr(sqlite.BlockSize(sorted[i-1])); end > sorted[i] {
			m.t.Fatalf("a block ends at %#x, the next begins at %#x", end, sorted[i])
		}
	}
}

// end frees all, and checks what the allocator keeps.
func (m *model) end() {
	m.t.Helper()
	m.apart()
	for len(m.blocks) > 0 {
		m.free(len(m.blocks) - 1)
	}
	if kept := int(m.a.Taken.Load()) * (64 << 10); kept > sqlite.MostSpare {
		m.t.Errorf("with no block in use %d bytes are kept, want %d at most", kept, sqlite.MostSpare)
	}
}

// run does what a sequence of bytes says, three for each step.
func (m *model) run(steps []byte) {
	m.t.Helper()
	for ; len(steps) >= 3; steps = steps[3:] {
		n := sizes[int(steps[1])%len(sizes)] + int32(steps[2]%32)
		at := int(binary.LittleEndian.Uint16(steps[1:]))
		switch {
		case len(m.blocks) == 0 || steps[0] < 110:
			m.malloc(n)
		case steps[0] < 140:
			m.realloc(at%len(m.blocks), n)
		default:
			m.free(at % len(m.blocks))
		}
	}
}

// TestAllocator takes and frees blocks in long random sequences that first have more
// and more blocks, and then fewer.
func TestAllocator(t *testing.T) {
	t.Parallel()
	for seed := range byte(4) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			m := newModel(t, sqlite.NewAllocator())
			random := rand.NewChaCha8([32]byte{seed})
			steps := make([]byte, 3000)
			for turn := range 4 {
				_, _ = random.Read(steps)
				if turn%2 == 0 { // of some sizes there are more blocks than a chunk has
					for i := 0; i < len(steps); i += 3 {
						steps[i] /= 2
						steps[i+1] &^= 24
					}
				}
				m.run(steps)
				m.apart()
			}
			m.end()
		})
	}
}

func FuzzAllocator(f *testing.F) {
	f.Add([]byte{0, 13, 0, 0, 13, 0, 120, 13, 5, 255, 0, 0})
	f.Add(bytes.Repeat([]byte{0, 24, 0, 0, 27, 0, 120, 0, 0, 255, 0, 0}, 20))
	f.Fuzz(func(t *testing.T, steps []byte) {
		m := newModel(t, sqlite.NewAllocator())
		m.run(steps[:min(len(steps), 3000)])
		m.end()
	})
}

// TestAllocatorKeepsChunks takes and frees what SQLite takes for each statement. A
// second time it asks for no memory.
func TestAllocatorKeepsChunks(t *testing.T) {
	t.Parallel()
	for _, n := range sizes {
		each := sqlite.ChunkBlocks(n)
		if each == 0 {
			continue
		}
		m := newModel(t, sqlite.NewAllocator())
		for range 20 {
			for range 3 * each {
				m.malloc(n)
			}
			m.end()
		}
		if asked := m.a.Asked.Load(); asked != 3 {
			t.Errorf("%d bytes: asked %d times for memory, want 3", n, asked)
		}
	}
}

// TestAllocatorFillsChunks has blocks freed here and there, and expects their places
// to be taken before memory is asked for.
func TestAllocatorFillsChunks(t *testing.T) {
	t.Parallel()
	m := newModel(t, sqlite.NewAllocator())
	for range 100 * sqlite.ChunkBlocks(4368) {
		m.malloc(4368)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		freed := 0
		for ; freed < 500; freed++ {
			m.free(random.IntN(len(m.blocks)))
		}
		for range freed {
			m.malloc(4000 + random.Int32N(368))
		}
		m.apart()
	}
	if taken := m.a.Taken.Load(); taken != 100 {
		t.Errorf("got %d chunks, want the 100 of the beginning", taken)
	}
	m.end()
}

// TestAllocatorKeepsSize changes sizes a little, which moves nothing.
func TestAllocatorKeepsSize(t *testing.T) {
	t.Parallel()
	for _, n := range []int32{600, 1100, 2200, 4400, 12000, 22000} {
		m := newModel(t, sqlite.NewAllocator())
		m.malloc(n)
		was := m.blocks[0]
		if m.realloc(0, n+200); m.blocks[0] != was {
			t.Errorf("%d bytes: it moved to be larger by a few", n)
		}
		if m.realloc(0, n); m.blocks[0] != was {
			t.Errorf("%d bytes: it moved to be smaller by a few", n)
		}
		m.end()
	}
}

// TestAllocatorThreads has threads free what others have taken.
func TestAllocatorThreads(t *testing.T) {
	t.Parallel()
	a := sqlite.NewAllocator()
	handed := make(chan uintptr, 64)
	var threads sync.WaitGroup
	for id := range uint64(4) {
		caller := a.Caller(t)
		threads.Go(func() {
			random := rand.New(rand.NewPCG(id, 0))
			for i := range uint64(4000) {
				block := caller.Malloc(sizes[random.IntN(len(sizes)-2)])
				mark := id<<32 | i
				content := sqlite.Bytes(block)
				for at := 0; at+8 <= len(content); at += 8 {
					binary.LittleEndian.PutUint64(content[at:], mark)
				}
				select {
				case handed <- block:
					continue
				case block = <-handed:
				}
				content = sqlite.Bytes(block)
				for at := 8; at+8 <= len(content); at += 8 {
					if !bytes.Equal(content[:8], content[at:at+8]) {
						t.Error("two threads had the same bytes")
						return
					}
				}
				caller.Free(block)
			}
		})
	}
	threads.Wait()
	close(handed)
	caller := a.Caller(t)
	for block := range handed {
		caller.Free(block)
	}
}

// TestAllocatorWithoutMemory expects 0 where there is none, and nothing lost.
func TestAllocatorWithoutMemory(t *testing.T) {
	t.Parallel()
	for _, n := range sizes {
		m := newModel(t, sqlite.NewAllocator())
		m.malloc(n)
		for range max(sqlite.ChunkBlocks(n), 1) - 1 {
			m.malloc(n)
		}
		m.a.Failed.Store(true)
		if got := m.caller.Malloc(n); got != 0 {
			t.Fatalf("malloc of %d bytes: got %#x without memory, want 0", n, got)
		}
		for _, to := range []int32{n + 90_000, 100, 9000} {
			if sqlite.ChunkBlocks(to) != 0 && sqlite.ChunkBlocks(to) == sqlite.ChunkBlocks(n) {
				continue // it stays where it is
			}
			if got := m.caller.Realloc(m.blocks[0], to); got != 0 {
				t.Fatalf("realloc of %d bytes to %d: got %#x without memory, want 0", n, to, got)
			}
		}
		m.expect(0, n, m.wanted[0])
		m.a.Failed.Store(false)
		m.malloc(n)
		m.end()
	}
}

// TestAllocatorFreesOnce expects to be told of a block that is freed twice.
func TestAllocatorFreesOnce(t *testing.T) {
	t.Parallel()
	caller := sqlite.NewAllocator().Caller(t)
	kept, block := caller.Malloc(4368), caller.Malloc(4368)
	caller.Free(block)
	defer func() {
		if recover() == nil {
			t.Error("nobody noticed")
		}
		caller.Free(kept)
	}()
	caller.Free(block)
}

// rows makes a database of a table with 1,500 pages.
func rows(t *testing.T) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "data.db")
	db := openWith(t, sqlite.New(), path)
	if _, err := db.Exec("CREATE TABLE things (n INTEGER PRIMARY KEY, text TEXT);" +
		"WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 1500) INSERT INTO things SELECT n, hex(zeroblob(1500)) FROM s"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestSQLiteUsesAllocator reads a table and looks for its pages in the chunks that
// are meant for pages.
func TestSQLiteUsesAllocator(t *testing.T) { //nolint:paralleltest // it counts what all databases share
	path := rows(t)
	before, _ := sqlite.SQLiteChunks(4368)
	db := openWith(t, sqlite.New(), path)
	var length int
	if err := db.QueryRow("SELECT sum(length(text)) FROM things").Scan(&length); err != nil {
		t.Fatal(err)
	}
	during, _ := sqlite.SQLiteChunks(4368)
	pages := (during - before) * sqlite.ChunkBlocks(4368)
	if pages < 1500 || pages > 1700 {
		t.Errorf("the chunks have %d pages, want the 1500 of the table and a few", pages)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if after, spare := sqlite.SQLiteChunks(4368); after > before+1 || spare == 0 {
		t.Errorf("got %d chunks when the database is closed and %d spare, want %d and some", after, spare, before)
	}
}

// TestSQLiteFreesAll opens and closes connections that write rows, time and again.
func TestSQLiteFreesAll(t *testing.T) { //nolint:paralleltest // it counts what all databases share
	path := rows(t)
	chunks := func() (all int) {
		for _, n := range sizes {
			if sqlite.ChunkBlocks(n) != 0 {
				used, spare := sqlite.SQLiteChunks(n)
				all += used + spare
			}
		}
		return all
	}
	var first int
	for round := range 12 {
		dbs := make([]*sql.DB, 4)
		for i := range dbs {
			dbs[i] = openWith(t, sqlite.New(), path)
			if _, err := dbs[i].Exec("UPDATE things SET text = text || 'x' WHERE n % 10 = ?", round%10); err != nil {
				t.Fatal(err)
			}
		}
		for _, db := range dbs {
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if round == 3 {
			first = chunks()
		}
	}
	if last := chunks(); last > first+2 {
		t.Errorf("got %d chunks after many connections, want the %d that there were after a few", last, first)
	}
}
