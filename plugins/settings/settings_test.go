package settings_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tests"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/settings"
)

// full names every option, with values that no new app has.
func full() settings.Config {
	return settings.Config{
		AppName: new("Example"), AppURL: new("https://app.example.com"),
		SenderName: new("Example Desk"), SenderAddress: new("desk@example.com"),
		HideControls: new(true), SuperuserIPs: []string{"10.0.0.0/8", "127.0.0.1"},
		SMTP: settings.SMTP{
			Host: new("mail.example.com"), Port: new(465), Username: new("u"), Password: new("smtp-secret"),
			AuthMethod: new("LOGIN"), TLS: new(true), LocalName: new("app.example.com"),
		},
		Files: settings.S3{
			Bucket: new("files"), Region: new("eu"), Endpoint: new("https://s3.example.com"),
			AccessKey: new("ak"), Secret: new("s3-secret"), ForcePathStyle: new(true),
		},
		Backups: settings.S3{
			Bucket: new("backups"), Region: new("eu"), Endpoint: new("https://s3.example.com"),
			AccessKey: new("bk"), Secret: new("backup-secret"),
		},
		BackupsCron: new("0 3 * * *"), BackupsKeep: new(7),
		RateLimits: new(true), RateLimitRules: []core.RateLimitRule{{Label: "/api/", MaxRequests: 7, Duration: 1}},
		RateLimitExcludedIPs: []string{"192.0.2.1"},
		Batch:                settings.Batch{Enabled: new(true), MaxRequests: new(9), TimeoutSec: new(8), MaxBodySize: new(int64(7))},
		TrustedProxyHeaders:  []string{"X-Real-IP"}, TrustedProxyLeftmost: new(true),
		LogDays: new(2), LogLevel: new(4), LogIP: new(false),
	}
}

func apply(t *testing.T, app core.App, config settings.Config) bool {
	t.Helper()
	app.Store().Remove("holdallSettings") // as in the next start of the program
	p, err := settings.Register(app, config)
	if err != nil {
		t.Fatal(err)
	}
	changed, err := p.Apply(app)
	if err != nil {
		t.Fatal(err)
	}
	return changed
}

// fresh is an app as PocketBase makes it: pbtest turns its log off.
func fresh(t *testing.T) *tests.TestApp {
	t.Helper()
	app := pbtest.New(t)
	if err := app.ReloadSettings(); err != nil {
		t.Fatal(err)
	}
	return app
}

func TestEveryOptionIsApplied(t *testing.T) {
	t.Parallel()
	app := fresh(t)
	apply(t, app, full())
	if err := app.ReloadSettings(); err != nil { // what was stored, not what is in memory
		t.Fatal(err)
	}
	s := app.Settings()
	got := []any{s.Meta.AppName, s.Meta.AppURL, s.Meta.SenderName, s.Meta.SenderAddress, s.Meta.HideControls, s.SuperuserIPs, s.Logs, s.Batch, s.TrustedProxy}
	want := []any{
		"Example", "https://app.example.com", "Example Desk", "desk@example.com", true,
		[]string{"10.0.0.0/8", "127.0.0.1"},
		core.LogsConfig{MaxDays: 2, MinLevel: 4},
		core.BatchConfig{Enabled: true, MaxRequests: 9, Timeout: 8, MaxBodySize: 7},
		core.TrustedProxyConfig{Headers: []string{"X-Real-IP"}, UseLeftmostIP: true},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%v\nwant\n%v", got, want)
	}
	for _, c := range []struct{ name, got, want string }{
		{"smtp", asJSON(t, s.SMTP), `{"enabled":true,"port":465,"host":"mail.example.com","username":"u","password":"smtp-secret","authMethod":"LOGIN","tls":true,"localName":"app.example.com"}`},
		{"s3", asJSON(t, s.S3), `{"enabled":true,"bucket":"files","region":"eu","endpoint":"https://s3.example.com","accessKey":"ak","secret":"s3-secret","forcePathStyle":true}`},
		{"backups", asJSON(t, s.Backups), `{"cron":"0 3 * * *","cronMaxKeep":7,"s3":{"enabled":true,"bucket":"backups","region":"eu","endpoint":"https://s3.example.com","accessKey":"bk","secret":"backup-secret","forcePathStyle":false}}`},
		{"rate limits", asJSON(t, s.RateLimits), `{"rules":[{"label":"/api/","audience":"","duration":1,"maxRequests":7}],"excludedIPs":["192.0.2.1"],"enabled":true}`},
	} {
		if c.got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, c.got, c.want)
		}
	}
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestNothingIsSavedWithoutADifference(t *testing.T) {
	t.Parallel()
	for name, config := range map[string]settings.Config{"everything": full(), "defaults": {}} {
		app := fresh(t)
		if !apply(t, app, config) {
			t.Errorf("%s, first start: got no change", name)
		}
		app.ResetEventCalls()
		if apply(t, app, config) {
			t.Errorf("%s, second start: got a change", name)
		}
		if got := app.EventCalls["OnModelUpdate"]; got != 0 {
			t.Errorf("%s, second start: got %d saves, want 0", name, got)
		}
	}
}

func TestAChangedSecretIsNoticed(t *testing.T) {
	t.Parallel()
	app := fresh(t)
	config := full()
	apply(t, app, config)
	for name, secret := range map[string]**string{
		"SMTP": &config.SMTP.Password, "files": &config.Files.Secret, "backups": &config.Backups.Secret,
	} {
		*secret = new("another")
		if !apply(t, app, config) {
			t.Errorf("%s: got no change", name)
		}
	}
	if s := app.Settings(); s.SMTP.Password != "another" || s.S3.Secret != "another" || s.Backups.S3.Secret != "another" {
		t.Error("a secret was not stored")
	}
}

func TestWhatIsNotNamedStays(t *testing.T) {
	t.Parallel()
	app := fresh(t)
	apply(t, app, full())
	before := asJSON(t, app.Settings())
	apply(t, app, settings.Config{AppName: new("Another")})
	after := asJSON(t, app.Settings())
	if want := strings.Replace(before, `"appName":"Example"`, `"appName":"Another"`, 1); after != want {
		t.Errorf("got\n%s\nwant\n%s", after, want)
	}
	if app.Settings().SMTP.Password != "smtp-secret" {
		t.Error("the SMTP password is gone")
	}
}

func TestEmptyListsClear(t *testing.T) {
	t.Parallel()
	app := fresh(t)
	apply(t, app, full())
	apply(t, app, settings.Config{SuperuserIPs: []string{}, TrustedProxyHeaders: []string{}, RateLimitExcludedIPs: []string{}})
	s := app.Settings()
	if len(s.SuperuserIPs)+len(s.TrustedProxy.Headers)+len(s.RateLimits.ExcludedIPs) != 0 {
		t.Errorf("got %v, %v, %v, want all empty", s.SuperuserIPs, s.TrustedProxy.Headers, s.RateLimits.ExcludedIPs)
	}
}

func TestServicesAreEnabledByTheirAddress(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name     string
		smtp     settings.SMTP
		expected bool
	}{
		{"a host", settings.SMTP{Host: new("mail.example.com")}, true},
		{"no host", settings.SMTP{Port: new(25)}, false},
		{"an empty host", settings.SMTP{Host: new("")}, false},
		{"a host, but off", settings.SMTP{Host: new("mail.example.com"), Enabled: new(false)}, false},
	}
	for _, c := range cases {
		app := fresh(t)
		apply(t, app, settings.Config{SMTP: c.smtp})
		if got := app.Settings().SMTP.Enabled; got != c.expected {
			t.Errorf("%s: got %v, want %v", c.name, got, c.expected)
		}
	}
}

// The defaults are for apps that nobody has set up. This is how those look.
func TestStockDefaultsAreStillWhatPocketBaseMakes(t *testing.T) {
	t.Parallel()
	app := fresh(t)
	apply(t, app, settings.Config{})
	s := app.Settings()
	if !s.RateLimits.Enabled || !reflect.DeepEqual(s.RateLimits.Rules, settings.DefaultRateLimits()) {
		t.Errorf("rate limits: got %s, want the defaults", asJSON(t, s.RateLimits))
	}
	if s.Batch != settings.DefaultBatch() {
		t.Errorf("batch: got %+v, want the defaults", s.Batch)
	}
}

func TestTheDashboardHasTheLastWord(t *testing.T) {
	t.Parallel()
	app := fresh(t)
	apply(t, app, settings.Config{})
	turnOff(t, app)
	if apply(t, app, settings.Config{}) {
		t.Error("the next start: got a change")
	}
	if app.Settings().RateLimits.Enabled || app.Settings().Batch.Enabled {
		t.Error("what was turned off in the dashboard is on again")
	}
}

func TestRateLimitSwitch(t *testing.T) {
	t.Parallel()
	own := []core.RateLimitRule{{Label: "/api/", MaxRequests: 5, Duration: 1}}
	cases := []struct {
		name    string
		before  core.RateLimitsConfig
		config  settings.Config
		enabled bool
		rules   []core.RateLimitRule
	}{
		{"on, with rules of the dashboard", core.RateLimitsConfig{Rules: own}, settings.Config{RateLimits: new(true)}, true, own},
		{"on, without rules", core.RateLimitsConfig{}, settings.Config{RateLimits: new(true)}, true, settings.DefaultRateLimits()},
		{"off, keeping the rules", core.RateLimitsConfig{Rules: own, Enabled: true}, settings.Config{RateLimits: new(false)}, false, own},
		{"rules of the config", core.RateLimitsConfig{Rules: settings.DefaultRateLimits()}, settings.Config{RateLimitRules: own}, true, own},
		{"nothing said", core.RateLimitsConfig{Rules: own}, settings.Config{}, false, own},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			app := fresh(t)
			c.before.Rules = slices.Clone(c.before.Rules) // PocketBase writes into the list that it has
			app.Settings().RateLimits = c.before
			apply(t, app, c.config)
			got := app.Settings().RateLimits
			if got.Enabled != c.enabled || !reflect.DeepEqual(got.Rules, c.rules) {
				t.Errorf("got %s, want enabled %v and %v", asJSON(t, got), c.enabled, c.rules)
			}
		})
	}
}

// Each is what the environment says at one start after another; "dashboard" is
// somebody who turns both off by hand in between.
func TestWhatTheConfigTurnedOffComesBack(t *testing.T) {
	t.Parallel()
	cases := []struct {
		starts string
		on     bool
	}{
		{"unset", true},
		{"off", false},
		{"off unset", true},
		{"unset off", false},
		{"unset off unset", true},
		{"unset off off unset", true},
		{"unset off unset unset", true},
		{"unset off on", true},
		{"unset dashboard unset", false},
		{"unset dashboard off unset", false},
		{"unset dashboard on", true},
		{"unset off unset dashboard unset", false},
		{"off on dashboard unset", false},
	}
	for _, c := range cases {
		t.Run(c.starts, func(t *testing.T) {
			t.Parallel()
			app := fresh(t)
			for _, step := range strings.Fields(c.starts) {
				var config settings.Config
				switch step {
				case "dashboard":
					turnOff(t, app)
					continue
				case "on", "off":
					config.RateLimits, config.Batch.Enabled = new(step == "on"), new(step == "on")
				}
				apply(t, app, config)
			}
			if err := app.ReloadSettings(); err != nil {
				t.Fatal(err)
			}
			s := app.Settings()
			if s.RateLimits.Enabled != c.on || s.Batch.Enabled != c.on {
				t.Errorf("got rate limits %t and batches %t, want %t", s.RateLimits.Enabled, s.Batch.Enabled, c.on)
			}
			if !reflect.DeepEqual(s.RateLimits.Rules, settings.DefaultRateLimits()) {
				t.Errorf("got %s, want the default rules", asJSON(t, s.RateLimits))
			}
		})
	}
}

// turnOff is what somebody does in the dashboard.
func turnOff(t *testing.T, app core.App) {
	t.Helper()
	s, err := app.Settings().Clone()
	if err != nil {
		t.Fatal(err)
	}
	s.RateLimits.Enabled, s.Batch.Enabled = false, false
	if err := app.Save(s); err != nil {
		t.Fatal(err)
	}
}

// An app that has had its limits before anybody could sign up gets the rest.
func TestSignUpsAreLimitedInOlderApps(t *testing.T) {
	t.Parallel()
	app := fresh(t)
	apply(t, app, settings.Config{})
	apply(t, app, settings.Config{SignUps: []string{"users"}})
	if got := app.Settings().RateLimits.Rules; !reflect.DeepEqual(got, settings.DefaultRateLimits("users")) {
		t.Errorf("got %v, want the rule for sign-ups among them", got)
	}
	own := []core.RateLimitRule{{Label: "/api/", MaxRequests: 5, Duration: 1}}
	app.Settings().RateLimits.Rules = slices.Clone(own)
	apply(t, app, settings.Config{SignUps: []string{"users"}})
	if got := app.Settings().RateLimits.Rules; !reflect.DeepEqual(got, own) {
		t.Errorf("got %v, want the rules of the dashboard", got)
	}
}

func TestWrongSettingsStopTheStart(t *testing.T) {
	t.Parallel()
	app := fresh(t)
	// a bucket without a region, which only the whole of the settings tells
	p, err := settings.Register(app, settings.Config{Files: settings.S3{Bucket: new("files"), Secret: new("s3-secret")}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.Apply(app)
	got := fmt.Sprint(err)
	if !strings.HasPrefix(got, "settings: s3: (") || !strings.Contains(got, "region") || strings.Contains(got, "s3-secret") {
		t.Errorf("got %q, want the missing region named, and no secret", got)
	}
	if app.Settings().S3.Enabled {
		t.Error("the settings were changed all the same")
	}
}

func start(t *testing.T, app core.App, config settings.Config) error {
	t.Helper()
	app.Store().Remove("holdallSettings")
	if _, err := settings.Register(app, config); err != nil {
		t.Fatal(err)
	}
	return app.OnServe().Trigger(&core.ServeEvent{App: app})
}

func TestSuperuser(t *testing.T) {
	t.Parallel()
	app := pbtest.New(t, pbtest.FastPasswords)
	who := settings.Superuser{Email: "root@example.com", Password: "first-password"}
	find := func() *core.Record {
		t.Helper()
		record, err := app.FindAuthRecordByEmail(core.CollectionNameSuperusers, who.Email)
		if err != nil {
			t.Fatal(err)
		}
		return record
	}

	if err := start(t, app, settings.Config{Superuser: who}); err != nil {
		t.Fatal(err)
	}
	created := find()
	if !created.ValidatePassword("first-password") {
		t.Error("the password does not sign in")
	}

	who.Password = "second-password"
	if err := start(t, app, settings.Config{Superuser: who}); err != nil {
		t.Fatal(err)
	}
	if !find().ValidatePassword("first-password") {
		t.Error("another password in the config changed the account")
	}

	who.ResetPassword = true
	for range 2 { // the second time there is nothing to do
		if err := start(t, app, settings.Config{Superuser: who}); err != nil {
			t.Fatal(err)
		}
	}
	reset := find()
	if !reset.ValidatePassword("second-password") || reset.TokenKey() == created.TokenKey() {
		t.Error("the reset did not change the password and end the sessions")
	}

	who.Password, who.ResetPassword = "", false // the secret may go once the account is there
	if err := start(t, app, settings.Config{Superuser: who}); err != nil {
		t.Errorf("an existing account without a password: got %v, want no error", err)
	}
	err := start(t, app, settings.Config{Superuser: settings.Superuser{Email: "new@example.com"}})
	if got, want := fmt.Sprint(err), "settings: the superuser new@example.com does not exist, and there is no password to create it with"; got != want {
		t.Errorf("a new account without a password: got %q, want %q", got, want)
	}
}

func TestSuperuserPasswordsStayOutOfTheLog(t *testing.T) {
	t.Parallel()
	app := pbtest.New(t, pbtest.FastPasswords)
	app.Settings().Logs.MaxDays = 1
	for _, password := range []string{"first-password", "second-password"} {
		err := start(t, app, settings.Config{Superuser: settings.Superuser{Email: "root@example.com", Password: password, ResetPassword: true}})
		if err != nil {
			t.Fatal(err)
		}
		app.Settings().Logs.MaxDays = 1 // applying the settings reloaded them
	}
	if err := app.OnTerminate().Trigger(&core.TerminateEvent{App: app}); err != nil { // writes the log
		t.Fatal(err)
	}
	var logs []*core.Log
	if err := app.LogQuery().All(&logs); err != nil {
		t.Fatal(err)
	}
	text := asJSON(t, logs)
	if !strings.Contains(text, "root@example.com") || strings.Contains(text, "-password") {
		t.Errorf("log: got %s, want the address and no password", text)
	}
}

// The defaults must stop whoever guesses passwords, and nobody who works.
func TestDefaultRateLimitsAtWork(t *testing.T) {
	t.Parallel()
	app := pbtest.New(t, pbtest.FastPasswords, func(app core.App) error {
		_, err := settings.Register(app, settings.Config{SignUps: []string{"users"}})
		return err
	})
	_, token := pbtest.User(t, app, "users", nil)
	handler := pbtest.Handler(t, app)
	count := func(n int, request func() pbtest.Request) (refused int) {
		for range n {
			if pbtest.Do(t, handler, request()).Status == http.StatusTooManyRequests {
				refused++
			}
		}
		return refused
	}
	if got := count(500, func() pbtest.Request {
		return pbtest.Request{Path: "/api/collections/users/records", Token: token}
	}); got != 0 {
		t.Errorf("500 lists: got %d refused, want 0", got)
	}
	guess := func() pbtest.Request {
		return pbtest.Request{
			Method: http.MethodPost, Path: "/api/collections/users/auth-with-password",
			Body: map[string]string{"identity": "ada@example.com", "password": "guess"},
		}
	}
	// the window may turn once while this runs
	if got := count(100, guess); got < 20 {
		t.Errorf("100 guesses: got %d refused, want 60, or 20 if a minute began", got)
	}
	// each would hash a password
	signUp := func() pbtest.Request {
		return pbtest.Request{Method: http.MethodPost, Path: "/api/collections/users/records", Body: map[string]string{"email": "no address"}}
	}
	if got := count(60, signUp); got < 20 {
		t.Errorf("60 sign-ups: got %d refused, want 40, or 20 if a minute began", got)
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	if err := full().Validate(); err != nil {
		t.Errorf("a full config: got %v, want none", err)
	}
	if err := (settings.Config{}).Validate(); err != nil {
		t.Errorf("the zero config: got %v, want none", err)
	}
	bad := settings.Config{
		AppName: new(""), AppURL: new("not a url"), SenderAddress: new("x"), SuperuserIPs: []string{"here"},
		SMTP:  settings.SMTP{Host: new("a b"), Port: new(0), Password: new("smtp-secret")},
		Files: settings.S3{Endpoint: new("::")}, BackupsCron: new("sometimes"), BackupsKeep: new(0),
		Batch: settings.Batch{MaxRequests: new(0)}, TrustedProxyHeaders: []string{"X Real IP"}, LogDays: new(-1),
		RateLimitRules: []core.RateLimitRule{{Label: "?"}}, SignUps: []string{"every one"},
		Superuser: settings.Superuser{Email: "root", Password: "short"},
	}
	got := fmt.Sprint(bad.Validate())
	for _, name := range []string{
		"AppName", "AppURL", "SenderAddress", "SuperuserIPs", "SMTP.Host", "SMTP.Port", "Files.Endpoint", "BackupsCron", "BackupsKeep",
		"Batch.MaxRequests", "TrustedProxyHeaders", "LogDays", "RateLimitRules", "SignUps", "Superuser.Email", "Superuser.Password",
	} {
		if !strings.Contains(got, "settings: "+name) {
			t.Errorf("%s is not reported in\n%s", name, got)
		}
	}
	if strings.Contains(got, "short") || strings.Contains(got, "smtp-secret") {
		t.Errorf("a secret is in\n%s", got)
	}
	for name, c := range map[string]settings.Superuser{
		"a password for nobody":    {Password: "long-enough"},
		"a reset without password": {Email: "root@example.com", ResetPassword: true},
		"a password of 72 bytes":   {Email: "root@example.com", Password: strings.Repeat("x", 72)},
	} {
		if err := (settings.Config{Superuser: c}).Validate(); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
}

func TestRegisterRefuses(t *testing.T) {
	t.Parallel()
	app := pbtest.New(t)
	settings.MustRegister(app, settings.Config{})
	if _, err := settings.Register(app, settings.Config{}); err == nil {
		t.Error("a second time: got no error")
	}
	defer func() {
		if recover() == nil {
			t.Error("MustRegister: got no panic")
		}
	}()
	settings.MustRegister(pbtest.New(t), settings.Config{AppName: new("")})
}
