package webhooks_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/holdall-go/holdall/internal/pbtest"
)

// witness checks the order in which a receiver is sent the changes of each
// record, whose number is in the field count.
type witness struct {
	mu           sync.Mutex
	random       *rand.Rand
	acknowledged map[string]int
	problems     []string
	tries        map[string]int
}

func newWitness(seed uint64) *witness {
	return &witness{random: rand.New(rand.NewPCG(seed, seed)), acknowledged: map[string]int{}, tries: map[string]int{}}
}

// see notes a call. Everything before it must have been acknowledged.
func (w *witness) see(c call) {
	w.mu.Lock()
	defer w.mu.Unlock()
	record, n := c.payload.Data.Record, int(c.payload.Data.After["count"].(float64))
	if done := w.acknowledged[record]; n > done+1 {
		w.problems = append(w.problems, fmt.Sprintf("%s: change %d came when %d was acknowledged", record, n, done))
	}
	w.tries[fmt.Sprint(record, "/", n)]++
}

func (w *witness) acknowledge(c call) {
	w.mu.Lock()
	defer w.mu.Unlock()
	record, n := c.payload.Data.Record, int(c.payload.Data.After["count"].(float64))
	w.acknowledged[record] = max(w.acknowledged[record], n)
}

func (w *witness) chance(n int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.random.IntN(n)
}

// missing counts the records that are not acknowledged up to n.
func (w *witness) missing(records, n int) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	done := 0
	for _, last := range w.acknowledged {
		if last == n {
			done++
		}
	}
	if done < records {
		return fmt.Errorf("%d of %d records have come to their end", done, records)
	}
	return nil
}

// TestUnreliableReceiver fails, hangs, resets, answers slowly, breaks off and
// redirects to a forbidden address. All events arrive, in order per record.
func TestUnreliableReceiver(t *testing.T) {
	t.Parallel()
	config := fast()
	config.Timeout = 150 * time.Millisecond
	app, p, start := newApp(t, config)
	forbidden, connections := outsider(t)
	w := newWitness(3)
	r := newReceiver(t, func(writer http.ResponseWriter, request *http.Request, c call) {
		w.see(c)
		misbehave(w, writer, request, c, forbidden)
	})
	addEndpoint(t, app, r.URL, map[string]any{"actions": []string{"create", "update"}})
	start()

	const records, changes = 14, 5
	var writers sync.WaitGroup
	for range records {
		writers.Go(func() {
			record := addRecord(t, app, "orders", map[string]any{"count": 1})
			for n := 2; n <= changes; n++ {
				change(t, app, record, map[string]any{"count": n})
			}
		})
	}
	writers.Wait()
	pbtest.Eventually(t, 2*time.Minute, func() error { return w.missing(records, changes) })
	awaitDeliveries(t, p, "pending", 0)

	w.mu.Lock()
	defer w.mu.Unlock()
	for _, problem := range w.problems {
		t.Error(problem)
	}
	if len(w.tries) != records*changes {
		t.Errorf("%d different events came, want %d", len(w.tries), records*changes)
	}
	again := 0
	for _, n := range w.tries {
		again += n - 1
	}
	if again < records*changes/4 {
		t.Errorf("only %d attempts were repeated, so the receiver was reliable", again)
	}
	if n := connections(); n > 0 {
		t.Errorf("the forbidden address was reached %d times", n)
	}
	t.Logf("%d events, %d attempts repeated", len(w.tries), again)
}

// misbehave answers in one of the ways in which receivers fail, half of the time.
func misbehave(w *witness, writer http.ResponseWriter, request *http.Request, c call, forbidden string) {
	switch w.chance(14) {
	case 0:
		writer.WriteHeader(http.StatusInternalServerError)
	case 1:
		<-request.Context().Done() // until the sender gives up
	case 2, 3:
		hijack(writer, "") // closes before an answer
	case 4:
		w.acknowledge(c) // and the sender cannot know
		hijack(writer, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nnot a hundred")
	case 5:
		http.Redirect(writer, request, forbidden, http.StatusFound)
	case 6: // slowly, and in the end too slowly
		for range 20 {
			select {
			case <-request.Context().Done():
				return
			case <-time.After(20 * time.Millisecond):
			}
			_, _ = writer.Write([]byte("."))
			_ = http.NewResponseController(writer).Flush()
		}
		w.acknowledge(c)
	default:
		w.acknowledge(c)
		writer.WriteHeader(http.StatusOK)
	}
}

// hijack writes to the connection and closes it.
func hijack(writer http.ResponseWriter, text string) {
	conn, _, err := http.NewResponseController(writer).Hijack()
	if err != nil {
		panic(errors.Join(http.ErrAbortHandler, err))
	}
	_, _ = conn.Write([]byte(text))
	_ = conn.Close()
}
