package caddymodule

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
)

// Three hundred sites that look the same share one page and one gate; those that look
// otherwise have theirs.
func TestSitesThatLookTheSameShareTheirPages(t *testing.T) {
	h := newHost(t)
	h.file("own.html", "<h1>{{.Title}}</h1>{{.Ref}}")
	var sites strings.Builder
	for i := range 300 {
		fmt.Fprintf(&sites, "http://s%d.example:%s {\ntocsin\nrespond ok\n}\n", i, strings.TrimPrefix(h.addr, "127.0.0.1:"))
	}
	for i, options := range []string{"title Closed", "title Closed", "contact help@example.com", "accent 060", "page {DIR}/own.html", "page {DIR}/own.html"} {
		fmt.Fprintf(&sites, "http://t%d.example:%s {\ntocsin {\n%s\n}\nrespond ok\n}\n", i, strings.TrimPrefix(h.addr, "127.0.0.1:"), options)
	}
	h.load(h.withList() + sites.String())
	v, err := caddy.ActiveContext().App(appID)
	if err != nil {
		t.Fatal(err)
	}
	app := v.(*App)
	if len(app.sites) != 306 || len(app.pages) != 5 || len(app.gates.gates) != 3 {
		t.Errorf("%d sites have %d pages and %d gates, want 306, 5 and 3", len(app.sites), len(app.pages), len(app.gates.gates))
	}
	for _, check := range app.checks[1:] {
		if check == app.checks[0] {
			t.Error("two sites share what stops clients")
		}
	}
	for host, want := range map[string]string{"s0": "<h1>Access denied</h1>", "s299": "<h1>Access denied</h1>", "t1": "<h1>Closed</h1>", "t2": "help@example.com", "t5": "<h1>Access denied</h1>"} {
		wait(t, func() error {
			r := h.request(http.MethodGet, banned, "/")
			r.Host = host + ".example"
			r.Header.Set("Sec-Fetch-Mode", "navigate")
			a, err := h.do(r)
			if err == nil && !strings.Contains(a.body, want) {
				err = fmt.Errorf("%s: no %s in %s", host, want, a.body)
			}
			return err
		})
	}
}
