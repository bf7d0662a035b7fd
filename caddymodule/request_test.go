package caddymodule

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// Anybody can send X-Forwarded-Proto. It counts if a trusted proxy sends it.
func TestOnlyATrustedProxyEndsTLS(t *testing.T) {
	for _, row := range []struct {
		name    string
		trusted any // what Caddy has found out
		proto   string
		want    bool
	}{
		{"a proxy that is trusted", true, "https", true},
		{"in capitals", true, "HTTPS", true},
		{"one that speaks plain HTTP with the client", true, "http", false},
		{"one that says nothing", true, "", false},
		{"a client", false, "https", false},
		{"where Caddy has not looked", nil, "https", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			vars := map[string]any{}
			if row.trusted != nil {
				vars[caddyhttp.TrustedProxyVarKey] = row.trusted
			}
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r = r.WithContext(context.WithValue(r.Context(), caddyhttp.VarsCtxKey, vars))
			r.Header.Set("X-Forwarded-Proto", row.proto)
			if got := endsTLS(r); got != row.want {
				t.Errorf("got %t, want %t", got, row.want)
			}
		})
	}
}
