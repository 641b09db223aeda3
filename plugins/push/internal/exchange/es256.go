package exchange

import (
	"crypto/ecdsa"
	"fmt"

	"github.com/golang-jwt/jwt/v5"
)

// SignES256 returns a JSON Web Token of the claims (RFC 7519), signed with ECDSA
// on P-256 (RFC 7518 section 3.4). An empty key id is left out.
func SignES256(key *ecdsa.PrivateKey, keyID string, claims map[string]any) (string, error) {
	token := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims(claims))
	if keyID != "" {
		token.Header["kid"] = keyID
	}
	signed, err := token.SignedString(key)
	if err != nil {
		return "", fmt.Errorf("sign a token: %w", err)
	}
	return signed, nil
}
