// Package recorder watches what handlers answer, for those that count and log it.
//
//	rec := &recorder.Recorder{ResponseWriter: w}
//	next.ServeHTTP(rec, r)
//	log(rec.FinalStatus(), rec.Bytes)
//
// Nothing of what net/http offers behind a response writer is lost: flushing,
// hijacking, sending files without copying them.
package recorder

import (
	"bufio"
	"io"
	"net"
	"net/http"
)

// Recorder is a response writer that remembers what went through it.
type Recorder struct {
	http.ResponseWriter

	// Status is the answer's, 0 as long as there is none.
	Status int
	// Bytes is the length of the body so far.
	Bytes int64
	// Hijacked says that somebody has taken the connection over.
	Hijacked bool
}

// FinalStatus is the status of an answer that is over.
func (rec *Recorder) FinalStatus() int {
	switch {
	case rec.Status != 0:
		return rec.Status
	case rec.Hijacked:
		return http.StatusSwitchingProtocols
	default:
		return http.StatusOK // what net/http sends for a handler that wrote nothing
	}
}

// WriteHeader implements [http.ResponseWriter].
func (rec *Recorder) WriteHeader(status int) {
	if rec.Status == 0 && status >= http.StatusOK { // 1xx are not the answer yet
		rec.Status = status
	}
	rec.ResponseWriter.WriteHeader(status)
}

// Write implements [http.ResponseWriter].
func (rec *Recorder) Write(b []byte) (int, error) {
	n, err := rec.ResponseWriter.Write(b)
	rec.Bytes += int64(n)
	return n, err
}

// ReadFrom keeps net/http's way of sending files without copying them.
func (rec *Recorder) ReadFrom(src io.Reader) (int64, error) {
	n, err := io.Copy(rec.ResponseWriter, src)
	rec.Bytes += n
	return n, err
}

// Hijack implements [http.Hijacker].
func (rec *Recorder) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(rec.ResponseWriter).Hijack()
	rec.Hijacked = rec.Hijacked || err == nil
	return conn, rw, err
}

// Flush is for handlers that look for an [http.Flusher].
func (rec *Recorder) Flush() { _ = rec.FlushError() }

// FlushError is for [http.ResponseController], which asks for it first.
func (rec *Recorder) FlushError() error {
	return http.NewResponseController(rec.ResponseWriter).Flush()
}

// OnlyLooks tells who takes a connection over that nothing is lost but the number
// of bytes that follow.
func (rec *Recorder) OnlyLooks() {}

// Unwrap is for [http.ResponseController].
func (rec *Recorder) Unwrap() http.ResponseWriter { return rec.ResponseWriter }

// Find returns the writer of type T under those that middlewares have put around
// it, or false, as in tests without a server.
func Find[T http.ResponseWriter](w http.ResponseWriter) (T, bool) {
	for {
		switch v := w.(type) {
		case T:
			return v, true
		case interface{ Unwrap() http.ResponseWriter }:
			w = v.Unwrap()
		default:
			var none T
			return none, false
		}
	}
}
