package doctor

import (
	"context"
	"fmt"
	"net/netip"
	"net/url"
	"os/exec"
	"slices"
	"strings"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// checkSettings looks at what the dashboard calls settings.
func checkSettings(ctx context.Context, app core.App, c Config) ([]Finding, error) {
	s, err := app.Settings().Clone()
	if err != nil {
		return nil, err
	}
	// a copy has no secrets
	now := app.Settings()
	s.SMTP.Password, s.S3.Secret, s.Backups.S3.Secret = now.SMTP.Password, now.S3.Secret, now.Backups.S3.Secret
	if c.Settings != nil {
		c.Settings(s)
	}
	auth, err := app.FindAllCollections(core.CollectionTypeAuth)
	if err != nil {
		return nil, err
	}
	findings := slices.Concat(address(s), mail(s, auth), secrets(s, app.EncryptionEnv() != ""), limits(s))
	proxied, err := proxies(ctx, app, s)
	return append(findings, proxied...), err
}

// address looks at where people are sent by mails.
func address(s *core.Settings) []Finding {
	const where = "settings.meta.appURL"
	u, err := url.Parse(s.Meta.AppURL)
	switch {
	case err != nil || u.Host == "":
		return []Finding{{"settings.no-address", Error, where, "There is no address of the app, so links in mails lead nowhere.", "Set the app's URL to the address that people type, such as https://app.example.com."}}
	case isLocal(u.Hostname()):
		return []Finding{{"settings.local-address", Error, where, fmt.Sprintf("The app's address is %s, so links in mails lead to the reader's own machine.", s.Meta.AppURL), "Set the app's URL to the address that people type, such as https://app.example.com."}}
	case u.Scheme != "https":
		return []Finding{{"settings.plain-address", Warning, where, fmt.Sprintf("The app's address is %s: tokens in links travel unencrypted.", s.Meta.AppURL), "Serve the app by HTTPS and set its URL to an https:// address."}}
	}
	return nil
}

func isLocal(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && (ip.IsLoopback() || ip.IsUnspecified())
}

// sendmail are the programs that send mail where there is no SMTP server.
var sendmail = []string{"/usr/sbin/sendmail", "/usr/bin/sendmail", "sendmail"}

// mail looks at how mails leave.
func mail(s *core.Settings, auth []*core.Collection) []Finding {
	var findings []Finding
	if address := s.Meta.SenderAddress; strings.HasSuffix(address, "@example.com") || address == "" {
		findings = append(findings, Finding{
			"settings.sender", Warning, "settings.meta.senderAddress",
			fmt.Sprintf("Mails come from %q, which is nobody's address, and are likely to be thrown away.", address),
			"Set the sender's address to one of your own domain that the mail server may send for.",
		})
	}
	uses := mailUses(auth)
	if s.SMTP.Enabled || len(uses) == 0 {
		return findings
	}
	f := Finding{
		Code: "settings.no-smtp", Severity: Warning, Where: "settings.smtp",
		Problem: fmt.Sprintf("Mails (%s) go through this machine's sendmail, whose mails many servers refuse.", strings.Join(uses, ", ")),
		Remedy:  "Configure the SMTP server of your mail provider.",
	}
	if !slices.ContainsFunc(sendmail, func(name string) bool { _, err := exec.LookPath(name); return err == nil }) {
		f.Severity, f.Problem = Error, fmt.Sprintf("Mails (%s) cannot be sent: there is neither an SMTP server nor a sendmail program.", strings.Join(uses, ", "))
	}
	return append(findings, f)
}

// mailUses is what the app sends mails for.
func mailUses(auth []*core.Collection) []string {
	var uses []string
	add := func(use string) {
		if !slices.Contains(uses, use) {
			uses = append(uses, use)
		}
	}
	for _, c := range auth {
		if c.Name == core.CollectionNameSuperusers {
			continue
		}
		if c.PasswordAuth.Enabled {
			add("password resets")
			add("verification")
		}
		if c.OTP.Enabled {
			add("one-time passwords")
		}
	}
	return uses
}

// secrets looks at how the settings are kept.
func secrets(s *core.Settings, encrypted bool) []Finding {
	if encrypted {
		return nil
	}
	var stored []string
	for name, secret := range map[string]string{"SMTP": s.SMTP.Password, "S3": s.S3.Secret, "backups": s.Backups.S3.Secret} {
		if secret != "" {
			stored = append(stored, name)
		}
	}
	if len(stored) == 0 {
		return nil
	}
	slices.Sort(stored)
	return []Finding{{
		"settings.plain-secrets", Warning, "settings",
		fmt.Sprintf("The secrets of %s are in the database as they are: whoever reads data.db or a backup has them.", strings.Join(stored, ", ")),
		"Give the server an encryption key of 32 characters, and keep it apart from the backups.",
	}}
}

// limits looks at what bounds a caller.
func limits(s *core.Settings) []Finding {
	var findings []Finding
	if !s.RateLimits.Enabled {
		findings = append(findings, Finding{
			"settings.no-rate-limits", Warning, "settings.rateLimits",
			"There are no rate limits: one client can guess passwords, send mails and load the server without end.",
			"Switch the rate limits on.",
		})
	}
	return findings
}

// forgeable are the headers of proxies that are lists, which clients may begin.
var forgeable = []string{"x-forwarded-for", "forwarded"}

// leastRequests is how many requests in the log say something.
const leastRequests = 100

// proxies looks at whether the server knows its clients' addresses.
func proxies(ctx context.Context, app core.App, s *core.Settings) ([]Finding, error) {
	headers := s.TrustedProxy.Headers
	if s.TrustedProxy.UseLeftmostIP && slices.ContainsFunc(headers, func(h string) bool { return slices.Contains(forgeable, strings.ToLower(h)) }) {
		return []Finding{{
			"settings.forgeable-address", Warning, "settings.trustedProxy.useLeftmostIP",
			"The first address in the proxy's header counts, which clients can write themselves unless the proxy removes it.",
			"Take the last address, or make sure that the proxy replaces the header instead of appending to it.",
		}}, nil
	}
	u, err := url.Parse(s.Meta.AppURL)
	if len(headers) > 0 || err != nil || isLocal(u.Hostname()) {
		return nil, nil // on one's own machine all requests come from it
	}
	var from []struct {
		IP    string `db:"ip"`
		Count int    `db:"count"`
	}
	err = app.AuxConcurrentDB().NewQuery(`SELECT ip, count(*) AS count FROM (
			SELECT json_extract(data, '$.remoteIP') AS ip FROM {{_logs}} WHERE json_extract(data, '$.type') = 'request' ORDER BY rowid DESC LIMIT 1000)
		WHERE ip <> '' GROUP BY ip LIMIT 2`).WithContext(ctx).All(&from)
	if err != nil || len(from) != 1 || from[0].Count < leastRequests {
		return nil, err
	}
	ip, err := netip.ParseAddr(from[0].IP)
	if err != nil || !ip.IsLoopback() && !ip.IsPrivate() {
		return nil, nil //nolint:nilerr // it is not the address of a proxy
	}
	return []Finding{{
		"settings.hidden-clients", Warning, "settings.trustedProxy",
		fmt.Sprintf("The last %d requests in the log came from %s, which is likely a proxy: all clients share one rate limit, and the log does not know who they are.", from[0].Count, ip),
		"Name the header in which the proxy passes the client's address on, such as X-Forwarded-For, as trusted proxy header.",
	}}, nil
}

// checkSuperusers looks at who may do everything.
func checkSuperusers(_ context.Context, app core.App) ([]Finding, error) {
	collection, err := app.FindCollectionByNameOrId(core.CollectionNameSuperusers)
	if err != nil {
		return nil, err
	}
	var people []*core.Record
	err = app.RecordQuery(collection).AndWhere(dbx.NewExp("[[email]] != {:installer}", dbx.Params{"installer": core.DefaultInstallerEmail})).OrderBy("created").All(&people)
	if err != nil {
		return nil, err
	}
	if len(people) == 0 {
		return []Finding{{
			"superusers.none", Warning, core.CollectionNameSuperusers,
			"There is no superuser yet: whoever has the link in the server's output becomes the first.",
			"Create one now with the command \"superuser upsert\".",
		}}, nil
	}
	var findings []Finding
	if !collection.MFA.Enabled && len(app.Settings().SuperuserIPs) == 0 {
		findings = append(findings, Finding{
			"superusers.no-second-factor", Note, core.CollectionNameSuperusers,
			"A password is all that superusers need, from anywhere.",
			"Switch on multi-factor authentication of _superusers in the dashboard, or name the addresses that superusers may come from.",
		})
	}
	for _, p := range people[:min(len(people), mostGuessed)] {
		for _, password := range guesses(p.Email()) {
			if p.ValidatePassword(password) {
				findings = append(findings, Finding{
					"superusers.guessable-password", Error, p.Email(),
					"The password of this superuser is one of the first that anybody tries.",
					"Change it in the dashboard or with the command \"superuser update\".",
				})
				break
			}
		}
	}
	if len(people) == 1 && slices.Contains(shared, localPart(people[0].Email())) {
		findings = append(findings, Finding{
			"superusers.shared", Note, people[0].Email(),
			"The only superuser looks like an account that several people use, so nobody can tell who did what.",
			"Give each person an account of their own.",
		})
	}
	return findings, nil
}

// mostGuessed bounds how many accounts are tried: a guess costs a tenth of a second.
const mostGuessed = 3

// guesses are the passwords that everybody tries first.
func guesses(email string) []string {
	return []string{"1234567890", "password123", "administrator", email}
}

// shared are names of accounts that are nobody's own.
var shared = []string{"admin", "administrator", "root", "info", "office", "support", "superuser", "team", "test", "webmaster"}

func localPart(email string) string {
	name, _, _ := strings.Cut(strings.ToLower(email), "@")
	return name
}
