package pushtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"sync"
	"time"

	"github.com/holdall-go/holdall/plugins/push/apns"
	"github.com/holdall-go/holdall/plugins/push/fcm"
	"github.com/holdall-go/holdall/plugins/push/webpush"
)

// What the sender is called in the configs.
const (
	project    = "example-project"
	email      = "sender@example-project.example.com"
	accountKey = "0123456789abcdef0123456789abcdef01234567"
	keyID      = "ABC123DEFG"
	teamID     = "DEF123GHIJ"
	topic      = "com.example.fieldwork"
)

func (s *Server) makeKeys() error {
	var err error
	if s.vapid, _, err = webpush.GenerateKeys(); err != nil {
		return err
	}
	s.account = sync.OnceValue(func() *rsa.PrivateKey {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(fmt.Sprintf("pushtest: make a key: %v", err)) // the system has no randomness
		}
		return key
	})
	if s.signing, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return fmt.Errorf("make the key of APNs: %w", err)
	}
	return nil
}

// WebPush returns the config of a sender. Those with other keys are accepted too.
func (s *Server) WebPush() webpush.Config {
	return webpush.Config{
		PrivateKey: s.vapid, Subject: "mailto:ops@example.com",
		HTTPClient: s.client, Timeout: time.Minute, Clock: s.clock,
	}
}

// FCM returns the config of the sender that is accepted.
func (s *Server) FCM() fcm.Config {
	account, err := json.Marshal(map[string]string{
		"type": "service_account", "project_id": project, "private_key_id": accountKey,
		"private_key": privatePEM(s.account()), "client_email": email, "token_uri": s.tokenURL(),
	})
	if err != nil {
		panic(fmt.Sprintf("pushtest: encode the account: %v", err)) // it is made of texts
	}
	return fcm.Config{
		ServiceAccount: string(account), Endpoint: s.URL,
		HTTPClient: s.client, Timeout: time.Minute, Clock: s.clock,
	}
}

// APNs returns the config of the sender that is accepted.
func (s *Server) APNs() apns.Config {
	return apns.Config{
		KeyID: keyID, TeamID: teamID, PrivateKey: privatePEM(s.signing), Topic: topic,
		Endpoint: s.URL, SandboxEndpoint: s.URL + "/sandbox",
		HTTPClient: s.client, Timeout: time.Minute, Clock: s.clock,
	}
}

func privatePEM(key any) string {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		panic(fmt.Sprintf("pushtest: encode a key: %v", err)) // it was made here
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// selfSigned returns a certificate for this machine, and what trusts it.
func selfSigned() (tls.Certificate, *x509.CertPool, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, nil, fmt.Errorf("make the key of the certificate: %w", err)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "pushtest"},
		DNSNames:              []string{"localhost"},
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore:             now.Add(-time.Hour),
		NotAfter:              now.Add(24 * time.Hour),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, nil, fmt.Errorf("make the certificate: %w", err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return tls.Certificate{}, nil, fmt.Errorf("read the certificate: %w", err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, pool, nil
}
