package centre

import (
	"net/http"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// guard stands for the handler of the directive tocsin.
type guard struct{ another bool }

func (g *guard) CaddyModule() caddy.ModuleInfo {
	if g.another {
		return caddy.ModuleInfo{ID: "http.handlers.encode"}
	}
	return caddy.ModuleInfo{ID: "http.handlers.tocsin"}
}

func (*guard) ServeHTTP(http.ResponseWriter, *http.Request, caddyhttp.Handler) error { return nil }

func TestACentreKnowsWhetherItsPagesAreGuarded(t *testing.T) {
	h := new(Handler)
	route := func(matched bool, handlers ...caddyhttp.MiddlewareHandler) caddyhttp.Route {
		r := caddyhttp.Route{Handlers: handlers}
		if matched {
			r.MatcherSets = caddyhttp.MatcherSets{{caddyhttp.MatchPath{"/moderator*"}}}
		}
		return r
	}
	type routes = caddyhttp.RouteList
	for _, row := range []struct {
		name   string
		routes routes
		want   bool
	}{
		{"no tocsin", routes{route(false, &guard{another: true}, h)}, false},
		{"in one route", routes{route(false, new(guard), h)}, true},
		{"in an earlier route", routes{route(false, new(guard)), route(false, h)}, true},
		{"with a matcher", routes{route(true, new(guard)), route(false, h)}, false},
		{"after it", routes{route(false, h, new(guard))}, false},
		{"in the site", routes{route(true, &caddyhttp.Subroute{Routes: routes{route(false, new(guard)), route(false, h)}})}, true},
		{"in another site", routes{
			route(true, &caddyhttp.Subroute{Routes: routes{route(false, new(guard))}}),
			route(true, &caddyhttp.Subroute{Routes: routes{route(false, h)}}),
		}, false},
		{"around the site", routes{route(false, new(guard)), route(true, &caddyhttp.Subroute{Routes: routes{route(false, h)}})}, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := isGuarded(row.routes, h); got != row.want {
				t.Errorf("got %v, want %v", got, row.want)
			}
		})
	}
}
