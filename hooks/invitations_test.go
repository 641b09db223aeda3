package hooks_test

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/logger"
	"github.com/pocketbase/pocketbase/tools/mailer"
	"github.com/pocketbase/pocketbase/tools/security"

	"github.com/holdall-go/holdall/collections"
	"github.com/holdall-go/holdall/hooks"
	"github.com/holdall-go/holdall/internal/pbtest"
)

const (
	previewPath = "/api/v1/invitations/preview"
	acceptPath  = "/api/v1/invitations/accept"
	newPassword = "a long new password"
)

func (w *world) invitationsPath() string {
	return "/api/v1/organizations/" + w.organization.Id + "/invitations"
}

var invitationLink = regexp.MustCompile(`/#/invitation/([A-Za-z0-9_.-]+)`)

// invite has the owner invite the address and returns the token of the mail.
func (w *world) invite(email, role string) string {
	w.tb.Helper()
	got := w.ask("owner", "POST", w.invitationsPath(), map[string]any{"email": email, "role": role})
	if got.status != http.StatusNoContent || got.body != "" {
		w.tb.Fatalf("invite %s: got %d %s", email, got.status, got.body)
	}
	message := w.TestMailer.LastMessage()
	if len(message.To) != 1 || message.To[0].Address != email {
		w.tb.Fatalf("invite %s: the mail goes to %v", email, message.To)
	}
	link := invitationLink.FindStringSubmatch(message.Text)
	if link == nil {
		w.tb.Fatalf("invite %s: no link in %q", email, message.Text)
	}
	return link[1]
}

func newcomer(token string) map[string]any {
	return map[string]any{"token": token, "name": "Nora Newcomer", "password": newPassword, "passwordConfirm": newPassword}
}

// roleIn returns the roles that the address has in the first organization.
func (w *world) rolesOf(email string) []string {
	w.tb.Helper()
	var roles []string
	w.must(w.DB().NewQuery("SELECT m.role FROM memberships m JOIN users u ON u.id = m.user WHERE u.email = {:email} AND m.organization = {:organization}").
		Bind(dbx.Params{"email": email, "organization": w.organization.Id}).Column(&roles))
	return roles
}

func TestInvitingByEachCaller(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	want := map[string]int{"": 401, "stranger": 404, "viewer": 403, "technician": 403, "unassigned": 403, "dispatcher": 403, "owner": 204, "superuser": 204}
	for _, caller := range callers {
		w.TestMailer.Reset()
		got := w.ask(caller, "POST", w.invitationsPath(), map[string]any{"email": "nora@example.com", "role": "technician"})
		if got.status != want[caller] {
			t.Errorf("%s: got %d %s, want %d", caller, got.status, got.body, want[caller])
		}
		if got.status == http.StatusForbidden && got.code(t, "") != "role_not_allowed" {
			t.Errorf("%s: got code %q", caller, got.code(t, ""))
		}
		mails := 0
		if got.status == http.StatusNoContent {
			mails = 1
		}
		if sent := w.TestMailer.TotalSend(); sent != mails {
			t.Errorf("%s: %d mails went out, want %d", caller, sent, mails)
		}
	}
	hidden := w.ask("stranger", "POST", w.invitationsPath(), `[`)
	missing := w.ask("stranger", "POST", "/api/v1/organizations/doesnotexist000/invitations", `[`)
	if hidden.body != missing.body || hidden.status != missing.status {
		t.Errorf("got %s for an organization of others, %s for none", hidden.body, missing.body)
	}
}

func TestInvitingRefusesBadInput(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cases := []struct{ email, role, field, code string }{
		{"", "viewer", "email", "validation_required"},
		{"nora", "viewer", "email", "validation_is_email"},
		{"nora@example.com\r\nBcc: eve@example.com", "viewer", "email", "validation_is_email"},
		{"Nora <nora@example.com>", "viewer", "email", "validation_is_email"},
		{strings.Repeat("a", 250) + "@example.com", "viewer", "email", "validation_length_out_of_range"},
		{"nora@example.com", "", "role", "validation_required"},
		{"nora@example.com", "superuser", "role", "validation_in_invalid"},
		{"viewer@example.com", "viewer", "email", "validation_already_a_member"},
		{"VIEWER@example.com", "owner", "email", "validation_already_a_member"},
	}
	for _, c := range cases {
		got := w.ask("owner", "POST", w.invitationsPath(), map[string]any{"email": c.email, "role": c.role})
		if got.status != http.StatusBadRequest || got.code(t, c.field) != c.code {
			t.Errorf("%q as %q: got %d %s, want %s for %s", c.email, c.role, got.status, got.body, c.code, c.field)
		}
	}
	if sent := w.TestMailer.TotalSend(); sent != 0 {
		t.Errorf("%d mails went out, want none", sent)
	}
	// a member of another organization is nobody's business
	w.invite("stranger@example.com", "viewer")
}

func TestInvitationMail(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Settings().Meta.AppURL = "https://field.example.com/"
	w.Settings().Meta.SenderName = "Field desk"
	w.Settings().Meta.SenderAddress = "desk@example.com"
	w.organization.SetName("<b>Lifts</b> & \"Sons\"\r\nBcc: eve@example.com")
	w.must(w.Save(w.organization))
	token := w.invite("nora@example.com", "dispatcher")

	mail := w.TestMailer.LastMessage()
	if want := `Invitation to <b>Lifts</b> & "Sons" Bcc: eve@example.com`; mail.Subject != want {
		t.Errorf("subject: got %q, want %q", mail.Subject, want)
	}
	link := "https://field.example.com/#/invitation/" + token
	if !strings.Contains(mail.Text, link+"\n") || !strings.Contains(mail.Text, "as dispatcher") {
		t.Errorf("text: got %q, want the role and %s", mail.Text, link)
	}
	if !strings.Contains(mail.HTML, `href="`+link+`"`) || strings.Contains(mail.HTML, "<b>") || !strings.Contains(mail.HTML, "&lt;b&gt;Lifts&lt;/b&gt; &amp;") {
		t.Errorf("HTML: got %q, want the link and an escaped name", mail.HTML)
	}
	if mail.From.Name != "Field desk" || mail.From.Address != "desk@example.com" {
		t.Errorf("from: got %v", mail.From)
	}
}

func TestPreviewOfAnInvitation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.newUser("nora")
	for email, exists := range map[string]bool{"nora@example.com": true, "Nora@Example.com": true, "paul@example.com": false} {
		got := w.ask("", "POST", previewPath, map[string]any{"token": w.invite(email, "technician")})
		want := fmt.Sprintf(`{"accountExists":%v,"email":%q,"organization":{"name":"Quillon Lift Care"},"role":"technician"}`, exists, email)
		if got.status != http.StatusOK || strings.TrimSpace(got.body) != want {
			t.Errorf("%s: got %d %s, want %s", email, got.status, got.body, want)
		}
	}
}

func TestAcceptingAsANewcomer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token := w.invite("nora@example.com", "technician")
	got := w.ask("", "POST", acceptPath, newcomer(token))
	if got.status != http.StatusOK {
		t.Fatalf("got %d %s", got.status, got.body)
	}
	var answer struct {
		Token  string
		Record struct {
			ID, Email, Name string
			Verified        bool
		}
		Meta struct {
			Membership struct{ ID, Organization, User, Role string }
		}
	}
	got.decode(t, &answer)
	if answer.Record.Email != "nora@example.com" || answer.Record.Name != "Nora Newcomer" || !answer.Record.Verified {
		t.Errorf("record: got %+v", answer.Record)
	}
	if m := answer.Meta.Membership; m.Organization != w.organization.Id || m.User != answer.Record.ID || m.Role != "technician" || m.ID == "" {
		t.Errorf("membership: got %+v", m)
	}
	if strings.Contains(got.body, "tokenKey") || strings.Contains(got.body, newPassword) {
		t.Errorf("the answer says too much: %s", got.body)
	}

	user, err := w.FindAuthRecordByEmail(collections.Users, "nora@example.com")
	w.must(err)
	w.people["nora"] = user
	if !user.ValidatePassword(newPassword) {
		t.Error("the password does not sign in")
	}
	if auth, err := w.FindAuthRecordByToken(answer.Token); err != nil || auth.Id != user.Id {
		t.Errorf("the token signs in %v (%v)", auth, err)
	}
	if again := w.ask("", "POST", acceptPath, newcomer(token)); again.status != http.StatusForbidden || again.code(t, "") != "invitation_sign_in_first" {
		t.Errorf("again as a guest: got %d %s", again.status, again.body)
	}
	if again := w.ask("nora", "POST", acceptPath, map[string]any{"token": token}); again.status != http.StatusOK {
		t.Errorf("again signed in: got %d %s", again.status, again.body)
	}
	if roles := w.rolesOf("nora@example.com"); len(roles) != 1 {
		t.Errorf("got memberships %v, want one", roles)
	}
}

func TestAcceptingNeedsAProperAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token := w.invite("nora@example.com", "technician")
	before := w.dump()
	cases := []struct {
		name, field, code string
		body              map[string]any
	}{
		{"no password", "password", "validation_required", map[string]any{"token": token}},
		{"no confirmation", "passwordConfirm", "validation_required", map[string]any{"token": token, "password": newPassword}},
		{"another confirmation", "passwordConfirm", "validation_in_invalid", map[string]any{"token": token, "password": newPassword, "passwordConfirm": "other"}},
		{"a short password", "password", "validation_min_text_constraint", map[string]any{"token": token, "password": "short", "passwordConfirm": "short"}},
		{"a password too long to hash", "password", "", map[string]any{"token": token, "password": strings.Repeat("a", 100), "passwordConfirm": strings.Repeat("a", 100)}},
		{"a long name", "name", "validation_max_text_constraint", map[string]any{"token": token, "name": strings.Repeat("a", 121), "password": newPassword, "passwordConfirm": newPassword}},
	}
	for _, c := range cases {
		got := w.ask("", "POST", acceptPath, c.body)
		if got.status != http.StatusBadRequest || got.decodeError(t).Data[c.field] == nil || (c.code != "" && got.code(t, c.field) != c.code) {
			t.Errorf("%s: got %d %s, want %s for %s", c.name, got.status, got.body, c.code, c.field)
		}
	}
	if w.dump() != before {
		t.Error("something was kept")
	}
}

func TestAcceptingSignedIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.newUser("nora")
	token := w.invite("Nora@Example.com", "technician")
	accept := func(caller string) answer { return w.ask(caller, "POST", acceptPath, map[string]any{"token": token}) }

	for _, caller := range []string{"stranger", "viewer", "owner", "superuser"} {
		if got := accept(caller); got.status != http.StatusForbidden || got.code(t, "") != "invitation_other_address" {
			t.Errorf("%s: got %d %s", caller, got.status, got.body)
		}
	}
	if got := accept(""); got.status != http.StatusForbidden || got.code(t, "") != "invitation_sign_in_first" {
		t.Errorf("a guest: got %d %s", got.status, got.body)
	}
	first := accept("nora")
	var answer struct {
		Membership struct{ ID, Role, User string }
	}
	first.decode(t, &answer)
	if first.status != http.StatusOK || answer.Membership.Role != "technician" || answer.Membership.User != w.people["nora"].Id {
		t.Fatalf("the invited: got %d %s", first.status, first.body)
	}
	if second := accept("nora"); second.status != http.StatusOK || second.body != first.body {
		t.Errorf("again: got %d %s, want %s", second.status, second.body, first.body)
	}

	// an older invitation does not change the role of a member
	membership := w.membershipOf(w.organization, "nora")
	membership.SetRole("viewer")
	w.must(w.Save(membership))
	if got := accept("nora"); got.status != http.StatusOK || w.rolesOf("nora@example.com")[0] != "viewer" {
		t.Errorf("as a member: got %d %s and role %v", got.status, got.body, w.rolesOf("nora@example.com"))
	}
}

func TestInvitationsThatDoNotHold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.newUser("nora")
	good := w.invite("nora@example.com", "technician")
	key := w.organization.InvitationKey()
	signed := func(key string, change map[string]any) string {
		claims := map[string]any{"type": "invitation", "organization": w.organization.Id, "email": "nora@example.com", "role": "owner"}
		for name, value := range change {
			claims[name] = value
		}
		token, err := security.NewJWT(claims, key, time.Hour)
		w.must(err)
		return token
	}
	keyless := w.newOrganization("Keyless", "keyless")
	_, err := w.DB().Update(collections.Organizations, dbx.Params{"invitationKey": ""}, dbx.HashExp{"id": keyless.Id}).Execute()
	w.must(err)

	expired, err := security.NewJWT(map[string]any{"type": "invitation", "organization": w.organization.Id, "email": "nora@example.com", "role": "owner"}, key, -time.Second)
	w.must(err)

	tokens := map[string]string{
		"not a token":                "abc",
		"three dots":                 "...",
		"expired":                    expired,
		"changed":                    good[:len(good)-4] + "AAAA",
		"signed with another key":    signed(strings.Repeat("k", 50), nil),
		"signed with no key":         signed("", map[string]any{"organization": keyless.Id}),
		"of another type":            signed(key, map[string]any{"type": "auth"}),
		"of another organization":    signed(key, map[string]any{"organization": w.otherOrganization.Id}),
		"of no organization":         signed(key, map[string]any{"organization": ""}),
		"of an organization as list": signed(key, map[string]any{"organization": []string{w.organization.Id}}),
		"for nobody":                 signed(key, map[string]any{"email": ""}),
		"an auth token":              w.token("nora"),
		"unsigned":                   "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0." + strings.Split(good, ".")[1] + ".",
		"SQL":                        "' OR 1=1 --",
		"very long":                  strings.Repeat("a", 60000),
	}
	before := w.dump()
	const want = "The invitation is not valid, or not any more. Ask for a new one."
	for name, token := range tokens {
		for _, path := range []string{previewPath, acceptPath} {
			got := w.ask("nora", "POST", path, map[string]any{"token": token})
			if got.status != http.StatusBadRequest || got.code(t, "token") != "validation_invalid_invitation" || !strings.Contains(got.body, want) {
				t.Errorf("%s at %s: got %d %s", name, path, got.status, got.body)
			}
		}
	}
	if got := w.ask("nora", "POST", acceptPath, map[string]any{"token": signed(key, map[string]any{"role": "emperor"})}); got.status != http.StatusBadRequest {
		t.Errorf("an unknown role: got %d %s", got.status, got.body)
	}
	if w.dump() != before {
		t.Error("something changed")
	}
}

func TestInvitationOfARemovedMember(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.newUser("nora")
	token := w.invite("nora@example.com", "technician")
	if got := w.ask("nora", "POST", acceptPath, map[string]any{"token": token}); got.status != http.StatusOK {
		t.Fatal(got.body)
	}
	if got := w.ask("owner", "DELETE", membershipsPath+"/"+w.membershipOf(w.organization, "nora").Id, nil); got.status != http.StatusNoContent {
		t.Fatal(got.body)
	}
	got := w.ask("nora", "POST", acceptPath, map[string]any{"token": token})
	if got.status != http.StatusBadRequest || got.code(t, "token") != "validation_invalid_invitation" {
		t.Errorf("got %d %s", got.status, got.body)
	}
	if roles := w.rolesOf("nora@example.com"); len(roles) != 0 {
		t.Errorf("got back in as %v", roles)
	}
	again := w.invite("nora@example.com", "viewer")
	if got := w.ask("nora", "POST", acceptPath, map[string]any{"token": again}); got.status != http.StatusOK {
		t.Errorf("a new invitation: got %d %s", got.status, got.body)
	}
}

// A former owner could have invited another address of theirs as an owner.
func TestInvitationsOfAFormerOwner(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.newMember(w.organization, "partner", collections.MembershipRoleOwner)
	w.newUser("nora")
	token := w.invite("nora@example.com", "owner")
	partner := w.membershipOf(w.organization, "technician")
	partner.SetRole("dispatcher") // ends nobody's ownership
	w.must(w.Save(partner))
	if got := w.ask("nora", "POST", previewPath, map[string]any{"token": token}); got.status != http.StatusOK {
		t.Fatalf("before: got %d %s", got.status, got.body)
	}
	if got := w.ask("partner", "PATCH", membershipsPath+"/"+w.membershipOf(w.organization, "owner").Id, map[string]any{"role": "viewer"}); got.status != http.StatusOK {
		t.Fatal(got.body)
	}
	got := w.ask("nora", "POST", acceptPath, map[string]any{"token": token})
	if got.status != http.StatusBadRequest || got.code(t, "token") != "validation_invalid_invitation" {
		t.Errorf("got %d %s", got.status, got.body)
	}
}

func TestInvitationsPerHour(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 30 {
		w.invite(fmt.Sprintf("nora%d@example.com", i), "viewer")
	}
	one := map[string]any{"email": "nora@example.com", "role": "viewer"}
	got := w.ask("owner", "POST", w.invitationsPath(), one)
	if got.status != http.StatusTooManyRequests || got.code(t, "") != "too_many_invitations" || got.header.Get("Retry-After") != "3600" {
		t.Errorf("got %d %s, Retry-After %q", got.status, got.body, got.header.Get("Retry-After"))
	}
	if w.TestMailer.TotalSend() != 30 {
		t.Errorf("%d mails were sent, want 30", w.TestMailer.TotalSend())
	}
	others := "/api/v1/organizations/" + w.otherOrganization.Id + "/invitations"
	if got := w.ask("stranger", "POST", others, one); got.status != http.StatusNoContent {
		t.Errorf("somebody else: got %d %s", got.status, got.body)
	}
	w.clock.Advance(time.Hour)
	w.invite("nora@example.com", "viewer")
}

// A mail server that says nothing must not hold the request.
func TestInvitingThroughASilentMailServer(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	w := newWorld(t)
	w.must(hooks.Register(w, hooks.Config{MailTimeout: 50 * time.Millisecond}))
	w.OnMailerSend().BindFunc(func(e *core.MailerEvent) error {
		e.Mailer = &mailer.SMTPClient{Host: "127.0.0.1", Port: listener.Addr().(*net.TCPAddr).Port}
		return e.Next()
	})
	got := w.ask("owner", "POST", w.invitationsPath(), map[string]any{"email": "nora@example.com", "role": "viewer"})
	if got.status != http.StatusInternalServerError || got.code(t, "") != "invitation_unsent" {
		t.Errorf("got %d %s", got.status, got.body)
	}
}

func TestAcceptingManyTimesAtOnce(t *testing.T) {
	t.Parallel()
	for name, account := range map[string]bool{"as a newcomer": false, "signed in": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			body, token := map[string]any{}, ""
			if account {
				token = pbtest.Token(t, w.newUser("nora"))
			}
			w.handler = http.NotFoundHandler() // the one router of this app belongs to the server
			url := pbtest.Serve(t, w)
			status, content := post(t, url+w.invitationsPath(), w.token("owner"), map[string]any{"email": "nora@example.com", "role": "technician"})
			if status != http.StatusNoContent {
				t.Fatalf("got %d %s", status, content)
			}
			body = newcomer(invitationLink.FindStringSubmatch(w.TestMailer.LastMessage().Text)[1])

			var (
				mu      sync.Mutex
				answers = map[int]int{}
			)
			w.allAtOnce(16, func(int) {
				status, content := post(t, url+acceptPath, token, body)
				mu.Lock()
				defer mu.Unlock()
				answers[status]++
				if status == http.StatusForbidden && !strings.Contains(content, "invitation_sign_in_first") {
					t.Errorf("got %s", content)
				}
			})
			want := map[int]int{http.StatusOK: 16}
			if !account { // for the others there is an account by then
				want = map[int]int{http.StatusOK: 1, http.StatusForbidden: 15}
			}
			if fmt.Sprint(answers) != fmt.Sprint(want) {
				t.Errorf("got answers %v, want %v", answers, want)
			}
			if roles := w.rolesOf("nora@example.com"); len(roles) != 1 {
				t.Errorf("got memberships %v, want one", roles)
			}
		})
	}
}

func TestInvitationHoldsForSevenDays(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	claims, err := security.ParseUnverifiedJWT(w.invite("nora@example.com", "technician"))
	w.must(err)
	expires, err := claims.GetExpirationTime()
	w.must(err)
	want := time.Now().Add(7 * 24 * time.Hour)
	if d := want.Sub(expires.Time); d < -time.Minute || d > time.Minute {
		t.Errorf("got %v, want about %v", expires, want)
	}
}

// What an invitation is worth must be in the mail alone.
func TestInvitationStaysOutOfTheLog(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Settings().Logs.MaxDays = 1
	w.Settings().Logs.MinLevel = int(slog.LevelDebug)
	token := w.invite("nora@example.com", "technician")
	w.OnMailerSend().BindFunc(func(e *core.MailerEvent) error { return errors.New("dial tcp 192.0.2.7:25: refused") })

	unsent := w.ask("owner", "POST", w.invitationsPath(), map[string]any{"email": "paul@example.com", "role": "viewer"})
	if unsent.status != http.StatusInternalServerError || unsent.code(t, "") != "invitation_unsent" || strings.Contains(unsent.body, "192.0.2.7") {
		t.Errorf("a mail server that is down: got %d %s", unsent.status, unsent.body)
	}
	w.ask("", "POST", previewPath, map[string]any{"token": token})
	w.ask("stranger", "POST", acceptPath, map[string]any{"token": token})
	w.ask("", "POST", acceptPath, map[string]any{"token": token, "password": "short", "passwordConfirm": "short"})
	w.ask("", "POST", acceptPath, newcomer(token))
	w.ask("", "POST", acceptPath, newcomer(token[:len(token)-3]))

	var entries []string
	pbtest.Eventually(t, time.Minute, func() error { // requests are logged after they are answered
		w.must(w.Logger().Handler().(*logger.BatchHandler).WriteAll(t.Context()))
		entries = nil
		w.must(w.AuxDB().NewQuery("SELECT message || ' ' || data FROM _logs").Column(&entries))
		if log := strings.Join(entries, "\n"); !strings.Contains(log, "192.0.2.7") || strings.Count(log, "POST "+acceptPath) < 4 {
			return fmt.Errorf("the log is not what this test thinks: %s", log)
		}
		return nil
	})
	for _, entry := range entries {
		if strings.Contains(entry, token[:len(token)-3]) || strings.Contains(entry, newPassword) {
			t.Errorf("the log has a secret: %s", entry)
		}
	}
}
