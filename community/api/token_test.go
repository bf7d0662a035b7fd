package api_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
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

// With a token alone, a thief could otherwise get new tokens for ever.
func TestATokenEndsWithTheKeyOfItsAccount(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(w *town, c citizen) error
		want   int
	}{
		{"nothing", func(*town, citizen) error { return nil }, http.StatusOK},
		{"a new key from a moderator", func(w *town, c citizen) error {
			_, err := w.centre.NewKey(t.Context(), "root", c.login)
			return err
		}, http.StatusUnauthorized},
		{"the end of the membership", func(w *town, c citizen) error {
			by, err := w.centre.Caller(t.Context(), c.login)
			if err == nil {
				err = w.centre.Leave(t.Context(), by)
			}
			return err
		}, http.StatusUnauthorized},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := found(t)
			c := w.join()
			token := w.token(c)
			if err := row.change(w, c); err != nil {
				t.Fatal(err)
			}
			for _, path := range []string{"/v3/decisions/stream", "/v1/heartbeat", "/v1/refresh_token", "/lists/ban.txt"} {
				if code, body := w.do(citizen{from: c.from}, "GET", path, "", token); code != row.want {
					t.Errorf("%s: %d, want %d: %s", path, code, row.want, body)
				}
			}
		})
	}
}
