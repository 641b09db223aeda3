package pushtest

import (
	"crypto/ecdsa"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/golang-jwt/jwt/v5"
)

// maxRequest is how much of a request is read, in bytes.
const maxRequest = 64 << 10

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /push/{id}", s.webPush)
	mux.HandleFunc("POST /token", s.oauth)
	mux.HandleFunc("POST /v1/projects/{project}/{method}", s.fcm)
	mux.HandleFunc("POST /3/device/{token}", s.apns)
	mux.HandleFunc("POST /sandbox/3/device/{token}", s.apns)
	return mux
}

// header is what a device may see of a request's.
func header(r *http.Request) http.Header {
	h := r.Header.Clone()
	h.Del("Authorization")
	return h
}

// read returns the body, or what is wrong with it.
func read(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxRequest))
	if err != nil {
		return nil, violated(http.StatusBadRequest, "", "the body cannot be read: %v", err)
	}
	return body, nil
}

// parseES256 checks the signature of a token, and nothing else of it.
func parseES256(text string, key *ecdsa.PublicKey) (*jwt.Token, jwt.MapClaims, error) {
	claims := jwt.MapClaims{}
	token, err := jwt.NewParser(jwt.WithValidMethods([]string{"ES256"}), jwt.WithoutClaimsValidation()).
		ParseWithClaims(text, claims, func(*jwt.Token) (any, error) { return key, nil })
	if err != nil {
		return nil, nil, fmt.Errorf("the token: %w", err)
	}
	return token, claims, nil
}

// oneOf tells whether a header has one of the values.
func oneOf(r *http.Request, name string, values ...string) bool {
	for _, value := range values {
		if r.Header.Get(name) == value {
			return true
		}
	}
	return false
}

// bearer is the token of the Authorization header.
func bearer(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "bearer") {
		return ""
	}
	return token
}
