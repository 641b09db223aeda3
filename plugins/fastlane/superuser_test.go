package fastlane_test

import (
	"net/http"
	"testing"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/pbtest"
)

// TestSuperuserAddresses tells PocketBase where superusers may come from, which one of
// its middlewares looks at.
func TestSuperuserAddresses(t *testing.T) {
	t.Parallel()
	for name, posts := range map[string]func(*testing.T) (*world, *core.Record, http.Header){"behind": newPosts, "in front": newFrontPosts} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, _, _ := posts(t)
			header := http.Header{"Authorization": {pbtest.Superuser(t, w.app)}}
			w.ask(false, onePost, header) // so that the token is known
			if got := w.mustServe(t, onePost, header, true); got.status != http.StatusOK {
				t.Errorf("status %d, want 200", got.status)
			}
			w.app.Settings().SuperuserIPs = []string{"192.0.2.1"}
			if got := w.mustServe(t, onePost, header, false); got.status != http.StatusForbidden {
				t.Errorf("from elsewhere: status %d, want 403", got.status)
			}
		})
	}
}
