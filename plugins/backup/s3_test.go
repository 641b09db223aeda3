package backup_test

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	osexec "os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"github.com/holdall-go/holdall/plugins/backup"
)

// bucketName is the bucket of the server below.
const bucketName = "backups"

var s3Upstream = flag.String("s3.upstream", "",
	"the address of an S3 server with a bucket \"backups\" for the access key \"key\" and the secret \"secret\", instead of the one of the tests")

// serveS3 is a process that serves a bucket, from its memory or that of another
// server, badly: so many of a thousand requests fail, stall, are cut off, or succeed
// without an answer. POST /-/faults?per=100 sets how many.
func serveS3(upstream string) error {
	good, err := goodS3(upstream)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println("http://" + listener.Addr().String())
	var faults atomic.Int64
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/-/faults" {
			n, _ := strconv.ParseInt(r.URL.Query().Get("per"), 10, 64)
			faults.Store(n)
			return
		}
		if rand.Int64N(1000) >= faults.Load() {
			good.ServeHTTP(w, r)
			return
		}
		misbehave(w, r, good)
	})
	go func() { // it ends with the test that started it
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	return (&http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}).Serve(listener)
}

func goodS3(upstream string) (http.Handler, error) {
	if upstream == "" {
		memory := s3mem.New()
		return gofakes3.New(memory).Server(), memory.CreateBucket(bucketName)
	}
	address, err := url.Parse(upstream)
	return &httputil.ReverseProxy{
		Rewrite:  func(r *httputil.ProxyRequest) { r.SetURL(address); r.Out.Host = r.In.Host }, // which is signed
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
	}, err
}

func misbehave(w http.ResponseWriter, r *http.Request, good http.Handler) {
	switch rand.IntN(5) {
	case 0:
		http.Error(w, "<Error><Code>SlowDown</Code></Error>", http.StatusServiceUnavailable)
	case 1: // stalls, and then does it
		select {
		case <-time.After(time.Duration(rand.IntN(1500)) * time.Millisecond):
			good.ServeHTTP(w, r)
		case <-r.Context().Done(): // who asked has gone
		}
	case 2: // reads a part of what is sent and hangs up
		_, _ = io.CopyN(io.Discard, r.Body, rand.Int64N(1000))
		panic(http.ErrAbortHandler)
	case 3: // does it and does not say so
		good.ServeHTTP(mute{w.Header()}, r)
		panic(http.ErrAbortHandler)
	case 4: // sends a part of the answer
		good.ServeHTTP(&partial{ResponseWriter: w, left: rand.IntN(4000)}, r)
	}
}

type mute struct{ header http.Header }

func (m mute) Header() http.Header       { return m.header }
func (mute) Write(b []byte) (int, error) { return len(b), nil }
func (mute) WriteHeader(int)             {}

type partial struct {
	http.ResponseWriter
	left int
}

func (p *partial) Write(b []byte) (int, error) {
	if len(b) > p.left {
		_, _ = p.ResponseWriter.Write(b[:p.left])
		panic(http.ErrAbortHandler)
	}
	p.left -= len(b)
	return p.ResponseWriter.Write(b)
}

// s3Server is such a process, and a folder in its bucket.
type s3Server struct{ endpoint, path string }

func startS3(t *testing.T) s3Server {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := osexec.CommandContext(t.Context(), program, "s3", *s3Upstream)
	command.Stderr = io.Discard // each connection that it cuts off
	input, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = input.Close(); _ = command.Wait() })
	line, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return s3Server{strings.TrimSpace(line), "of/" + t.Name() + "/" + strconv.FormatInt(time.Now().UnixNano(), 36)}
}

// misbehaves sets how many of a thousand requests go wrong.
func (s s3Server) misbehaves(t *testing.T, per int) {
	t.Helper()
	r, err := http.Post(fmt.Sprintf("%s/-/faults?per=%d", s.endpoint, per), "", nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = r.Body.Close()
}

func (s s3Server) config() backup.S3 {
	return backup.S3{Bucket: bucketName, Path: s.path, Endpoint: s.endpoint, AccessKey: "key", Secret: "secret", ForcePathStyle: true}
}
