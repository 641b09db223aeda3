package fcm

import (
	"encoding/json"
	"errors"

	"github.com/golang-jwt/jwt/v5"
)

// account is the JSON key of a service account, as far as it is needed.
type account struct {
	Type         string `json:"type"`
	ProjectID    string `json:"project_id"`
	ClientEmail  string `json:"client_email"`
	PrivateKeyID string `json:"private_key_id"`
	PrivateKey   string `json:"private_key"`
	TokenURI     string `json:"token_uri"`
}

// minKeyBits is the least that an RSA key must have.
const minKeyBits = 2048

// parseAccount says what is wrong without showing any of it.
func parseAccount(text string) (account, error) {
	var a account
	if text == "" {
		return a, errors.New("is missing")
	}
	if err := json.Unmarshal([]byte(text), &a); err != nil {
		return a, errors.New("is not the JSON key of a service account")
	}
	switch {
	case a.Type != "service_account":
		return a, errors.New(`must have the type "service_account"`)
	case a.ProjectID == "":
		return a, errors.New("has no project_id")
	case a.ClientEmail == "":
		return a, errors.New("has no client_email")
	}
	key, err := jwt.ParseRSAPrivateKeyFromPEM([]byte(a.PrivateKey))
	if err != nil || key.N.BitLen() < minKeyBits {
		return a, errors.New("has no RSA key of 2048 bits or more as private_key")
	}
	return a, nil
}
