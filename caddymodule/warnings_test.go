package caddymodule

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tocsin-project/tocsin/admin"
)

// withLog has what is logged written into {DIR}/log.
func withLog(config string) string {
	return strings.Replace(config, "output discard", "output file {DIR}/log {\nroll_disabled\n}", 1)
}

func TestWhatIsHardlyMeantIsWarnedOf(t *testing.T) {
	const lapi = "lapi http://127.0.0.1:1 k {\nscopes ip %s\n}"
	for _, row := range []struct {
		name, global, sites string
		edit                []string // of the config: what is replaced by what
		want                string   // empty: no warning
	}{
		{"all is well", "", site1, nil, ""},
		{"no site has the directive", "", "http://{ADDR} {\nrespond ok\n}", nil, "no site has the directive tocsin"},
		{"a matcher stands for it", "", "http://{ADDR} {\n@bad tocsin\nrespond @bad no 403\n}", nil, ""},
		{"countries without a database", fmt.Sprintf(lapi, "country"), site1, nil, "scopes has country without the option geoip"},
		{"systems without a database", fmt.Sprintf(lapi, "as"), site1, nil, "scopes has as without the option geoip"},
		{"countries with a database", "geoip {DIR}/places.mmdb\n" + fmt.Sprintf(lapi, "country"), site1, nil, ""},
		{"captchas without a challenge", "challenge off\nlocal captcha 10m", site1, nil, "challenge off: captcha decisions refuse clients"},
		{"no source", "", site1, []string{"blocklist {DIR}/list.txt", ""}, "no source of decisions, so only clients that this server detects are stopped"},
		{"a proxy that is not trusted", "", site1, []string{"trusted_proxies static 127.0.0.0/8", "", "trusted_proxies_strict", ""}, "a request had X-Forwarded-For, but no proxy is trusted"},
	} {
		t.Run(row.name, func(t *testing.T) {
			h := newHost(t)
			h.useAdmin()
			h.list("list.txt", banned)
			h.file("places.mmdb", placesDB("FR", 64496))
			h.load(strings.NewReplacer(row.edit...).Replace(withLog(globals("blocklist {DIR}/list.txt\nsnapshot off\n"+row.global))) + row.sites)
			for range 2 {
				h.get("192.0.2.50", "/") // which has X-Forwarded-For
			}
			got := askFor[admin.Status](h, "GET", "/tocsin/status", 200).Warnings
			if row.want == "" {
				if len(got) > 0 {
					t.Errorf("warnings %q", got)
				}
				return
			}
			if !slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, row.want) }) {
				t.Errorf("warnings %q; want one of %q", got, row.want)
			}
			if out, failure := h.command("status", "--address", h.admin); !strings.Contains(out, row.want) {
				t.Errorf("status: %s, %s", out, failure)
			}
			log, err := os.ReadFile(filepath.Join(h.dir, "log"))
			if n := strings.Count(string(log), row.want); err != nil || n != 1 {
				t.Errorf("%d lines in the log, %v:\n%s", n, err, log)
			}
		})
	}
}

func TestTocsinThatIsTakenAwayIsWarnedOf(t *testing.T) {
	for _, row := range []struct{ name, method, path, want string }{
		{"the app", "DELETE", "/config/apps/tocsin", "the previous config had sources of decisions, this one has none"},
		{"the sites", "DELETE", "/config/apps/http", "no site has the directive tocsin"},
		{"all apps", "DELETE", "/config/apps", "the new config has no tocsin: no request is checked any more"},
	} {
		t.Run(row.name, func(t *testing.T) {
			h := newHost(t)
			h.useAdmin()
			h.list("list.txt", banned)
			h.load(withLog(globals("blocklist {DIR}/list.txt\nsnapshot off")) + site1)
			h.waitStatus(banned, http.StatusForbidden)
			if a := h.ask(row.method, row.path); a.status != http.StatusOK {
				t.Fatalf("%s: %+v", row.path, a)
			}
			wait(t, func() error { return logged(h, "log", row.want) })
		})
	}
}
