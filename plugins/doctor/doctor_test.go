package doctor_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"database/sql"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"
	"github.com/spf13/cobra"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/doctor"
)

var old = time.Now().Add(-48 * time.Hour)

// ill are apps with one thing wrong each, and what is found.
var ill = map[string]struct {
	make     func(*testing.T, core.App)
	code     string
	severity doctor.Severity
	where    string
	remedy   string // a part of it
}{
	"no address":              {set(func(s *core.Settings) { s.Meta.AppURL = "nowhere" }), "settings.no-address", doctor.Error, "", ""},
	"an address on localhost": {set(func(s *core.Settings) { s.Meta.AppURL = "http://localhost:8090" }), "settings.local-address", doctor.Error, "settings.meta.appURL", ""},
	"an address without TLS":  {set(func(s *core.Settings) { s.Meta.AppURL = "http://app.holdall.example" }), "settings.plain-address", doctor.Warning, "", ""},
	"the sender of a new app": {set(func(s *core.Settings) { s.Meta.SenderAddress = "support@example.com" }), "settings.sender", doctor.Warning, "", ""},
	"no mail server":          {set(func(s *core.Settings) { s.SMTP.Enabled = false }), "settings.no-smtp", "", "", ""},
	"no rate limits":          {set(func(s *core.Settings) { s.RateLimits.Enabled = false }), "settings.no-rate-limits", doctor.Warning, "", ""},
	"an address that is forged": {set(func(s *core.Settings) {
		s.TrustedProxy.Headers, s.TrustedProxy.UseLeftmostIP = []string{"X-Forwarded-For"}, true
	}), "settings.forgeable-address", doctor.Warning, "", ""},
	"a proxy that nobody named": {func(t *testing.T, app core.App) { logRequests(t, app, "10.0.0.1", 150) }, "settings.hidden-clients", doctor.Warning, "", "X-Forwarded-For"},

	"no superuser":     {func(t *testing.T, app core.App) { run(t, app, "DELETE FROM _superusers") }, "superusers.none", doctor.Warning, "", ""},
	"no second factor": {set(func(s *core.Settings) { s.SuperuserIPs = nil }), "superusers.no-second-factor", doctor.Note, "", ""},
	"a password that all try": {func(t *testing.T, app core.App) {
		pbtest.User(t, app, core.CollectionNameSuperusers, map[string]any{"email": "someone@holdall.example", "password": "1234567890"})
	}, "superusers.guessable-password", doctor.Error, "someone@holdall.example", ""},
	"a superuser that is shared": {func(t *testing.T, app core.App) {
		run(t, app, "UPDATE _superusers SET email = 'admin@holdall.example'")
	}, "superusers.shared", doctor.Note, "admin@holdall.example", ""},

	"everybody updates":         {change("tasks", func(c *core.Collection) { c.UpdateRule = types.Pointer("") }), "rules.public-update", doctor.Error, "tasks.updateRule", "owner = @request.auth.id"},
	"everybody deletes":         {change("tasks", func(c *core.Collection) { c.DeleteRule = types.Pointer("") }), "rules.public-delete", doctor.Error, "tasks.deleteRule", ""},
	"everybody creates":         {change("tasks", func(c *core.Collection) { c.CreateRule = types.Pointer("") }), "rules.public-create", doctor.Warning, "tasks.createRule", ""},
	"everybody lists addresses": {change("tasks", func(c *core.Collection) { c.ListRule = types.Pointer("") }), "rules.public-emails", doctor.Warning, "tasks.listRule", ""},
	"everybody lists accounts":  {change("users", func(c *core.Collection) { c.ListRule = types.Pointer("") }), "rules.public-people", doctor.Warning, "users.listRule", ""},
	"who signs in deletes all":  {change("tasks", func(c *core.Collection) { c.DeleteRule = types.Pointer(`@request.auth.id != ""`) }), "rules.signed-in-delete", doctor.Warning, "tasks.deleteRule", ""},
	"who signs in updates all":  {change("tasks", func(c *core.Collection) { c.UpdateRule = types.Pointer(`@request.auth.collectionName = "users"`) }), "rules.signed-in-update", doctor.Warning, "tasks.updateRule", ""},
	"who signs in manages all":  {change("users", func(c *core.Collection) { c.ManageRule = types.Pointer(`@request.auth.id != ""`) }), "rules.open-manage", doctor.Error, "users.manageRule", ""},
	"people choose their role": {change("users", func(c *core.Collection) {
		c.Fields.Add(&core.SelectField{Name: "role", Values: []string{"a", "b"}, MaxSelect: 1})
	}), "rules.self-promotion", doctor.Error, "users.createRule", "@request.body.role:isset = false"},
	"people change their role": {change("users", guardedCreate), "rules.self-promotion", doctor.Error, "users.updateRule", "@request.body.role:changed = false"},
	"people create as others":  {change("tasks", func(c *core.Collection) { c.CreateRule = types.Pointer(`@request.auth.id != ""`) }), "rules.other-owner", doctor.Warning, "tasks.createRule", "owner = @request.auth.id"},
	"a rule that cannot be read": {func(t *testing.T, app core.App) {
		run(t, app, "UPDATE _collections SET viewRule = 'title = =' WHERE name = 'tasks'")
		must(t, app.ReloadCachedCollections())
	}, "rules.invalid", doctor.Error, "tasks.viewRule", ""},
	"a rule that makes no query": {func(t *testing.T, app core.App) {
		run(t, app, "UPDATE _collections SET listRule = 'gone = 1' WHERE name = 'tasks'")
		must(t, app.ReloadCachedCollections())
	}, "queries.unusable-rule", doctor.Error, "tasks.listRule", ""},

	"a rule without an index": {
		change("tasks", func(c *core.Collection) { c.RemoveIndex("idx_tasks_owner") }),
		"queries.slow-rule", doctor.Warning, "tasks.listRule", "CREATE INDEX `idx_tasks_owner` ON `tasks` (`owner`)",
	},
	"a rule through a relation without an index": {change("tasks", func(c *core.Collection) {
		c.RemoveIndex("idx_tasks_group")
		c.ListRule = types.Pointer(`group.leader = @request.auth.id && group.name > ""`)
	}), "queries.slow-rule", doctor.Warning, "tasks.listRule", "CREATE INDEX `idx_tasks_group` ON `tasks` (`group`)"},
	"a rule that no index helps": {change("tasks", func(c *core.Collection) { c.ListRule = types.Pointer(`title ~ @request.auth.name`) }), "queries.slow-rule", doctor.Warning, "tasks.listRule", "No index helps"},
	"a text within another":      {change("tasks", func(c *core.Collection) { c.ListRule = types.Pointer(`owner = @request.auth.id && title ~ "a"`) }), "queries.contains", doctor.Note, "tasks.listRule", ""},
	"a relation to several":      {change("tasks", func(c *core.Collection) { c.ListRule = types.Pointer(`owner = @request.auth.id && helpers.name != ""`) }), "queries.multi-relation", doctor.Note, "tasks.listRule", ""},
	"an order without an index": {
		change("tasks", func(c *core.Collection) { c.ListRule = types.Pointer(`@request.auth.id != ""`) }),
		"queries.slow-sort", doctor.Note, "tasks.listRule", "CREATE INDEX `idx_tasks_created` ON `tasks` (`created`)",
	},
	"a relation without an index": {change("tasks", func(c *core.Collection) { c.RemoveIndex("idx_tasks_group") }), "queries.unindexed-relation", doctor.Note, "tasks.group", "idx_tasks_group"},

	"a relation to nothing": {func(t *testing.T, app core.App) { run(t, app, "UPDATE tasks SET owner = 'nobody' WHERE rowid < 4") }, "database.dangling", doctor.Warning, "tasks.owner", ""},
	"rows that a table does not allow": {func(t *testing.T, app core.App) {
		run(t, app, "CREATE TABLE checked (n INTEGER CHECK (n > 0))")
		run(t, app, "PRAGMA ignore_check_constraints = ON")
		run(t, app, "INSERT INTO checked VALUES (-1)")
	}, "database.broken-rows", doctor.Warning, "data.db", ""},
	"an index that somebody dropped": {func(t *testing.T, app core.App) { run(t, app, "DROP INDEX idx_tasks_group") }, "database.missing-index", doctor.Error, "tasks", "CREATE INDEX `idx_tasks_group`"},

	"a directory that all may read": {func(t *testing.T, app core.App) {
		must(t, os.Chmod(app.DataDir(), 0o755))
		must(t, os.Chmod(filepath.Join(app.DataDir(), "data.db"), 0o644))
	}, "disk.readable", doctor.Warning, "", "chmod o-rwx"},
	"a log that nobody empties": {func(t *testing.T, app core.App) {
		sparse(t, filepath.Join(app.DataDir(), "other.db-wal"), 300<<20, filepath.Join(app.DataDir(), "auxiliary.db-wal"))
	}, "disk.long-log", doctor.Warning, "auxiliary.db-wal", ""},

	"a file without a record": {func(t *testing.T, app core.App) {
		place(t, app, collectionID(t, app, "tasks"), "task00000000000", "left.txt")
	}, "files.orphaned", doctor.Note, "", ""},
	"files of a collection that is gone": {func(t *testing.T, app core.App) { place(t, app, "gone", "record", "left.txt") }, "files.orphaned", doctor.Note, "", ""},
	"a record without its file": {func(t *testing.T, app core.App) {
		run(t, app, "UPDATE tasks SET scan = 'gone.txt' WHERE id = 'task00000000001'")
	}, "files.missing", doctor.Warning, "tasks.scan", ""},

	"a certificate that has expired": {func(t *testing.T, app core.App) {
		dir := filepath.Join(app.DataDir(), core.LocalAutocertCacheDirName)
		must(t, os.Mkdir(dir, 0o700))
		must(t, os.WriteFile(filepath.Join(dir, "app.holdall.example"), certificate(t, old), 0o600))
	}, "certificates.expired", doctor.Error, "app.holdall.example", ""},

	"a migration that is not applied": {func(t *testing.T, app core.App) {
		run(t, app, "DELETE FROM _migrations WHERE file = (SELECT max(file) FROM _migrations)")
	}, "versions.pending", doctor.Warning, "", ""},
	"a migration of another program": {func(t *testing.T, app core.App) {
		run(t, app, "INSERT INTO _migrations (file, applied) VALUES ('9999_newer.go', 1)")
	}, "versions.unknown", doctor.Warning, "", ""},

	"a log from the future": {func(t *testing.T, app core.App) {
		_, err := app.AuxNonconcurrentDB().NewQuery("INSERT INTO _logs (id, created, data) VALUES ('future', '2999-01-01 00:00:00.000Z', '{}')").Execute()
		must(t, err)
	}, "clock.behind", doctor.Error, "", "NTP"},
}

func TestIll(t *testing.T) {
	t.Parallel()
	for name, c := range ill {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			app := world(t)
			c.make(t, app)
			r := examine(t, app, config)
			i := slices.IndexFunc(r.Findings, func(f doctor.Finding) bool { return f.Code == c.code && (c.where == "" || f.Where == c.where) })
			if i < 0 {
				t.Fatalf("got %+v, want %s at %q", r.Findings, c.code, c.where)
			}
			f := r.Findings[i]
			if c.severity != "" && f.Severity != c.severity || !strings.Contains(f.Remedy, c.remedy) {
				t.Errorf("got %+v, want a %s with the remedy %q", f, c.severity, c.remedy)
			}
			if !strings.HasSuffix(f.Problem, ".") || f.Remedy == "" {
				t.Errorf("got no sentences in %+v", f)
			}
		})
	}
}

// well are apps with what looks like something wrong and is not.
var well = map[string]func(*testing.T, core.App){
	"staff that nobody can join": func(t *testing.T, app core.App) {
		staff := core.NewAuthCollection("staff")
		must(t, app.Save(staff))
		change("tasks", func(c *core.Collection) { c.DeleteRule = types.Pointer(`@request.auth.collectionName = "staff"`) })(t, app)
	},
	"a role that decides":   change("tasks", func(c *core.Collection) { c.DeleteRule = types.Pointer(`@request.auth.name = "chief"`) }),
	"one account":           change("tasks", func(c *core.Collection) { c.DeleteRule = types.Pointer(`@request.auth.id = "abcdefghijklmno"`) }),
	"rules that are locked": change("tasks", func(c *core.Collection) { c.UpdateRule, c.DeleteRule, c.CreateRule = nil, nil, nil }),
	"a role that is guarded": change("users", func(c *core.Collection) {
		guardedCreate(c)
		c.UpdateRule = types.Pointer(`id = @request.auth.id && @request.body.role:changed = false`)
	}),
	"a role that is hidden": change("users", func(c *core.Collection) { c.Fields.Add(&core.TextField{Name: "role", Hidden: true}) }),
	"a file that is new": func(t *testing.T, app core.App) {
		place(t, app, "gone", "record", "new.txt")
		now := time.Now()
		must(t, os.Chtimes(filepath.Join(app.DataDir(), "storage", "gone", "record", "new.txt"), now, now))
	},
	"requests from anywhere": func(t *testing.T, app core.App) {
		logRequests(t, app, "10.0.0.1", 150)
		logRequests(t, app, "192.0.2.7", 3)
	},
	"a few requests from a proxy": func(t *testing.T, app core.App) { logRequests(t, app, "10.0.0.1", 20) },
	"a certificate that is valid": func(t *testing.T, app core.App) {
		dir := filepath.Join(app.DataDir(), core.LocalAutocertCacheDirName)
		must(t, os.Mkdir(dir, 0o700))
		must(t, os.WriteFile(filepath.Join(dir, "app.holdall.example"), certificate(t, time.Now().Add(60*24*time.Hour)), 0o600))
		must(t, os.WriteFile(filepath.Join(dir, "acme_account+key"), []byte("key"), 0o600))
	},
	"a small table without an index": change("groups", func(c *core.Collection) { c.RemoveIndex("idx_groups_leader") }),
}

func TestWell(t *testing.T) {
	t.Parallel()
	for name, make := range well {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			app := world(t)
			make(t, app)
			if r := examine(t, app, config); len(r.Findings) != 0 {
				t.Errorf("got %+v, want nothing", r.Findings)
			}
		})
	}
}

func guardedCreate(c *core.Collection) {
	c.Fields.Add(&core.SelectField{Name: "role", Values: []string{"a", "b"}, MaxSelect: 1})
	c.CreateRule = types.Pointer(`@request.body.role:isset = false`)
}

func logRequests(t *testing.T, app core.App, ip string, n int) {
	t.Helper()
	for range n {
		_, err := app.AuxNonconcurrentDB().NewQuery(`INSERT INTO _logs (level, message, created, data) VALUES (0, 'GET /', '2026-01-01 00:00:00.000Z', '{"type":"request","remoteIP":"` + ip + `"}')`).Execute()
		must(t, err)
	}
}

func collectionID(t *testing.T, app core.App, name string) string {
	t.Helper()
	c, err := app.FindCollectionByNameOrId(name)
	must(t, err)
	return c.Id
}

// plain is an app without an encryption key, which a test app has.
type plain struct{ core.App }

func (plain) EncryptionEnv() string { return "" }

func TestPlainSecrets(t *testing.T) {
	t.Parallel()
	app := world(t)
	app.Settings().SMTP.Password = "secret"
	if r := examine(t, plain{app}, config); !slices.Equal(codes(r.Findings), []string{"settings.plain-secrets"}) {
		t.Errorf("got %+v", r.Findings)
	}
}

// TestJournal has a database without a write-ahead log. An app would give it one.
func TestJournal(t *testing.T) {
	t.Parallel()
	app := world(t)
	p, err := doctor.Register(app, config)
	must(t, err)
	must(t, app.ResetBootstrapState())
	path := filepath.Join(app.DataDir(), "auxiliary.db")
	db, err := sql.Open("sqlite", path)
	must(t, err)
	_, err = db.ExecContext(t.Context(), "PRAGMA journal_mode = DELETE")
	must(t, errors.Join(err, db.Close()))
	if r := p.ExamineDirectory(t.Context()); !slices.Equal(codes(r.Findings), []string{"database.journal"}) {
		t.Errorf("got %+v", r.Findings)
	}
}

// sparse makes a file that says to be large and takes no room, in the place of another.
func sparse(t *testing.T, temporary string, size int64, path string) {
	t.Helper()
	must(t, os.WriteFile(temporary, nil, 0o600))
	must(t, os.Truncate(temporary, size))
	must(t, os.Rename(temporary, path))
}

func certificate(t *testing.T, until time.Time) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: until.Add(-90 * 24 * time.Hour), NotAfter: until}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	must(t, err)
	private, err := x509.MarshalECPrivateKey(key)
	must(t, err)
	// in the order that autocert writes them
	return append(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: private}), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw})...)
}

// TestMachine asks what a test cannot make the machine be.
func TestMachine(t *testing.T) {
	t.Parallel()
	const gib = 1 << 30
	now := time.Now()
	for name, c := range map[string]struct {
		got  []doctor.Finding
		want []string
	}{
		"room":                     {doctor.Space("", 100*gib, 50*gib, gib), nil},
		"little room":              {doctor.Space("", 100*gib, 2*gib, gib), []string{"disk.nearly-full"}},
		"no room for a copy":       {doctor.Space("", 100*gib, 50*gib, 60*gib), []string{"disk.nearly-full"}},
		"no room":                  {doctor.Space("", 100*gib, 1<<20, gib), []string{"disk.full"}},
		"a network":                {[]doctor.Finding{doctor.OnNetwork("", "nfs")}, []string{"disk.network"}},
		"a fitting SQLite":         {doctor.Build(built("modernc.org/sqlite", doctor.Fitting["modernc.org/sqlite"])), nil},
		"another SQLite":           {doctor.Build(built("modernc.org/sqlite", "v1.0.0")), []string{"versions.sqlite"}},
		"uncommitted changes":      {doctor.Build(&debug.BuildInfo{Settings: []debug.BuildSetting{{Key: "vcs.modified", Value: "true"}}}), []string{"versions.uncommitted"}},
		"a certificate in time":    {doctor.Certificate("a", certificate(t, now.Add(30*24*time.Hour)), now), nil},
		"a certificate that ends":  {doctor.Certificate("a", certificate(t, now.Add(5*24*time.Hour)), now), []string{"certificates.expiring"}},
		"a certificate too early":  {doctor.Certificate("a", certificate(t, now.Add(200*24*time.Hour)), now), []string{"certificates.early"}},
		"a certificate cut short":  {doctor.Certificate("a", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")}), now), []string{"certificates.unreadable"}},
		"a clock that is right":    {doctor.ClockOf(now.Add(time.Minute), "", now), nil},
		"a clock that is behind":   {doctor.ClockOf(now.Add(time.Hour), "", now), []string{"clock.behind"}},
		"scripts are no migration": {doctor.Migrations(append(appliedNow(), "1_script.js")), nil},
		"no accounts, no mails":    {doctor.Mail(&core.Settings{}, nil), []string{"settings.sender"}},
	} {
		if got := codes(c.got); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

func built(module, version string) *debug.BuildInfo {
	return &debug.BuildInfo{Deps: []*debug.Module{{Path: module, Version: version}}}
}

func appliedNow() []string {
	var files []string
	for _, list := range []core.MigrationsList{core.SystemMigrations, core.AppMigrations} {
		for _, m := range list.Items() {
			files = append(files, m.File)
		}
	}
	return files
}

// TestFittingVersions are those that PocketBase requires, to which go.mod is held.
func TestFittingVersions(t *testing.T) {
	t.Parallel()
	for module, want := range doctor.Fitting {
		got, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Version}}", module).Output()
		if err != nil || strings.TrimSpace(string(got)) != want {
			t.Errorf("%s: got %s and error %v, want %s as in go.mod", module, got, err, want)
		}
	}
}

func TestDamage(t *testing.T) {
	t.Parallel()
	app := world(t)
	run(t, app, "PRAGMA wal_checkpoint(TRUNCATE)")
	var page int64
	must(t, app.DB().NewQuery("SELECT rootpage FROM sqlite_schema WHERE name = 'tasks'").Row(&page))
	file, err := os.OpenFile(filepath.Join(app.DataDir(), "data.db"), os.O_WRONLY, 0)
	must(t, err)
	_, err = file.WriteAt(bytes.Repeat([]byte{0xff}, 512), (page-1)*4096)
	must(t, errors.Join(err, file.Close()))
	p, err := doctor.Register(app, config)
	must(t, err)
	r := p.ExamineDirectory(t.Context())
	if !slices.Contains(codes(r.Findings), "database.damaged") {
		t.Errorf("got %+v", r.Findings)
	}
}

// TestStatistics that do not fit the data keep SQLite from an index.
func TestStatistics(t *testing.T) {
	t.Parallel()
	app := world(t)
	run(t, app, "UPDATE tasks SET owner = '', created = '2026-01-01 00:00:00.000Z'")
	run(t, app, "PRAGMA analysis_limit = 1000") // as PocketBase does it, without samples of values
	run(t, app, "ANALYZE")
	p, err := doctor.Register(app, config)
	must(t, err)
	if r := p.ExamineDirectory(t.Context()); len(r.Findings) != 0 {
		t.Errorf("got %+v of statistics that fit, want nothing", r.Findings)
	}
	for _, n := range []string{"a", "b", "c", "d", "e"} { // the table grows, and nobody tells SQLite
		run(t, app, "INSERT INTO tasks (id, owner) SELECT '"+n+"' || substr(id, 2), owner FROM tasks WHERE id LIKE 'task%'")
	}
	r := p.ExamineDirectory(t.Context())
	i := slices.IndexFunc(r.Findings, func(f doctor.Finding) bool { return f.Code == "queries.slow-rule" })
	if i < 0 || !strings.Contains(r.Findings[i].Remedy, "ANALYZE") {
		t.Errorf("got %+v, want that statistics are out of date", r.Findings)
	}
}

// TestDirectoryIsOnlyRead while another process, here the same, writes to it.
func TestDirectoryIsOnlyRead(t *testing.T) {
	t.Parallel()
	app := world(t)
	run(t, app, "UPDATE tasks SET title = 'in the log' WHERE id = 'task00000000001'")
	before := contents(t, app.DataDir())
	p, err := doctor.Register(app, config)
	must(t, err)
	r := p.ExamineDirectory(t.Context())
	if len(r.Findings) != 0 || len(r.Checks) < 10 {
		t.Errorf("got %+v of %d checks, want nothing of all", r.Findings, len(r.Checks))
	}
	if after := contents(t, app.DataDir()); !slices.Equal(after, before) {
		t.Errorf("got %q in the directory, want %q", after, before)
	}
}

// contents are the files of a directory with what is in the databases and their logs.
func contents(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	var list []string
	for _, e := range entries {
		content := ""
		if strings.HasSuffix(e.Name(), ".db") || strings.HasSuffix(e.Name(), ".db-wal") {
			raw, err := os.ReadFile(filepath.Join(dir, e.Name()))
			must(t, err)
			content = string(raw)
		}
		list = append(list, e.Name()+content)
	}
	return list
}

func TestDirectoriesThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		make func(*testing.T, core.App)
		want string
	}{
		"no database": {func(t *testing.T, app core.App) { must(t, os.Remove(filepath.Join(app.DataDir(), "data.db"))) }, "database.none"},
		"no database at all": {func(t *testing.T, app core.App) {
			must(t, os.WriteFile(filepath.Join(app.DataDir(), "data.db"), []byte(strings.Repeat("x", 8192)), 0o600))
		}, "database.unreadable"},
		"an older one": {func(t *testing.T, app core.App) {
			run(t, app, "DELETE FROM _migrations")
			run(t, app, "PRAGMA wal_checkpoint(TRUNCATE)")
		}, "database.behind"},
		"no logs": {func(t *testing.T, app core.App) { must(t, app.ResetBootstrapState()); removeLogs(t, app.DataDir()) }, "database.no-auxiliary"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			app := world(t)
			run(t, app, "PRAGMA wal_checkpoint(TRUNCATE)")
			c.make(t, app)
			p, err := doctor.Register(app, config)
			must(t, err)
			if r := p.ExamineDirectory(t.Context()); !slices.Equal(codes(r.Findings), []string{c.want}) {
				t.Errorf("got %+v, want %s", r.Findings, c.want)
			}
		})
	}
}

func removeLogs(t *testing.T, dir string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "auxiliary.db*"))
	must(t, err)
	for _, f := range files {
		must(t, os.Remove(f))
	}
}

// finds is a check of another part of a program.
func finds(code string, findings []doctor.Finding, err error) doctor.Check {
	return doctor.Check{Code: code, Title: "Other", Run: func(context.Context, core.App) ([]doctor.Finding, error) { return findings, err }}
}

func TestOtherChecks(t *testing.T) {
	t.Parallel()
	c := config
	before := examine(t, world(t), c).Ignored // a disk that is nearly full
	c.Checks = []doctor.Check{
		finds("fails", nil, errors.New("there is no answer")),
		finds("finds", []doctor.Finding{{Code: "finds.note", Severity: doctor.Note}, {Code: "finds.error", Severity: doctor.Error}, {Code: "finds.warning", Severity: doctor.Warning, Where: "here"}, {Code: "finds.warning", Severity: doctor.Warning, Where: "there"}}, nil),
		{Code: "panics", Title: "Panics", Run: func(context.Context, core.App) ([]doctor.Finding, error) { panic("at the disco") }},
	}
	c.Ignore = append(slices.Clone(c.Ignore), "finds.warning@there")
	r := examine(t, world(t), c)
	want := []string{"fails.unchecked", "finds.error", "finds.warning", "finds.note", "panics.unchecked"}
	if got := codes(r.Findings); !slices.Equal(got, want) || r.Errors != 1 || r.Warnings != 3 || r.Notes != 1 || r.Ignored != before+1 {
		t.Errorf("got %q, %d errors, %d warnings, %d notes, %d ignored", got, r.Errors, r.Warnings, r.Notes, r.Ignored)
	}
	if f := r.Findings[2]; f.Where != "here" {
		t.Errorf("got %+v, want the one that is not ignored", f)
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]doctor.Config{
		"a code with capitals":     {Checks: []doctor.Check{finds("Mine", nil, nil)}},
		"a code that is taken":     {Checks: []doctor.Check{finds("rules", nil, nil)}},
		"two checks with one code": {Checks: []doctor.Check{finds("mine", nil, nil), finds("mine", nil, nil)}},
		"a check without a Run":    {Checks: []doctor.Check{{Code: "mine", Title: "Mine"}}},
		"what is no code":          {Ignore: []string{"Everything!"}},
		"no rows":                  {Large: -1},
		"no time":                  {CheckTimeout: -1},
	} {
		if err := c.Validate(); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
	must(t, doctor.Config{Ignore: []string{"rules", "rules.public-create", "rules.public-create@messages.createRule"}}.Validate())
}

func TestCommand(t *testing.T) {
	t.Parallel()
	warning := []doctor.Finding{{Code: "mine.late", Severity: doctor.Warning, Where: "there", Problem: "It is late.", Remedy: "Go to bed."}}
	failure := []doctor.Finding{{Code: "mine.broken", Severity: doctor.Error, Problem: "It is broken.", Remedy: "Mend it."}}
	for name, c := range map[string]struct {
		findings []doctor.Finding
		args     []string
		want     []string
		code     int
	}{
		"nothing to do":       {nil, nil, []string{"Nothing to do: 11 checks found nothing"}, 0},
		"a warning":           {warning, nil, []string{"Mine\n  warning  there: It is late.\n           Go to bed.  [mine.late]", "0 errors, 1 warning and 0 notes, from 11 checks"}, 0},
		"a warning, strictly": {warning, []string{"--strict"}, nil, doctor.ExitWarnings},
		"an error":            {failure, []string{"--strict"}, []string{"error    It is broken."}, doctor.ExitErrors},
		"an error as JSON":    {failure, []string{"--json"}, []string{`"code": "mine.broken"`, `"errors": 1`, `"where": ""`}, doctor.ExitErrors},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := &cobra.Command{Use: "holdall", SilenceErrors: true, SilenceUsage: true}
			conf := config
			conf.RootCmd = root
			check := finds("mine", c.findings, nil)
			check.Title = "Mine"
			conf.Checks = []doctor.Check{check}
			_, err := doctor.Register(world(t), conf)
			must(t, err)
			var out bytes.Buffer
			root.SetOut(&out)
			root.SetArgs(append([]string{"doctor"}, c.args...))
			err = root.ExecuteContext(t.Context())
			var unhealthy doctor.Unhealthy
			if errors.As(err, &unhealthy) != (c.code != 0) || c.code != 0 && unhealthy.ExitCode() != c.code {
				t.Errorf("got error %v, want exit code %d", err, c.code)
			}
			for _, want := range c.want {
				if !strings.Contains(out.String(), want) {
					t.Errorf("got\n%s\nwithout %q", out.String(), want)
				}
			}
		})
	}
}

func TestRoute(t *testing.T) {
	t.Parallel()
	app := world(t)
	app.Settings().SuperuserIPs = nil // from here, too
	_, err := doctor.Register(app, config)
	must(t, err)
	token := pbtest.Superuser(t, app)
	_, user := pbtest.User(t, app, "users", nil)
	url := pbtest.Serve(t, app)
	for token, want := range map[string]int{"": http.StatusUnauthorized, user: http.StatusForbidden, token: http.StatusOK} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+doctor.Path, nil)
		must(t, err)
		request.Header.Set("Authorization", token)
		response, err := http.DefaultClient.Do(request)
		must(t, err)
		defer response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("got status %d, want %d", response.StatusCode, want)
		}
		if want != http.StatusOK {
			continue
		}
		var report doctor.Report
		must(t, json.NewDecoder(response.Body).Decode(&report))
		if len(report.Checks) != 10 || !slices.Equal(codes(report.Findings), []string{"superusers.no-second-factor"}) {
			t.Errorf("got %+v", report)
		}
	}
	response, err := http.Get(url + "/_/extensions/doctor/main.js")
	must(t, err)
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Errorf("got status %d for the page, want that it is there", response.StatusCode)
	}
}
