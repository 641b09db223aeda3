package doctor

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/pocketbase/pocketbase/core"
)

// expiresSoon is how long before its end a certificate should have been renewed: the
// server does so 30 days before.
const expiresSoon = 14 * 24 * time.Hour

// checkCertificates looks at those that the server has got by itself.
func checkCertificates(_ context.Context, app core.App) ([]Finding, error) {
	dir := filepath.Join(app.DataDir(), core.LocalAutocertCacheDirName)
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var findings []Finding
	for _, e := range entries {
		if e.IsDir() || strings.HasPrefix(e.Name(), "acme_account") || strings.HasSuffix(e.Name(), "+token") || strings.Contains(e.Name(), "+http-01") {
			continue
		}
		content, err := os.ReadFile(filepath.Join(dir, e.Name())) //nolint:gosec // within the data directory
		if err != nil {
			return findings, err
		}
		findings = append(findings, certificate(e.Name(), content, time.Now())...)
	}
	return findings, nil
}

// certificate looks at the first certificate in a file, which is the server's own.
func certificate(name string, content []byte, now time.Time) []Finding {
	for {
		block, rest := pem.Decode(content)
		if block == nil {
			return nil // a key, or nothing of ours
		}
		content = rest
		if block.Type != "CERTIFICATE" {
			continue
		}
		leaf, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return []Finding{{"certificates.unreadable", Warning, name, "The certificate cannot be read, so the server gets another one.", "Remove the file if the server does not replace it."}}
		}
		const remedy = "See that the domain leads to this server and that port 443, or 80, is reached from the internet; the log says why a renewal fails. If the domain is no longer served, remove the file."
		end := leaf.NotAfter.UTC().Format("2006-01-02 15:04Z")
		switch {
		case now.After(leaf.NotAfter):
			return []Finding{{"certificates.expired", Error, name, fmt.Sprintf("The certificate expired at %s, so browsers refuse to connect.", end), remedy}}
		case now.Before(leaf.NotBefore):
			return []Finding{{"certificates.early", Error, name, fmt.Sprintf("The certificate is valid from %s on, which is in the future.", leaf.NotBefore.UTC().Format("2006-01-02 15:04Z")), "Set the clock of this machine."}}
		case leaf.NotAfter.Sub(now) < expiresSoon:
			return []Finding{{"certificates.expiring", Warning, name, fmt.Sprintf("The certificate expires at %s and was not renewed.", end), remedy}}
		}
		return nil
	}
}
