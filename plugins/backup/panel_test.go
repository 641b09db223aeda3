package backup_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/backup"
)

// ask sends a request with a token, and returns the status and the body.
func ask(t *testing.T, method, address, token string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, address, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", token)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var body strings.Builder
	if _, err := io.Copy(&body, answer.Body); err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, body.String()
}

// TestDrillOnDemand is the button of the page: a drill, and one that fails, are in
// the history, which the next process and commands have, too.
func TestDrillOnDemand(t *testing.T) {
	t.Parallel()
	dir, target := t.TempDir(), t.TempDir()
	config := quick(target)
	app, plugin, err := openApp(dir, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pbtest.Terminate(t, app) })
	token := pbtest.Superuser(t, app)
	server := pbtest.Serve(t, app)
	for _, path := range []string{backup.DrillPath, backup.RangesPath, backup.StatusPath} {
		method := map[string]string{backup.DrillPath: http.MethodPost}[path]
		if status, _ := ask(t, method, server+path, ""); status != http.StatusUnauthorized {
			t.Errorf("guests get %d of %s", status, path)
		}
	}
	shipped(t, plugin)
	if status := plugin.Status().Targets[0]; status.Place != target || status.Databases[0].Generation == "" {
		t.Errorf("the target is %+v", status)
	}
	if status, body := ask(t, http.MethodGet, server+backup.RangesPath, token); status != http.StatusOK || !strings.Contains(body, `"database":"data.db"`) {
		t.Errorf("the ranges are %d: %s", status, body)
	}

	drill := func(n int) []backup.DrillResult {
		t.Helper()
		if status, body := ask(t, http.MethodPost, server+backup.DrillPath, token); status != http.StatusAccepted {
			t.Fatalf("the drill is answered with %d: %s", status, body)
		}
		var status backup.Status
		pbtest.Eventually(t, patience, func() error {
			if status = plugin.Status(); len(status.Drills) != n || status.Drilling {
				return errors.New("the drill is not over")
			}
			return nil
		})
		return status.Drills
	}
	if got := drill(1)[0]; !got.OK {
		t.Errorf("the drill found %+v", got)
	}
	if err := os.Rename(filepath.Join(target, "db"), filepath.Join(target, "gone")); err != nil {
		t.Fatal(err)
	}
	if got := drill(2); got[0].OK || !got[1].OK || plugin.Problem() == nil {
		t.Errorf("the drills are %+v, the problem %v; want the failure first", got, plugin.Problem())
	}

	out, err := run(t, dir, config, "backup", "status", "--json")
	var saved backup.Status
	if err == nil || json.Unmarshal([]byte(out), &saved) != nil || len(saved.Drills) != 2 || saved.Drill == nil || saved.Drill.OK {
		t.Errorf("the command says %v: %s", err, out)
	}
}

func TestDrillThatCannotBe(t *testing.T) {
	t.Parallel()
	recipients, _ := someIdentity(t)
	locked := quick(t.TempDir())
	locked.Recipients = recipients
	for name, test := range map[string]struct {
		config backup.Config
		code   string
	}{
		"no target":   {backup.Config{Setup: "name one"}, backup.CodeNoTarget},
		"no identity": {locked, backup.CodeLocked},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			app, plugin, err := openApp(t.TempDir(), test.config)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { pbtest.Terminate(t, app) })
			token := pbtest.Superuser(t, app)
			server := pbtest.Serve(t, app)
			if status, body := ask(t, http.MethodPost, server+backup.DrillPath, token); status != http.StatusConflict || !strings.Contains(body, test.code) {
				t.Errorf("the drill is answered with %d: %s", status, body)
			}
			if status := plugin.Status(); status.Setup != test.config.Setup || status.Locked != (test.code == backup.CodeLocked) || status.NextDrill != nil {
				t.Errorf("the status is %+v", status)
			}
			if status, body := ask(t, http.MethodGet, server+backup.RangesPath, token); status != http.StatusOK || strings.Contains(body, "error") {
				t.Errorf("the ranges are %d: %s", status, body)
			}
		})
	}
}
