package fastlane

import (
	"context"
	"errors"
	"log/slog"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/logger"
	"github.com/pocketbase/pocketbase/tools/security"

	"github.com/holdall-go/holdall/internal/sqlite"
)

const (
	// logBatch and logDelay are PocketBase's: so many rows are written at once, or those
	// of three seconds.
	logBatch = 200
	logDelay = 3 * time.Second

	// logPause is the least time between two batches of a busy server. Most of the
	// pages that a batch of 200 changes are of the index of messages, one for each
	// row: a larger batch changes the same pages for more of them.
	logPause = time.Second

	// Who writes a batch stands back for a logBreath after each logPart rows, or logBreaths
	// times if there are many. Written at a stretch, they keep a processor for longer than
	// any request takes, and the requests of that moment wait.
	logPart    = 32
	logBreaths = 256
	logBreath  = time.Millisecond

	// logMost is how many rows may wait. Who adds one more writes them before it goes on.
	logMost = 50_000
)

// requestLog writes the rows of PocketBase's log of requests in batches, the last when
// the app ends.
type requestLog struct {
	app  core.App
	own  modelHandlers // what PocketBase binds itself
	read func(*core.RequestEvent, time.Time) entry
	base atomic.Pointer[logger.BatchHandler] // that is known to be PocketBase's

	mu      sync.Mutex
	waiting []entry
	timer   *time.Timer
	taken   time.Time // when the last batch was

	writing sync.Mutex
}

func newRequestLog(app core.App) *requestLog {
	return &requestLog{app: app, own: ownModelHandlers(), read: newEntry}
}

// takes tells whether a record of the log would go from the app's logger to the
// table and nowhere else. Another logger, and the printing of --dev, are
// PocketBase's to serve.
func (l *requestLog) takes(app core.App) bool {
	if app.Settings().Logs.MaxDays <= 0 || app.IsDev() {
		return false
	}
	h, ok := app.Logger().Handler().(*logger.BatchHandler)
	if !ok || h != l.base.Load() && !l.recognize(h) {
		return false
	}
	return h.Enabled(context.Background(), slog.LevelInfo)
}

// recognize tells whether a handler is PocketBase's: it adds nothing to records, and
// writes to the table of logs.
func (l *requestLog) recognize(h *logger.BatchHandler) (known bool) {
	defer func() { _ = recover() }() // of another version, which is not known
	fields := reflect.ValueOf(h).Elem()
	if !fields.FieldByName("parent").IsNil() || fields.FieldByName("group").Len() > 0 || fields.FieldByName("attrs").Len() > 0 {
		return false
	}
	write := functionName(fields.FieldByName("options").Elem().FieldByName("WriteFunc"))
	if !strings.HasPrefix(write, "github.com/pocketbase/pocketbase/core.(*BaseApp).initLogger.") {
		return false
	}
	l.base.Store(h)
	return true
}

// add takes an entry.
func (l *requestLog) add(n entry) {
	if l.append(n) >= logMost {
		l.flush()
	}
}

// append returns how many wait then.
func (l *requestLog) append(n entry) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.waiting == nil {
		l.waiting = make([]entry, 0, logBatch)
	}
	l.waiting = append(l.waiting, n)
	switch len(l.waiting) {
	case 1:
		l.schedule(logDelay)
	case logBatch:
		l.schedule(logPause - time.Since(l.taken))
	}
	return len(l.waiting)
}

// schedule has the batch written after so long.
func (l *requestLog) schedule(after time.Duration) {
	if l.timer == nil {
		l.timer = time.AfterFunc(after, l.flush)
	} else {
		l.timer.Reset(after)
	}
}

// flush writes all that was added before, or waits for who does.
func (l *requestLog) flush() {
	l.writing.Lock()
	defer l.writing.Unlock()
	if entries := l.take(); len(entries) > 0 && l.app.IsBootstrapped() && l.app.Settings().Logs.MaxDays != 0 {
		l.write(entries)
	}
}

func (l *requestLog) take() []entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	entries := l.waiting
	l.waiting, l.taken = nil, time.Now()
	return entries
}

// write writes entries. Whoever handles models sees them one by one, as ever.
func (l *requestLog) write(entries []entry) {
	if modelHandlersOf(l.app) == l.own && l.insert(entries) == nil {
		return
	}
	_ = l.app.AuxRunInTransaction(func(tx core.App) error {
		for i := range entries {
			model, err := entries[i].model()
			if err == nil {
				err = tx.AuxSave(model)
			}
			if err != nil {
				// the app's own logger is what has failed
				slog.Default().Error("A line of the log could not be saved.", slog.Any("line", model), slog.Any("error", err))
			}
		}
		return nil
	})
}

// insert writes entries in a transaction of its own.
func (l *requestLog) insert(entries []entry) error {
	db, ok := l.app.AuxNonconcurrentDB().(*dbx.DB)
	if !ok {
		return errors.New("fastlane: the logs are in a transaction of somebody")
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := db.DB().Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err = conn.Raw(func(raw any) error { return insertRows(raw, entries) }); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

const insertText = "INSERT INTO `" + core.LogsTableName + "` (`created`, `data`, `id`, `level`, `message`) VALUES (?, ?, ?, ?, ?)"

// insertRows writes entries on a connection as [sql.Conn.Raw] has it. One row a statement,
// as SQLite keeps a journal for those that could fail half way. The ids of a batch begin
// alike: it is their index that most of the pages of a batch would be of.
func insertRows(raw any, entries []entry) error {
	begin := security.PseudorandomStringWithAlphabet(idBegin, core.DefaultIdAlphabet)
	arguments := make([]sqlite.Value, 5)
	part := max(logPart, len(entries)/logBreaths)
	var data []byte
	for i := range entries {
		if i%part == part-1 {
			<-time.After(logBreath)
		}
		n := &entries[i]
		data = n.appendData(data[:0])
		arguments[0] = sqlite.TextValue(n.created())
		arguments[1] = sqlite.TextValue(string(data))
		arguments[2] = sqlite.TextValue(begin + security.PseudorandomStringWithAlphabet(core.DefaultIdLength-idBegin, core.DefaultIdAlphabet))
		arguments[3] = sqlite.IntegerValue(int64(slog.LevelInfo))
		arguments[4] = sqlite.TextValue(n.message())
		if err := sqlite.ExecOn(raw, insertText, arguments); err != nil {
			return err
		}
	}
	return nil
}

// idBegin is how many characters the ids of a batch have in common. There are as many
// random ones to tell batches apart as there are to tell its rows.
const idBegin = 8

// modelHandlers is how many handlers there are that a saved row of the log goes by.
type modelHandlers [5]int

func modelHandlersOf(app core.App) modelHandlers {
	return modelHandlers{
		app.OnModelValidate().Length(), app.OnModelCreate().Length(), app.OnModelCreateExecute().Length(),
		app.OnModelAfterCreateSuccess().Length(), app.OnModelAfterCreateError().Length(),
	}
}

// ownModelHandlers counts those of an app that has none but PocketBase's, which leave
// the log alone. The app is never started.
var ownModelHandlers = sync.OnceValue(func() modelHandlers {
	app := core.NewBaseApp(core.BaseAppConfig{})
	if _, err := apis.NewRouter(app); err != nil {
		return modelHandlers{-1} // all are somebody else's
	}
	return modelHandlersOf(app)
})
