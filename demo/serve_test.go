package demo_test

import (
	"bytes"
	"encoding/json"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/collections"
	"github.com/holdall-go/holdall/demo"
	"github.com/holdall-go/holdall/internal/pbtest"
)

func TestEveryAccountSignsInAndSeesItsOrders(t *testing.T) {
	t.Parallel()

	app := seeded.New(t)
	handler := pbtest.Handler(t, app)
	result := seed(t, app, demo.Config{})
	if len(result.Accounts) != 16 {
		t.Fatalf("got %d accounts, want 15 memberships and the superuser", len(result.Accounts))
	}
	visible := map[string]map[string]bool{} // by email, the orders of all memberships
	for _, account := range result.Accounts {
		if visible[account.Email] == nil {
			visible[account.Email] = map[string]bool{}
		}
		for _, id := range ordersOf(t, app, account) {
			visible[account.Email][id] = true
		}
	}

	for _, account := range result.Accounts {
		token := signIn(t, handler, account)
		var list struct{ Items []struct{ ID string } }
		pbtest.Do(t, handler, pbtest.Request{Path: "/api/collections/work_orders/records?perPage=1000&fields=id", Token: token}).JSON(t, &list)
		want := visible[account.Email]
		if len(want) == 0 || len(list.Items) != len(want) {
			t.Errorf("%s, %s: sees %d orders, want %d", account.Email, account.Role, len(list.Items), len(want))
		}
		for _, item := range list.Items {
			if !want[item.ID] {
				t.Errorf("%s, %s: sees order %s, which is not theirs", account.Email, account.Role, item.ID)
			}
		}
	}
}

// ordersOf lists the orders that an account's role lets it see.
func ordersOf(t *testing.T, app core.App, account demo.Account) []string {
	t.Helper()
	filter, params := "organization.name = {:name}", dbx.Params{"name": account.Organization, "email": account.Email}
	switch account.Role {
	case demo.RoleSuperuser:
		filter = ""
	case collections.MembershipRoleTechnician:
		filter += " && assignee.email = {:email}"
	}
	records, err := app.FindRecordsByFilter(collections.WorkOrders, filter, "", 0, 0, params)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, r := range records {
		ids = append(ids, r.Id)
	}
	return ids
}

func signIn(t *testing.T, handler http.Handler, account demo.Account) string {
	t.Helper()
	collection := collections.Users
	if account.Role == demo.RoleSuperuser {
		collection = core.CollectionNameSuperusers
	}
	answer := pbtest.Do(t, handler, pbtest.Request{
		Method: http.MethodPost, Path: "/api/collections/" + collection + "/auth-with-password",
		Body: map[string]string{"identity": account.Email, "password": account.Password},
	})
	var session struct{ Token string }
	answer.JSON(t, &session)
	if answer.Status != http.StatusOK || session.Token == "" {
		t.Fatalf("sign in %s: got %d %s, want 200 and a token", account.Email, answer.Status, answer.Body)
	}
	return session.Token
}

func TestRegister(t *testing.T) {
	t.Parallel()

	var output bytes.Buffer
	app := empty.New(t)
	demo.Register(app, demo.WithoutImages(demo.Config{Now: noon, Output: &output}))
	answer := pbtest.Do(t, pbtest.Handler(t, app), pbtest.Request{Path: demo.Path})

	var body struct{ Accounts []map[string]string }
	answer.JSON(t, &body)
	if answer.Status != http.StatusOK || len(body.Accounts) != 15 {
		t.Fatalf("got %d with %d accounts, want 200 with the 15 memberships", answer.Status, len(body.Accounts))
	}
	for _, account := range body.Accounts {
		for _, key := range []string{"email", "password", "name", "role", "organization"} {
			if account[key] == "" {
				t.Errorf("account %v: no %s", account, key)
			}
		}
		if !strings.Contains(output.String(), account["email"]) {
			t.Errorf("%s is not among the printed sign-ins", account["email"])
		}
	}
	if bytes.Contains(answer.Body, []byte(demo.SuperuserEmail)) {
		t.Error("the superuser is among the accounts of the web app")
	}
	if !strings.Contains(output.String(), demo.SuperuserEmail) {
		t.Error("the superuser is not among the printed sign-ins")
	}
}

func TestWithoutRegisterThereIsNoRoute(t *testing.T) {
	t.Parallel()

	if answer := pbtest.Do(t, pbtest.Handler(t, seeded.New(t)), pbtest.Request{Path: demo.Path}); answer.Status != http.StatusNotFound {
		t.Errorf("got %d, want 404", answer.Status)
	}
}

func TestTheDemoIsNotServedToOthers(t *testing.T) {
	t.Parallel()

	loopback, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer loopback.Close()
	const everywhere, here = "0.0.0.0:8090", "127.0.0.1:8090"

	for name, c := range map[string]struct {
		config   demo.Config
		address  string
		listener net.Listener
		proxy    []string
		served   bool
	}{
		"all interfaces":               {address: everywhere},
		"net/http's default":           {address: ""},
		"all interfaces, when told so": {config: demo.Config{AllowPublic: true}, address: everywhere, served: true},
		"this machine":                 {address: here, served: true},
		"the listener says otherwise":  {address: everywhere, listener: loopback, served: true},
		"a proxy":                      {address: here, proxy: []string{"X-Real-IP"}},
		"a proxy, when told so":        {config: demo.Config{AllowPublic: true}, address: here, proxy: []string{"X-Real-IP"}, served: true},
	} {
		serve := func(app core.App) (served bool, err error) {
			t.Helper()
			app.Settings().TrustedProxy.Headers = c.proxy
			router, err := apis.NewRouter(app)
			if err != nil {
				t.Fatal(err)
			}
			event := &core.ServeEvent{App: app, Router: router, Listener: c.listener, Server: &http.Server{Addr: c.address}}
			err = app.OnServe().Trigger(event, func(*core.ServeEvent) error {
				served = true
				return nil
			})
			return served, err
		}
		t.Run("Register, "+name, func(t *testing.T) {
			t.Parallel()
			app := empty.New(t)
			if c.served {
				app = seeded.New(t) // what is written is another test's matter
			}
			demo.Register(app, quiet(c.config))
			if served, err := serve(app); served != c.served || (err == nil) != c.served {
				t.Errorf("got served %v and error %v, want served %v", served, err, c.served)
			}
			if n := len(find(t, app, collections.Organizations)); (n > 0) != c.served {
				t.Errorf("got %d organizations, want some only where it is served", n)
			}
		})
		t.Run("Guard, "+name, func(t *testing.T) {
			t.Parallel()
			app := seeded.New(t)
			demo.Guard(app, c.config)
			served, err := serve(app)
			if served != c.served || (err == nil) != c.served {
				t.Errorf("got served %v and error %v, want served %v", served, err, c.served)
			}
			if err != nil && !strings.Contains(err.Error(), "demo --remove") {
				t.Errorf("got %q, want it to say what helps", err)
			}
			if _, err := demo.Remove(app); err != nil {
				t.Fatal(err)
			}
			if served, err := serve(app); !served {
				t.Errorf("without the demo data: got %v, want no refusal", err)
			}
		})
	}
}

func TestCheckAddress(t *testing.T) {
	t.Parallel()

	for address, ok := range map[string]bool{
		"127.0.0.1:8090": true, "127.8.0.1:80": true, "localhost:8090": true, "LocalHost:80": true, "localhost": true,
		"[::1]:8090": true, "::1": true, "[::1]": true, "127.0.0.1": true, "[::ffff:127.0.0.1]:80": true,
		"0.0.0.0:8090": false, ":8090": false, "[::]:8090": false, "": false, "192.168.1.5:8090": false,
		"10.0.0.1": false, "demo.example:443": false, "localhost.demo.example:80": false, "127.0.0.1.demo.example:80": false,
		"[::ffff:10.0.0.1]:80": false, ":http": false, "0:80": false, "2130706433:80": false,
	} {
		if err := demo.CheckAddress(address); (err == nil) != ok {
			t.Errorf("CheckAddress(%q): got error %v, want allowed %v", address, err, ok)
		}
	}
}

func TestCommand(t *testing.T) {
	t.Parallel()

	app := empty.New(t)
	run := func(args ...string) (stdout, stderr string) {
		t.Helper()
		var out, progress bytes.Buffer
		command := demo.CommandWithoutImages(app)
		command.SetArgs(append([]string{}, args...)) // nil would mean those of the test
		command.SetOut(&out)
		command.SetErr(&progress)
		if err := command.Execute(); err != nil {
			t.Fatalf("demo %v: %v", args, err)
		}
		return out.String(), progress.String()
	}

	stdout, stderr := run()
	for _, want := range []string{"600 work orders", "fenwick@demo.example", demo.Password, demo.SuperuserEmail} {
		if !strings.Contains(stdout, want) {
			t.Errorf("demo: %q is missing in\n%s", want, stdout)
		}
	}
	if strings.Contains(stderr, "\r") || !strings.Contains(stderr, "Writing records") {
		t.Errorf("demo: got progress %q, want plain lines where there is no terminal", stderr)
	}

	before := exactDump(t, app)
	stdout, _ = run("--json")
	var again demo.Result
	if err := json.Unmarshal([]byte(stdout), &again); err != nil {
		t.Fatalf("demo --json: %v in\n%s", err, stdout)
	}
	if again.Created || len(again.Accounts) != 16 {
		t.Errorf("demo --json: got created %v and %d accounts, want the data that is there", again.Created, len(again.Accounts))
	}
	if stdout, _ = run(); !strings.Contains(stdout, "nothing was changed") {
		t.Errorf("second demo: got\n%s", stdout)
	}
	if diff := difference(before, exactDump(t, app)); diff != "" {
		t.Errorf("the second run changed records (-before +after):\n%s", diff)
	}

	run("--reset", "--seed", "9")
	if difference(before, exactDump(t, app)) == "" {
		t.Error("demo --reset: got the old records, want new ones")
	}
	run("--remove")
	if n := len(find(t, app, collections.Organizations)); n != 0 {
		t.Errorf("demo --remove: got %d organizations, want none", n)
	}
	run("--reset") // nothing to remove is no mistake
}

func TestProgressBar(t *testing.T) {
	t.Parallel()

	var out strings.Builder
	demo.Bar(&out, "Painting", 1000)
	frames := strings.Split(out.String(), "\r")
	if n := len(frames); n != 103 { // nothing, 0 to 100 %, and the end
		t.Errorf("got %d frames, want one for each per cent", n)
	}
	if half := frames[51]; !strings.Contains(half, " 50 %  Painting") || strings.Count(half, "=") != 15 {
		t.Errorf("half way: got %q", half)
	}
	if last := frames[len(frames)-1]; last != "\x1b[K" {
		t.Errorf("got %q left on the line, want nothing", last)
	}
	if strings.Contains(out.String(), "\n") {
		t.Error("the bar scrolls")
	}
}
