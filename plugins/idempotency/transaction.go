package idempotency

import (
	"errors"
	"log/slog"
	"net/http"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// inTransaction runs do in a transaction and puts the event's app back after.
//
// A handler that writes by the app it was registered with, instead of by e.App,
// would wait for the transaction that waits for it. So the transaction ends, by
// force, at the configured time: then the handler goes on, everything that it
// still does in the transaction fails, and so does the request.
func (p *Plugin) inTransaction(e *core.RequestEvent, do func(tx core.App) error) error {
	outer := e.App
	defer func() { e.App = outer }()
	return outer.RunInTransaction(func(tx core.App) error {
		end := p.endBy(tx)
		defer end() // after a panic too
		err := do(tx)
		if !end() {
			// also when all went well: dbx takes a commit that comes too late for one
			return errTooLong
		}
		return err
	})
}

// refuseTooLong turns the error of a transaction that was ended by force into an
// answer, and leaves others as they are.
func (p *Plugin) refuseTooLong(e *core.RequestEvent, err error) error {
	if !errors.Is(err, errTooLong) {
		return err
	}
	e.App.Logger().Error("A request held its transaction for too long. Does its handler, or a hook, use another app than that of its event?",
		slog.String("plugin", "idempotency"), slog.String("route", e.Request.Pattern), slog.Duration("timeout", p.config.Timeout))
	return retryLater(e, http.StatusServiceUnavailable, codeTooLong, "The request took too long and was undone.")
}

var errTooLong = errors.New("the transaction took too long")

// endBy rolls the transaction back at the configured time, unless end is called
// before. end tells whether it was.
func (p *Plugin) endBy(tx core.App) (end func() bool) {
	const open, ended, expired = 0, 1, 2
	var state atomic.Int32
	timer := time.AfterFunc(p.config.Timeout, func() {
		if !state.CompareAndSwap(open, expired) {
			return
		}
		if t, ok := tx.NonconcurrentDB().(*dbx.Tx); ok {
			_ = t.Rollback()
		}
	})
	return func() bool {
		timer.Stop()
		return state.CompareAndSwap(open, ended) || state.Load() == ended
	}
}

// transaction is the app of a request whose answer has to be known before its
// transaction ends.
type transaction struct {
	core.App
	failed atomic.Bool // whether a transaction within it did
}

// TxInfo tells the truth to everybody but PocketBase's own handlers, when they
// ask whether they have to hold their answer back until the commit: the plugin
// does that for them, and needs to see the answer before.
func (t *transaction) TxInfo() *core.TxAppInfo {
	if askedByAnswer() {
		return nil
	}
	return t.App.TxInfo()
}

// RunInTransaction joins the transaction. One that fails cannot be undone by
// itself, so that the whole must not be committed.
func (t *transaction) RunInTransaction(do func(core.App) error) error {
	err := do(t)
	if err != nil {
		t.failed.Store(true)
	}
	return err
}

// answerFunction is PocketBase's function that defers an answer.
const answerFunction = "github.com/pocketbase/pocketbase/apis.execAfterSuccessTx"

// askedByAnswer reports whether the method that calls it was called by
// answerFunction.
func askedByAnswer() bool {
	var callers [1]uintptr
	if runtime.Callers(3, callers[:]) == 0 {
		return false
	}
	frame, _ := runtime.CallersFrames(callers[:]).Next()
	return frame.Function == answerFunction
}
