package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/internal/sqlite"
	"github.com/holdall-go/holdall/plugins/fastlane"
)

// TestEachLaneWorkloadIsAnsweredAlike makes a few requests of each kind of a bare
// PocketBase and of one with the lane, and compares the answers as a run does.
func TestEachLaneWorkloadIsAnsweredAlike(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Log("the load of the fast lane is made on Linux only")
		return
	}
	fixture := t.TempDir()
	f, err := prepareLane(fixture, laneRows{Posts: 500, Main: 1000, Written: 50, Gone: 50, Users: 20})
	if err != nil {
		t.Fatal(err)
	}
	addresses := []string{serveLane(t, fixture, false), serveLane(t, fixture, true)}
	for _, w := range append(laneWorkloads(), handedOn()) {
		t.Run(w.name, func(t *testing.T) {
			for _, address := range addresses {
				if w.name == "auth refresh" {
					askAlone(t, address, w, f)
				}
				load, err := openWire(address, 2, w.request(f))
				if err != nil {
					t.Fatal(err)
				}
				load.keepEvery = 1
				taken, _, err := load.closed(0)
				if err != nil || len(taken) != 2 {
					t.Fatalf("got %d answers and error %v, want 2", len(taken), err)
				}
				if len(load.kept) != 2 {
					t.Fatalf("kept %d answers, want 2", len(load.kept))
				}
				if w.name == "list chat" && !bytes.Contains(load.kept[0].body, []byte(`"id":"s`)) {
					t.Errorf("got %s, want messages", load.kept[0].body)
				}
				if err := compareKept(addresses[0], w, f, load.kept); err != nil {
					t.Error(err)
				}
				if w.steady {
					if taken, _, err := load.offered(200, 20*time.Millisecond); err != nil || len(taken) != 4 {
						t.Errorf("got %d answers at a steady rate and error %v, want 4", len(taken), err)
					}
				}
				if err := load.close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// askAlone makes a request while there is no other. The middleware that PocketBase has
// before its auth routes notes with its first request what the parameter of the path is
// called, without a lock: two at once are a data race, though both write the same.
func askAlone(t *testing.T, address string, w laneWorkload, f *laneFixture) {
	t.Helper()
	load, err := openWire(address, 1, w.request(f))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := load.closed(0); err != nil {
		t.Error(err)
	}
	if err := load.close(); err != nil {
		t.Error(err)
	}
}

// serveLane serves a copy of a data directory, as the programs of the benchmark do.
func serveLane(t *testing.T, fixture string, lane bool) (address string) {
	t.Helper()
	dir := t.TempDir()
	if err := copyTo(dir, fixture); err != nil {
		t.Fatal(err)
	}
	config := core.BaseAppConfig{DataDir: dir}
	if lane {
		config.DBConnect = sqlite.New().Connect
	}
	app := core.NewBaseApp(config)
	if err := app.Bootstrap(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pbtest.Terminate(t, app) })
	if lane {
		fastlane.MustRegister(app, fastlane.Config{})
	}
	return strings.TrimPrefix(pbtest.Serve(t, app), "http://")
}

func TestOtherAnswersAreNoticed(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Log("the load of the fast lane is made on Linux only")
		return
	}
	address := answering(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"id":"abc","title":"A"}`) })
	w := laneWorkload{name: "create", writes: true, request: func(*laneFixture) appendRequest { return stencil(encode("GET", "/", "", nil)) }}
	for body, same := range map[string]bool{`{"id":"xyz","title":"A"}`: true, `{"id":"abc","title":"B"}`: false} {
		err := compareKept(address, w, nil, []kept{{n: 1, status: http.StatusOK, body: []byte(body)}})
		if (err == nil) != same {
			t.Errorf("%s: got error %v, want one: %t", body, err, !same)
		}
	}
	if err := compareKept(address, w, nil, []kept{{n: 1, status: http.StatusCreated, body: []byte(`{"id":"abc","title":"A"}`)}}); err == nil {
		t.Error("another status: got no error")
	}
}

// answering is a server on the loopback interface, until the test ends.
func answering(t *testing.T, handle http.HandlerFunc) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: handle, ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return listener.Addr().String()
}

func TestLoadCountsWhatWaits(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Log("the load of the fast lane is made on Linux only")
		return
	}
	// the first request is held until the fourth is overdue
	const hold = 200 * time.Millisecond
	var first bool
	address := answering(t, func(w http.ResponseWriter, _ *http.Request) {
		if !first {
			first = true
			<-time.After(hold)
		}
		w.WriteHeader(http.StatusNoContent)
	})
	load, err := openWire(address, 1, stencil(encode("GET", "/", "", nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer load.close()
	taken, _, err := load.offered(100, 100*time.Millisecond) // one each 10 ms
	if err != nil || len(taken) != 10 {
		t.Fatalf("got %d answers and error %v, want 10", len(taken), err)
	}
	for i, d := range taken {
		if want := hold - time.Duration(i)*10*time.Millisecond; d < want-time.Millisecond {
			t.Errorf("request %d: got %v, want at least the %v that it was due before", i, d, want)
		}
	}
}

func TestLoadReportsRefusals(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Log("the load of the fast lane is made on Linux only")
		return
	}
	address := answering(t, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "not you", http.StatusForbidden) })
	load, err := openWire(address, 2, stencil(encode("GET", "/", "", nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer load.close()
	if _, _, err := load.closed(time.Second); err == nil || !strings.Contains(err.Error(), "403") || !strings.Contains(err.Error(), "not you") {
		t.Errorf("got error %v, want the status and the answer", err)
	}
}

func TestStencil(t *testing.T) {
	t.Parallel()

	request := stencil([]byte("/p"+mark+"?q="+mark), itself, func(n uint64) uint64 { return n * 2 })
	if got, want := string(request([]byte("> "), 123)), "> /p00000000000123?q=00000000000246"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// lanesReport is a result as of a run, with made up figures.
func lanesReport() *laneReport {
	fast := &figures{OpsPerSecond: 30_000, P50MS: 0.4, P99MS: 4, CPUMicros: 40, RSSMB: 60}
	slow := &figures{OpsPerSecond: 5000, P50MS: 2, P99MS: 20, CPUMicros: 300, RSSMB: 80}
	six, share := &estimate{6, 5, 7}, &estimate{0.2, 0.1, 0.3}
	r := newLaneReport(options{plan: plan{restarts: 1, rounds: 3, cycles: 1, slice: time.Second}})
	for _, conns := range []int{1, 16, 64} {
		r.Rows = append(r.Rows, laneRow{Name: "view <b>", What: "a record", Conns: conns, Must: 5, Stock: slow, Lane: fast, LaneOps: six, LaneCPU: six})
	}
	r.Rows = append(r.Rows, laneRow{Name: "create", Conns: 16, Must: 8, Stock: slow, Lane: fast, Changes: fast, LaneOps: six, LaneCPU: six, ChangesOps: six, ChangesCPU: six})
	r.Offered = []offeredRow{{Name: "view", Rate: 3000, Programs: map[string]*steadyFigures{
		programStock: {P50MS: 1, P99MS: 20}, programLane: {P50MS: 0.5, P99MS: 2, P99Share: share},
	}}, {Name: "update", Rate: 1000, Programs: map[string]*steadyFigures{
		programStock: {P99MS: 20}, programLane: {P99MS: 2, P99Share: share}, programChanges: {P99MS: 20, P99Share: six},
	}}}
	for rows := 1000; rows <= 1_000_000; rows *= 10 {
		for _, name := range growing {
			r.Growth = append(r.Growth, growthRow{Name: name, Rows: rows, Stock: slow, Lane: fast})
		}
	}
	r.Handed = &handedRow{What: "a superuser's", Stock: slow, Engine: slow, Lane: slow}
	for _, s := range memorySettings {
		r.Memory = append(r.Memory, memoryRow{Name: s.String(), Load: "view", Conns: 16, OwnMB: 50, Figures: fast})
	}
	r.Programs = []programRow{{Name: programStock, BinaryMB: 20, StartMS: 30, IdleMB: 25}}
	r.Ceilings = []ceilingRow{{Name: "net/http", Conns: 16, OpsPerSecond: 45_000, CPUMicros: 14}}
	return r
}

func TestLaneReport(t *testing.T) {
	t.Parallel()

	r := lanesReport()
	r.Handed.ToStock.Median = 1.1
	r.Peaks = []memoryPeak{{programStock, 80}, {programLane, 90}}
	if got, want := strings.Join(r.over(), ", "), "create with 16 connections, steady update, memory, what is handed on"; got != want {
		t.Errorf("got %q short of what is asked, want %q", got, want)
	}
	text := r.markdown()
	for _, want := range []string{
		"| view <b> | 16 | lane | 30000 | 0.400 | 4.000 | 40.0 | 60.0 | 6.00 (5.00–7.00) | 6.00 (5.00–7.00) | 5 |",
		"| view | 3,000 | lane | 0.50 | 2.00 | 0.00 | 0 | 0.20 (0.10–0.30) |",
		"| view | 1,000,000 | 300 | 40 | 7.5 |",
		"| lane, 256 MiB of the database mapped | 40 | 50 |",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is missing in\n%s", want, text)
		}
	}
	r.Problems = []string{"view: it broke"}
	if text := r.markdown(); !strings.Contains(text, "- view: it broke") {
		t.Error("the report does not tell what failed")
	}
}

func TestLaneChartsAreXML(t *testing.T) {
	t.Parallel()

	for kind, r := range map[string]*laneReport{"of a run": lanesReport(), "empty": newLaneReport(options{})} {
		for name, chart := range r.charts() {
			decoder := xml.NewDecoder(bytes.NewReader(chart))
			for {
				if _, err := decoder.Token(); errors.Is(err, io.EOF) {
					break
				} else if err != nil {
					t.Fatalf("%s, %s: %v\n%s", name, kind, err, chart)
				}
			}
			if bytes.Contains(chart, []byte("NaN")) || bytes.Contains(chart, []byte("Inf")) {
				t.Errorf("%s, %s: there are numbers that are none in\n%s", name, kind, chart)
			}
		}
	}
}

func TestLaneResultIsPublished(t *testing.T) {
	t.Parallel()

	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "docs", "images"), 0o700); err != nil {
		t.Fatal(err)
	}
	page := filepath.Join(root, "docs", "performance.md")
	r := lanesReport()
	if err := os.WriteFile(page, []byte("no place"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := r.publish(root); err == nil {
		t.Error("got no error for a page without a place for figures")
	}
	if err := os.WriteFile(page, []byte("before\n"+figuresFrom+"old\n"+figuresTo+"after\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 { // a second time changes nothing
		if err := r.publish(root); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(page)
		if want := "before\n" + figuresFrom + r.page() + figuresTo + "after\n"; err != nil || string(got) != want {
			t.Errorf("got %s and error %v, want %s", got, err, want)
		}
	}
}

// TestPageShowsTheStoredResult keeps figures from being typed.
func TestPageShowsTheStoredResult(t *testing.T) {
	t.Parallel()

	stored, err := filepath.Glob(filepath.Join("results", laneBase+"*.json"))
	if err != nil || len(stored) == 0 {
		t.Logf("nothing is stored, error %v", err)
		return
	}
	page, err := os.ReadFile(filepath.Join("..", filepath.FromSlash(lanePage)))
	if err != nil {
		t.Fatal(err)
	}
	var found bool
	for _, path := range stored {
		r, err := storedLane(filepath.Dir(path), strings.TrimSuffix(filepath.Base(path), ".json"))
		if err != nil {
			t.Fatal(err)
		}
		found = found || bytes.Contains(page, []byte(figuresFrom+r.page()+figuresTo))
	}
	if !found {
		t.Errorf("%s shows the figures of no stored result, want it written by: go run ./bench -fastlane -redraw", lanePage)
	}
}

func TestParseConns(t *testing.T) {
	t.Parallel()

	if got, err := parseConns("1,16"); err != nil || fmt.Sprint(got) != "[1 16]" {
		t.Errorf("got %v and error %v, want 1 and 16", got, err)
	}
	for _, text := range []string{"", "0", "x", "1,,2", "5000"} {
		if _, err := parseConns(text); err == nil {
			t.Errorf("%q: got no error, want one", text)
		}
	}
}
