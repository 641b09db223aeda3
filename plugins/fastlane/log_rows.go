package fastlane

import (
	"context"
	"database/sql/driver"
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
)

// As PocketBase's own logger.
const (
	logBatch = 200
	logDelay = 3 * time.Second
)

// requestLog writes the rows of PocketBase's log of requests as PocketBase does: 200
// at once, or those of three seconds, or what there is when the app ends.
type requestLog struct {
	app  core.App
	own  modelHandlers // what PocketBase binds itself
	read func(*core.RequestEvent, time.Time) entry
	base atomic.Pointer[logger.BatchHandler] // that is known to be PocketBase's

	mu      sync.Mutex
	waiting []entry
	timer   *time.Timer

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
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.waiting == nil {
		l.waiting = make([]entry, 0, logBatch)
	}
	l.waiting = append(l.waiting, n)
	switch {
	case len(l.waiting)%logBatch == 0:
		go l.flush()
	case len(l.waiting) > 1:
	case l.timer == nil:
		l.timer = time.AfterFunc(logDelay, l.flush)
	default:
		l.timer.Reset(logDelay)
	}
}

// flush writes all that was added before, or waits for who does.
func (l *requestLog) flush() {
	l.writing.Lock()
	defer l.writing.Unlock()
	l.mu.Lock()
	entries := l.waiting
	l.waiting = nil
	l.mu.Unlock()
	if len(entries) > 0 && l.app.IsBootstrapped() && l.app.Settings().Logs.MaxDays != 0 {
		l.write(entries)
	}
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
	if err = conn.Raw(func(raw any) error { return insertRows(ctx, raw, entries) }); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

const insertText = "INSERT INTO `" + core.LogsTableName + "` (`created`, `data`, `id`, `level`, `message`) VALUES (?, ?, ?, ?, ?)"

// insertRows writes entries by the driver's own connection. One row a statement, as
// SQLite keeps a journal for those that could fail half way. The ids of a batch begin
// alike: it is their index that most of the pages of a batch would be of.
func insertRows(ctx context.Context, raw any, entries []entry) error {
	execer, ok := raw.(driver.ExecerContext)
	if !ok {
		return errors.New("fastlane: the driver's connections take no statements by themselves")
	}
	begin := security.PseudorandomStringWithAlphabet(idBegin, core.DefaultIdAlphabet)
	arguments := make([]driver.NamedValue, 5)
	for i := range arguments {
		arguments[i].Ordinal = i + 1
	}
	var data []byte
	for i := range entries {
		n := &entries[i]
		data = n.appendData(data[:0])
		arguments[0].Value = n.created()
		arguments[1].Value = string(data)
		arguments[2].Value = begin + security.PseudorandomStringWithAlphabet(core.DefaultIdLength-idBegin, core.DefaultIdAlphabet)
		arguments[3].Value = int64(slog.LevelInfo)
		arguments[4].Value = n.message()
		if _, err := execer.ExecContext(ctx, insertText, arguments); err != nil {
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
