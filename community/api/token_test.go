package api_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"testing"
)

func encode(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// claimsOf returns the claims of a token as they are written.
func claimsOf(t *testing.T, token string) string {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("a token of %d parts", len(parts))
	}
	b, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// signed makes a token with the key of the centre, without the package's help.
func signed(t *testing.T, claims string) string {
	t.Helper()
	text := encode(`{"alg":"HS256","typ":"JWT"}`) + "." + encode(claims)
	mac := hmac.New(sha256.New, newCentre().Derive("api tokens"))
	mac.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}
