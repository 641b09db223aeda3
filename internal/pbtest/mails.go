package pbtest

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
)

// mailPatience is how long a mail may take to be sent.
const mailPatience = 30 * time.Second

// AwaitMails has the end of the test wait until the mails are sent that requests have
// asked for: PocketBase answers before, and goes on with an app that is closed by then.
// It is for one-time passwords, password resets and verifications.
func AwaitMails(tb testing.TB, app core.App) {
	tb.Helper()
	var asked, sent atomic.Int64
	ask := func(next func() error) error {
		err := next()
		if err == nil {
			asked.Add(1)
		}
		return err
	}
	const first = -99999 // so that all others have run when it goes on
	app.OnRecordRequestOTPRequest().Bind(&hook.Handler[*core.RecordCreateOTPRequestEvent]{
		Func: func(e *core.RecordCreateOTPRequestEvent) error {
			if e.Record == nil { // nobody has the address
				return e.Next()
			}
			return ask(e.Next)
		},
		Priority: first,
	})
	app.OnRecordRequestPasswordResetRequest().Bind(&hook.Handler[*core.RecordRequestPasswordResetRequestEvent]{
		Func: func(e *core.RecordRequestPasswordResetRequestEvent) error { return ask(e.Next) }, Priority: first,
	})
	app.OnRecordRequestVerificationRequest().Bind(&hook.Handler[*core.RecordRequestVerificationRequestEvent]{
		Func: func(e *core.RecordRequestVerificationRequestEvent) error {
			if e.Record.Verified() { // who gets none
				return e.Next()
			}
			return ask(e.Next)
		},
		Priority: first,
	})
	send := func() *hook.Handler[*core.MailerRecordEvent] {
		return &hook.Handler[*core.MailerRecordEvent]{
			Func: func(e *core.MailerRecordEvent) error {
				defer sent.Add(1)
				return e.Next()
			},
			Priority: first,
		}
	}
	app.OnMailerRecordOTPSend().Bind(send())
	app.OnMailerRecordPasswordResetSend().Bind(send())
	app.OnMailerRecordVerificationSend().Bind(send())
	tb.Cleanup(func() {
		Eventually(tb, mailPatience, func() error {
			if sent.Load() < asked.Load() {
				return fmt.Errorf("%d mails were sent of %d that requests have asked for", sent.Load(), asked.Load())
			}
			return nil
		})
	})
}
