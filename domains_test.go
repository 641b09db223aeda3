//go:build unix

package main_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"
)

// A server that gets its own certificates sends HTTP on to HTTPS, which answers
// by name only.
func TestHealthOfAServerWithDomains(t *testing.T) {
	t.Parallel()
	const domain = "app.example.com"
	key, certificate := selfSigned(t, domain)
	dir := t.TempDir()
	cache := filepath.Join(dir, core.LocalAutocertCacheDirName) // as if it had got the certificate already
	trusted := filepath.Join(t.TempDir(), "trusted.pem")
	if err := errors.Join(
		os.Mkdir(cache, 0o700),
		os.WriteFile(filepath.Join(cache, domain), slices.Concat(key, certificate), 0o600),
		os.WriteFile(trusted, certificate, 0o600),
	); err != nil {
		t.Fatal(err)
	}
	s := serve(t, dir, nil, "--https", "127.0.0.1:0", domain)
	_, port, err := net.SplitHostPort(strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}

	env := []string{
		"SSL_CERT_FILE=" + trusted, "HOLDALL_APP_URL=https://" + domain + "/",
		"HOLDALL_HTTP_ADDR=0.0.0.0:1", "HOLDALL_HTTPS_ADDR=0.0.0.0:" + port,
	}
	if code, stdout, stderr := command(t, env, "health"); code != 0 || !strings.HasSuffix(stdout, "\nok\n") {
		t.Errorf("got exit code %d, %q and %q, want ok", code, stdout, stderr)
	}
	for name, wrong := range map[string]string{
		"another name":         "HOLDALL_APP_URL=https://other.example",
		"no trust in its name": "SSL_CERT_FILE=" + os.DevNull,
		"told otherwise":       "HOLDALL_HEALTH_URL=http://127.0.0.1:1",
	} {
		if code, _, stderr := command(t, append(env, wrong), "health"); code != 1 {
			t.Errorf("%s: got exit code %d and %q, want 1", name, code, stderr)
		}
	}
}

// selfSigned returns a key and a certificate for the domain, both as PEM.
func selfSigned(t *testing.T, domain string) (key, certificate []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	keyBytes, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{domain},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(60 * 24 * time.Hour),
	}
	certBytes, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyBytes}),
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certBytes})
}
