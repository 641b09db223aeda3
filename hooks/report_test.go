package hooks_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/filesystem"

	"github.com/holdall-go/holdall/collections"
	"github.com/holdall-go/holdall/hooks"
)

// heldJobs are jobs that run when a test says so.
type heldJobs struct {
	mutex sync.Mutex
	run   func(ctx context.Context, args json.RawMessage) error
	args  []json.RawMessage
	fail  error // of Enqueue
}

func (j *heldJobs) Handle(kind string, run func(ctx context.Context, args json.RawMessage) error) error {
	if kind != hooks.ReportKind {
		return fmt.Errorf("got the kind %s", kind)
	}
	j.run = run
	return nil
}

func (j *heldJobs) Enqueue(tx core.App, kind string, args any) error {
	encoded, err := json.Marshal(args)
	if err = errors.Join(err, j.fail); err != nil {
		return err
	}
	if kind != hooks.ReportKind || !tx.IsTransactional() {
		return fmt.Errorf("got the kind %s, in a transaction: %v", kind, tx.IsTransactional())
	}
	tx.TxInfo().OnComplete(func(txErr error) error {
		j.mutex.Lock()
		defer j.mutex.Unlock()
		if txErr == nil {
			j.args = append(j.args, encoded)
		}
		return nil
	})
	return nil
}

// take returns the jobs that were enqueued since the last time.
func (j *heldJobs) take() []json.RawMessage {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	taken := j.args
	j.args = nil
	return taken
}

// reportWorld is a world with reports.
type reportWorld struct {
	*world
	jobs *heldJobs
}

func newReportWorld(t *testing.T) reportWorld {
	t.Helper()
	w, held := newWorld(t), &heldJobs{}
	w.must(hooks.Register(w, hooks.Config{Clock: w.clock, Jobs: held}))
	return reportWorld{w, held}
}

// completed makes an order and completes it, as a technician would.
func (w reportWorld) completed() *collections.WorkOrder {
	w.tb.Helper()
	order := w.order(w.planned, in(collections.WorkOrderStatusOnSite), func(order *collections.WorkOrder) {
		order.SetStartedAt(at(monday.Add(time.Hour)))
		order.SetChecklist([]byte(`[{"id":"a","label":"Check the brake","done":true,"required":true}]`))
	})
	got := w.ask("technician", http.MethodPost, "/api/v1/work-orders/"+order.Id+"/transition",
		map[string]string{"to": "completed", "note": "Смазано."})
	if got.status != http.StatusOK {
		w.tb.Fatalf("complete: got %d %s", got.status, got.body)
	}
	return w.reload(order)
}

// work runs the jobs that wait, and returns how many there were.
func (w reportWorld) work() int {
	w.tb.Helper()
	taken := w.jobs.take()
	for _, args := range taken {
		w.must(w.jobs.run(w.tb.Context(), args))
	}
	return len(taken)
}

// textOf is what the report of the order says.
func (w reportWorld) textOf(order *collections.WorkOrder) string {
	w.tb.Helper()
	files, err := w.NewFilesystem()
	w.must(err)
	defer files.Close()
	reader, err := files.GetReader(order.BaseFilesPath() + "/" + order.Report())
	w.must(err)
	defer reader.Close()
	command := exec.CommandContext(w.tb.Context(), "pdftotext", "-layout", "-", "-")
	command.Stdin = reader
	text, err := command.Output()
	w.must(err)
	return string(text)
}

// addPhoto adds a photo to the order, or something else in its place.
func (w reportWorld) addPhoto(order *collections.WorkOrder, caption string, content []byte) *collections.Photo {
	w.tb.Helper()
	photo, err := collections.NewPhoto(w)
	w.must(err)
	file, err := filesystem.NewFileFromBytes(content, "photo.jpg")
	w.must(err)
	photo.SetWorkOrder(order.Id)
	photo.SetAuthor(w.people["technician"].Id)
	photo.SetImage(file)
	photo.SetCaption(caption)
	w.must(w.Save(photo))
	return photo
}

func jpegOf(tb testing.TB) []byte {
	tb.Helper()
	img := image.NewRGBA(image.Rect(0, 0, 64, 48))
	for i := range img.Pix {
		img.Pix[i] = uint8(i)
	}
	img.Set(3, 3, color.White)
	var out bytes.Buffer
	if err := jpeg.Encode(&out, img, nil); err != nil {
		tb.Fatal(err)
	}
	return out.Bytes()
}

// stored counts the files of the order.
func (w reportWorld) stored(order *collections.WorkOrder) int {
	w.tb.Helper()
	files, err := w.NewFilesystem()
	w.must(err)
	defer files.Close()
	list, err := files.List(order.BaseFilesPath())
	w.must(err)
	count := 0
	for _, file := range list {
		if strings.HasSuffix(file.Key, ".pdf") {
			count++
		}
	}
	return count
}

func TestCompletionMakesAReport(t *testing.T) {
	t.Parallel()
	w := newReportWorld(t)
	order := w.order(w.planned, in(collections.WorkOrderStatusScheduled))
	if order.Report() != "" || w.work() != 0 {
		t.Fatal("an order that is not completed has a report, or a job for it")
	}
	order = w.completed()
	if order.Report() != "" {
		t.Error("the report was made before its job ran")
	}
	if got := w.work(); got == 0 {
		t.Fatal("got no job")
	}
	order = w.reload(order)
	text := w.textOf(order)
	for _, want := range []string{
		"Quillon Lift Care", fmt.Sprintf("Work order %d", order.Number()), "Inspect the lift", "Harbour Tower", "1 Example Street",
		"technician", "Mon 2 Mar 2026, 10:00 – 12:00", "done: Check the brake", "Смазано.", "Page 1 of 1", "Europe/Berlin",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the report does not say %q:\n%s", want, text)
		}
	}
	if got := w.work(); got != 0 {
		t.Errorf("storing the report enqueued %d jobs", got)
	}
}

func TestReportJobCanBeRepeated(t *testing.T) {
	t.Parallel()
	w := newReportWorld(t)
	order := w.completed()
	args := w.jobs.take()[0]
	w.must(w.jobs.run(t.Context(), args))
	first := w.reload(order)
	w.must(w.jobs.run(t.Context(), args))
	second := w.reload(order)
	if second.Report() != first.Report() || second.Updated() != first.Updated() || w.stored(order) != 1 {
		t.Errorf("got %s with %d files, want %s alone", second.Report(), w.stored(order), first.Report())
	}

	// what it says has changed: another report takes the place
	w.addPhoto(second, "Later", jpegOf(t))
	w.must(w.jobs.run(t.Context(), args))
	third := w.reload(order)
	if third.Report() == first.Report() || w.stored(order) != 1 {
		t.Errorf("got %s with %d files, want another one alone", third.Report(), w.stored(order))
	}
}

func TestWhatComesLaterIsInTheReport(t *testing.T) {
	t.Parallel()
	w := newReportWorld(t)
	order := w.completed()
	w.work()
	photo := w.addPhoto(order, "Sent from the cellar", jpegOf(t))
	if got := w.work(); got != 1 {
		t.Errorf("a photo: got %d jobs, want 1", got)
	}
	if text := w.textOf(w.reload(order)); !strings.Contains(text, "Sent from the cellar") {
		t.Errorf("the report is without the photo:\n%s", text)
	}
	w.must(w.Delete(photo))
	if got := w.work(); got != 1 {
		t.Errorf("a photo that is deleted: got %d jobs, want 1", got)
	}
	order = w.reload(order)
	if text := w.textOf(order); strings.Contains(text, "cellar") {
		t.Errorf("the report has the deleted photo:\n%s", text)
	}
	order.SetTitle("Inspect both lifts")
	w.must(w.Save(order))
	if w.work(); !strings.Contains(w.textOf(w.reload(order)), "both lifts") {
		t.Error("the report has the old title")
	}
	order = w.reload(order)
	order.SetPriority(collections.WorkOrderPriorityHigh)
	w.must(w.Save(order))
	if got := w.work(); got != 0 {
		t.Errorf("something that no report says: got %d jobs, want none", got)
	}
}

func TestReportGoesWithoutDamagedPhotos(t *testing.T) {
	t.Parallel()
	w := newReportWorld(t)
	order := w.completed()
	w.addPhoto(order, "Damaged", jpegOf(t)[:400])
	w.addPhoto(order, "Whole", jpegOf(t))
	lost := w.addPhoto(order, "Lost", jpegOf(t))
	files, err := w.NewFilesystem()
	w.must(err)
	defer files.Close()
	w.must(files.Delete(lost.BaseFilesPath() + "/" + lost.Image()))
	w.work()
	text := w.textOf(w.reload(order))
	if got := strings.Count(text, "cannot be read"); got != 2 || !strings.Contains(text, "Whole") {
		t.Errorf("got %d remarks, want 2:\n%s", got, text)
	}
}

func TestReportOfAnOrderThatIsGone(t *testing.T) {
	t.Parallel()
	w := newReportWorld(t)
	order := w.completed()
	w.addPhoto(order, "", jpegOf(t))
	jobs := w.jobs.take()
	w.must(w.Delete(order))
	for _, args := range jobs {
		if err := w.jobs.run(t.Context(), args); err != nil {
			t.Errorf("got %v, want a quiet end", err)
		}
	}
	w.work()
}

// What changes while the report is drawn is in the one that is stored.
func TestReportOfWhatChangesMeanwhile(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(w reportWorld, order *collections.WorkOrder)
		want   string
	}{
		"a photo": {func(w reportWorld, order *collections.WorkOrder) { w.addPhoto(order, "Second", jpegOf(t)) }, "Second"},
		"the name of the site, which makes no job": {func(w reportWorld, _ *collections.WorkOrder) {
			w.site.SetName("Harbour House")
			w.must(w.Save(w.site))
		}, "Harbour House"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newReportWorld(t)
			order := w.completed()
			w.addPhoto(order, "First", jpegOf(t))
			jobs := w.jobs.take()
			ctx := &onRead{Context: t.Context(), do: func() { c.change(w, order) }}
			w.must(w.jobs.run(ctx, jobs[len(jobs)-1]))
			order = w.reload(order)
			if order.Report() == "" {
				t.Fatal("got no report")
			}
			if text := w.textOf(order); !strings.Contains(text, c.want) {
				t.Errorf("the report does not say %q:\n%s", c.want, text)
			}
			if got := w.stored(order); got != 1 {
				t.Errorf("got %d files, want 1", got)
			}
		})
	}
}

// An order that is completed, and its report made, while a note to it or a photo
// of it is about to be stored.
func TestReportOfWhatWasOnItsWay(t *testing.T) {
	t.Parallel()
	w := newReportWorld(t)
	var order *collections.WorkOrder
	w.OnRecordCreateExecute(collections.Photos).BindFunc(func(e *core.RecordEvent) error {
		order = w.reload(order)
		order.SetStatus(collections.WorkOrderStatusCompleted)
		w.must(w.Save(order))
		w.work()
		return e.Next()
	})
	order = w.order(w.planned, in(collections.WorkOrderStatusOnSite))
	w.addPhoto(order, "The last photo", jpegOf(t))
	w.work()
	if text := w.textOf(w.reload(order)); !strings.Contains(text, "The last photo") {
		t.Errorf("the report is without the photo:\n%s", text)
	}
}

// onRead does something once when it is first asked whether it is over, which is
// while a report is drawn.
type onRead struct {
	context.Context
	once sync.Once
	do   func()
}

func (c *onRead) Err() error {
	c.once.Do(c.do)
	return c.Context.Err()
}

func TestCompletionFailsWithItsJob(t *testing.T) {
	t.Parallel()
	w := newReportWorld(t)
	order := w.order(w.planned, in(collections.WorkOrderStatusOnSite))
	w.jobs.fail = errors.New("the disk is full")
	got := w.ask("technician", http.MethodPost, "/api/v1/work-orders/"+order.Id+"/transition", map[string]string{"to": "completed"})
	if got.status == http.StatusOK || strings.Contains(got.body, "disk") {
		t.Errorf("got %d %s, want a refusal that does not say why", got.status, got.body)
	}
	if status := w.reload(order).Status(); status != collections.WorkOrderStatusOnSite {
		t.Errorf("the order is %s without its job", status)
	}
}

// The report is a protected file: who sees the order reads it, nobody else.
func TestWhoReadsReports(t *testing.T) {
	t.Parallel()
	w := newReportWorld(t)
	order := w.completed()
	w.work()
	order = w.reload(order)
	for caller, want := range map[string]int{
		"": 404, "stranger": 404, "unassigned": 404, "viewer": 200, "technician": 200, "dispatcher": 200, "owner": 200,
	} {
		path := "/api/files/" + order.BaseFilesPath() + "/" + order.Report()
		if caller != "" {
			token, err := w.people[caller].NewFileToken()
			w.must(err)
			path += "?token=" + token
		}
		got := w.ask("", http.MethodGet, path, nil)
		if got.status != want {
			t.Errorf("%q: got %d, want %d", caller, got.status, want)
		}
		if want == 200 && got.header.Get("Content-Type") != "application/pdf" {
			t.Errorf("%q: got %s", caller, got.header.Get("Content-Type"))
		}
	}
}
