package caddymodule

import (
	"fmt"
	"net/http"
	"net/netip"
	"testing"
)

// Any page can have a visitor's browser ask for what a scenario bans at the first request:
// the visitor is not banned for it, whoever wrote the scenario. The one request may be
// stopped. Who asks for it himself is banned.
func TestWhatOthersHaveABrowserAskForBansNobody(t *testing.T) {
	const file = "type: trigger\nname: me/own\nfilter: \"evt.Meta.service == 'http' && evt.Meta.http_path startsWith '/own'\"\n" +
		"groupby: evt.Meta.source_ip\nlabels:\n  remediation: true\n"
	for _, row := range []struct{ name, global, path string }{
		{"a scenario of the Caddyfile", trap, "/trap/a"},
		{"a scenario of a file", "detect {DIR}/own.yaml {\npolicy me/own ban\n}\n", "/own/a"},
		{"a built-in scenario", "", "/show?file=../../../etc/passwd&n="},
	} {
		t.Run(row.name, func(t *testing.T) {
			h := newHost(t)
			h.file("own.yaml", file)
			h.load(h.watched(row.global, ""))
			const victim = "198.51.100.67"
			for i := range 20 {
				r := h.request(http.MethodGet, victim, fmt.Sprint(row.path, i))
				r.Header.Set("Sec-Fetch-Site", "cross-site")
				r.Header.Set("Sec-Fetch-Mode", "no-cors")
				r.Header.Set("Sec-Fetch-Dest", "image")
				r.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0")
				if _, err := h.do(r); err != nil {
					t.Fatal(err)
				}
			}
			for i := range 20 {
				h.get(attacker, fmt.Sprint(row.path, i))
			}
			h.waitStatus(attacker, http.StatusForbidden)
			if a := h.get(victim, "/"); a.status != http.StatusOK {
				t.Errorf("the victim gets %d", a.status)
			}
			if d, ok := runningEngine(t).Table().Lookup(netip.MustParseAddr(victim)); ok {
				t.Errorf("there is a decision about the victim: %+v", d)
			}
		})
	}
}
