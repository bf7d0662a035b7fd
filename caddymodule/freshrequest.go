package caddymodule

import (
	"context"
	"maps"
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// freshRequest returns a request that seems to have arrived as r is now: {http.request.*} and
// the original request of handlers are those of r. Otherwise they would still show the
// request from before. Variables and all other placeholders stay. Outside of Caddy's
// server it returns r itself.
func freshRequest(w http.ResponseWriter, r *http.Request) *http.Request {
	old, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	srv, _ := r.Context().Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	if !ok || srv == nil {
		return r
	}
	vars, extra := varsOf(r), r.Context().Value(caddyhttp.ExtraLogFieldsCtxKey)
	repl := caddy.NewReplacer()
	r = caddyhttp.PrepareRequest(r, repl, w, srv)
	maps.Copy(varsOf(r), vars)
	repl.Map(func(key string) (any, bool) {
		if strings.HasPrefix(key, "http.request.") {
			return nil, false
		}
		return old.Get(key)
	})
	return r.WithContext(context.WithValue(r.Context(), caddyhttp.ExtraLogFieldsCtxKey, extra))
}

func varsOf(r *http.Request) map[string]any {
	vars, _ := r.Context().Value(caddyhttp.VarsCtxKey).(map[string]any)
	return vars
}
