package sqlite

import (
	"unsafe" // to stand between SQLite and a file

	"modernc.org/libc"
	"modernc.org/libc/sys/types"
	sqlite3 "modernc.org/sqlite/lib"
)

// A commit writes each page to the write-ahead log by two calls of the system, one for
// 24 bytes of its header. For as long as it takes this file's functions stand between
// SQLite and the log. They write sixteen pages with one call.
//
// Nobody reads what a commit writes before its last page is in the file, as it is only
// then that the index of the log has it. The last page's header says that it is the last,
// and with it everything is written before SQLite goes on. If that fails the commit
// does, as it does if SQLite itself cannot write. Everything else that SQLite asks of the
// file has what was gathered written first.

const (
	frameHeader = 24 // bytes of a page's header
	// mostGathered is how many bytes are written at a time. The functions for Unix take
	// less than 128 KiB.
	mostGathered = 16 * (frameHeader + 4096)
)

// frames is in SQLite's memory, as what it calls is found by it.
type frames struct {
	methods sqlite3.Tsqlite3_io_methods // what SQLite calls; it is first
	own     uintptr                     // the file's own ones
	file    uintptr
	at      int64 // where what is gathered begins in the file
	length  int32 // of what is gathered
	within  bool  // a page is next, its header has come
	last    bool  // it is the last one
	began   bool  // something was written
	off     bool  // nothing is gathered any more
	bytes   [mostGathered]byte
}

// gather has the connection's commit written in few calls, until end is called. It
// returns nil if the log is not known.
func (h *handles) gather() *frames {
	log := h.log()
	if log == nil || log.FpWalFd == 0 {
		return nil
	}
	file := (*sqlite3.Tsqlite3_file)(pointer(log.FpWalFd))
	if file.FpMethods == 0 || file.FpMethods == h.frames {
		return nil
	}
	if h.frames == 0 {
		if h.frames = libc.Xmalloc(h.thread, types.Size_t(unsafe.Sizeof(frames{}))); h.frames == 0 {
			return nil
		}
	}
	f := (*frames)(pointer(h.frames))
	f.own, f.file, f.at, f.length = file.FpMethods, log.FpWalFd, 0, 0
	f.within, f.last, f.began, f.off = false, false, false, false
	f.methods = *f.ownMethods()
	f.methods.FxWrite, f.methods.FxRead, f.methods.FxSync = framesWrite, framesRead, framesSync
	f.methods.FxTruncate, f.methods.FxFileSize = framesTruncate, framesSize
	file.FpMethods = h.frames
	return f
}

// end has SQLite call the file's own functions again.
func (f *frames) end() {
	if f == nil {
		return
	}
	if file := (*sqlite3.Tsqlite3_file)(pointer(f.file)); file.FpMethods != 0 { // it is open
		file.FpMethods = f.own
	}
}

func (f *frames) ownMethods() *sqlite3.Tsqlite3_io_methods {
	return (*sqlite3.Tsqlite3_io_methods)(pointer(f.own))
}

// framesOf are those of a file that SQLite asks something of.
func framesOf(file uintptr) *frames {
	return (*frames)(pointer((*sqlite3.Tsqlite3_file)(pointer(file)).FpMethods))
}

// take is SQLite's way to write.
func (f *frames) take(t *libc.TLS, data uintptr, n int32, at int64) int32 {
	within := f.within
	f.within, f.began = false, true
	switch {
	case f.off:
		return f.write(t, data, n, at)
	case within && at == f.at+int64(f.length):
		code := f.add(t, data, n, at)
		if f.last && code == sqlite3.SQLITE_OK {
			code = f.flush(t)
		}
		return code
	case !within && n == frameHeader:
		header := unsafe.Slice((*byte)(pointer(data)), frameHeader) //nolint:gosec // as much is written
		f.last = header[4]|header[5]|header[6]|header[7] != 0       // how many pages the database has then
		f.within = true
		return f.add(t, data, n, at)
	}
	if code := f.stop(t); code != sqlite3.SQLITE_OK {
		return code
	}
	return f.write(t, data, n, at)
}

// add gathers what is written.
func (f *frames) add(t *libc.TLS, data uintptr, n int32, at int64) int32 {
	if f.length > 0 && (at != f.at+int64(f.length) || f.length+n > mostGathered) {
		if code := f.flush(t); code != sqlite3.SQLITE_OK {
			return code
		}
	}
	if f.length == 0 {
		f.at = at
	}
	if n > mostGathered {
		f.at += int64(n)
		return f.write(t, data, n, at)
	}
	copy(f.bytes[f.length:], unsafe.Slice((*byte)(pointer(data)), n)) //nolint:gosec // likewise
	f.length += n
	return sqlite3.SQLITE_OK
}

// flush writes what was gathered.
func (f *frames) flush(t *libc.TLS) int32 {
	n, at := f.length, f.at
	f.at, f.length = at+int64(n), 0
	if n == 0 {
		return sqlite3.SQLITE_OK
	}
	code := f.write(t, uintptr(unsafe.Pointer(&f.bytes)), n, at) //nolint:gosec // it is SQLite's memory
	if code != sqlite3.SQLITE_OK {
		f.off = true
	}
	return code
}

// stop writes what was gathered, and gathers no more, unless nothing was written yet: it
// is a commit that reads or changes what it has written.
func (f *frames) stop(t *libc.TLS) int32 {
	f.off = f.began
	return f.flush(t)
}

// write writes by the file's own function.
func (f *frames) write(t *libc.TLS, data uintptr, n int32, at int64) int32 {
	return called[writeFunction](f.ownMethods().FxWrite)(t, f.file, data, n, at)
}

// What SQLite calls.
type (
	writeFunction    = func(t *libc.TLS, file, data uintptr, n int32, at int64) int32
	syncFunction     = func(t *libc.TLS, file uintptr, flags int32) int32
	truncateFunction = func(t *libc.TLS, file uintptr, size int64) int32
	sizeFunction     = func(t *libc.TLS, file, size uintptr) int32
)

// called is a function that is at an address as SQLite has it.
func called[F any](address uintptr) F {
	return *(*F)(unsafe.Pointer(&struct{ uintptr }{address})) //nolint:gosec // as the driver does
}

var (
	framesWrite = function[writeFunction](func(t *libc.TLS, file, data uintptr, n int32, at int64) int32 {
		return framesOf(file).take(t, data, n, at)
	})
	framesRead = function[writeFunction](func(t *libc.TLS, file, data uintptr, n int32, at int64) int32 {
		f := framesOf(file)
		if code := f.stop(t); code != sqlite3.SQLITE_OK {
			return code
		}
		return called[writeFunction](f.ownMethods().FxRead)(t, file, data, n, at)
	})
	framesSync = function[syncFunction](func(t *libc.TLS, file uintptr, flags int32) int32 {
		f := framesOf(file)
		if code := f.stop(t); code != sqlite3.SQLITE_OK {
			return code
		}
		return called[syncFunction](f.ownMethods().FxSync)(t, file, flags)
	})
	framesTruncate = function[truncateFunction](func(t *libc.TLS, file uintptr, size int64) int32 {
		f := framesOf(file)
		if code := f.stop(t); code != sqlite3.SQLITE_OK {
			return code
		}
		return called[truncateFunction](f.ownMethods().FxTruncate)(t, file, size)
	})
	framesSize = function[sizeFunction](func(t *libc.TLS, file, size uintptr) int32 {
		f := framesOf(file)
		if code := f.stop(t); code != sqlite3.SQLITE_OK {
			return code
		}
		return called[sizeFunction](f.ownMethods().FxFileSize)(t, file, size)
	})
)
