package caddymodule

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/engine"
	"github.com/tocsin-project/tocsin/internal/lapitest"
	"github.com/tocsin-project/tocsin/lapi"
	"github.com/tocsin-project/tocsin/lookup"
)

const attacker = "198.51.100.66"

// watched returns a Caddyfile of a site that looks for abuse by the scenarios
// given.
func (h *host) watched(global, site string) string {
	h.t.Helper()
	h.list("list.txt", banned)
	return globals("blocklist {DIR}/list.txt\nsnapshot off\n"+global) + "http://{ADDR} {\ntocsin {\n" + site + "\n}\n" +
		"handle /login* {\nrespond \"no\" 401\n}\nhandle {\nrespond ok\n}\n}"
}

const trap = "scenario trap {\nmatch {\npath /trap*\n}\nban 1h\n}\n"

func TestTheFirstRequestIntoATrapIsStopped(t *testing.T) {
	h := newHost(t)
	h.load(h.watched(trap, ""))
	if a := h.get(attacker, "/"); a.status != http.StatusOK {
		t.Fatalf("status %d before", a.status)
	}
	if a := h.get(attacker, "/trap/a"); a.status != http.StatusForbidden {
		t.Errorf("the trap: status %d", a.status)
	}
	h.waitStatus(attacker, http.StatusForbidden) // an alert does not wait for the table
	if a := h.get("198.51.100.67", "/"); a.status != http.StatusOK {
		t.Errorf("somebody else: status %d", a.status)
	}
}

// A capacity alone is a limit of requests.
func TestAScenarioWithACapacityAloneLimitsRequests(t *testing.T) {
	h := newHost(t)
	h.load(h.watched("detect builtin\nscenario limit {\ncapacity 3\nleak 1h\nban 1h\n}\n", ""))
	for i, path := range []string{"/", "/a", "/"} {
		if a := h.get(attacker, path); a.status != http.StatusOK {
			t.Errorf("request %d: status %d", i+1, a.status)
		}
	}
	if a := h.get(attacker, "/"); a.status != http.StatusForbidden {
		t.Errorf("the request over the limit: status %d", a.status)
	}
	if a := h.get("198.51.100.67", "/"); a.status != http.StatusOK {
		t.Errorf("somebody else: status %d", a.status)
	}
}

func TestAnswersCountToo(t *testing.T) {
	h := newHost(t)
	h.load(h.watched("scenario logins {\nmatch {\npath /login\n}\nstatus 401\ncapacity 3\nleak 1m\ncaptcha 1h\n}", ""))
	for range 4 {
		if a := h.get(attacker, "/login"); a.status != http.StatusUnauthorized {
			t.Fatalf("status %d", a.status)
		}
	}
	h.waitStatus(attacker, http.StatusForbidden)
	if d, ok := runningEngine(t).Table().Lookup(addr(t, attacker)); !ok || d.Action != lookup.Captcha || d.Source != engine.LocalSource {
		t.Errorf("%+v, %v", d, ok)
	}
}

func TestWhatIsCountedHoldsOverReloads(t *testing.T) {
	const logins = "scenario logins {\nmatch {\npath /login\n}\nstatus 401\ncapacity 3\nleak 1h\nban 1h\n}\n"
	h := newHost(t)
	h.load(h.watched(logins, ""))
	for i, more := range []string{"blocklist {DIR}/more.txt", "", "blocklist {DIR}/more.txt\nlog_ip off", ""} {
		h.get(attacker, "/login")
		wait(t, func() error { return h.judged(uint64(i + 1)) })
		h.list("more.txt", "192.0.2.200")
		h.load(h.watched(logins+more, ""))
	}
	h.waitStatus(attacker, http.StatusForbidden)
}

// judged says whether the detector was asked about n responses that it counts.
func (h *host) judged(n uint64) error {
	if stats := runningEngine(h.t).shared.rules.detector.Stats(); stats.Buckets == 0 && n < 4 {
		return fmt.Errorf("nothing is counted after %d requests: %+v", n, stats)
	}
	return nil
}

func TestWhoIsSpared(t *testing.T) {
	for _, row := range []struct{ name, global, site, from string }{
		{"a site without", trap, "detect off", attacker},
		{"nothing is looked for", "detect off", "", attacker},
		{"an allow-listed client", trap + "allow " + attacker, "", attacker},
		{"one that is allow-listed here", trap, "allow " + attacker, attacker},
		{"a private address", trap, "", "10.1.2.3"},
		{"an alert only", "scenario trap {\nmatch {\npath /trap*\n}\nalert\n}", "", attacker},
		{"a dry run", trap, "dry_run", attacker},
	} {
		t.Run(row.name, func(t *testing.T) {
			h := newHost(t)
			h.load(h.watched(row.global, row.site))
			for range 3 {
				if a := h.get(row.from, "/trap"); a.status != http.StatusOK {
					t.Errorf("status %d", a.status)
				}
			}
		})
	}
}

// A decision made here and in force is no reason to look at what it stops.
func TestStoppedRequestsAreNotFedBack(t *testing.T) {
	h := newHost(t)
	h.load(h.watched(trap, ""))
	for range 5 {
		h.get(attacker, "/trap")
		h.get(banned, "/trap")
	}
	h.waitStatus(banned, http.StatusForbidden)
	if n := runningEngine(t).Stats().Alerts.Total; n > 2 { // one of the banned client can be from before the list was read
		t.Errorf("%d alerts", n)
	}
}

// Caddy rewrites requests before they come to a directive in a handle_path.
func TestScenariosSeeTheRequestAsItCame(t *testing.T) {
	h := newHost(t)
	rules := h.file("rules.yaml", "type: trigger\nname: test/shell\ndescription: shells\nfilter: \"evt.Parsed.request == '/app/shell.php'\"\n"+
		"groupby: evt.Meta.source_ip\nblackhole: 1m\nlabels:\n  remediation: true\n")
	h.list("list.txt", banned)
	h.load(globals("blocklist {DIR}/list.txt\nsnapshot off\ndetect "+rules) +
		"http://{ADDR} {\nhandle_path /app/* {\ntocsin\nrespond ok\n}\n}")
	if a := h.get(attacker, "/app/index.php"); a.status != http.StatusOK {
		t.Errorf("status %d", a.status)
	}
	if a := h.get(attacker, "/app/shell.php"); a.status != http.StatusForbidden {
		t.Errorf("status %d", a.status)
	}
}

// caddy reload does nothing if the Caddyfile is as it was; sync reads scenarios.
func TestSyncReadsScenariosAnew(t *testing.T) {
	h := newHost(t)
	rule := func(path string) string {
		return h.file("rules.yaml", "type: trigger\nname: test/path\ndescription: a path\nfilter: \"evt.Parsed.request == '"+path+"'\"\n"+
			"groupby: evt.Meta.source_ip\nlabels:\n  remediation: true\n")
	}
	h.useAdmin()
	h.load(h.watched("detect "+rule("/old"), ""))
	rule("/new")
	if out, failure := h.command("sync", "--address", h.admin); failure != "" {
		t.Fatal(out, failure)
	}
	if a := h.get(attacker, "/old"); a.status != http.StatusOK {
		t.Errorf("the old rule holds: status %d", a.status)
	}
	if a := h.get(attacker, "/new"); a.status != http.StatusForbidden {
		t.Errorf("the new one does not: status %d", a.status)
	}
	h.file("rules.yaml", "type: [")
	h.command("sync", "--address", h.admin)
	if a := h.get("198.51.100.67", "/new"); a.status != http.StatusForbidden {
		t.Errorf("a broken file has wiped the rules: status %d", a.status)
	}
}

func TestAlertsAreListed(t *testing.T) {
	h := newHost(t)
	h.useAdmin()
	h.load(h.watched(trap, ""))
	h.get(attacker, "/trap/a?secret=1")
	out, failure := h.command("alerts", "--address", h.admin)
	if failure != "" || !strings.Contains(out, attacker) || !strings.Contains(out, "trap") ||
		!strings.Contains(out, "GET /trap/a\n") || strings.Contains(out, "secret") {
		t.Errorf("%q, %s", out, failure)
	}
	out, _ = h.command("status", "--address", h.admin)
	if !strings.Contains(out, "SCENARIO  ALERTS") {
		t.Errorf("%s", out)
	}
}

// One server sees the abuse, CrowdSec's profiles make a ban of it, and every other
// server refuses the client.
func TestWhatOneServerSeesAllServersRefuse(t *testing.T) {
	for _, row := range []struct {
		name  string
		start func(t *testing.T) (url, key, second string)
	}{
		{"the fake", func(t *testing.T) (string, string, string) {
			api := lapitest.Start(t, lapitest.Config{Keys: []string{lapitest.DefaultKey, "second-key"}})
			return api.URL, lapitest.DefaultKey, "second-key"
		}},
		{"the real CrowdSec", func(t *testing.T) (string, string, string) {
			api := lapitest.Real(t)
			api.AddBouncer("second", "second-key-0123456789")
			return api.URL, api.Key, "second-key-0123456789"
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			url, key, second := row.start(t)
			other := follower(t, url, second)
			h := newHost(t)
			h.list("list.txt", banned)
			h.load(h.watched(trap+"lapi "+url+" "+key+" {\ninterval 100ms\nmachine "+
				lapitest.DefaultMachine+" "+lapitest.DefaultPassword+"\n}\nreport lapi", ""))
			if a := h.get(attacker, "/trap"); a.status != http.StatusForbidden {
				t.Fatalf("status %d here", a.status)
			}
			wait(t, func() error {
				if d, ok := other.Table().Lookup(addr(t, attacker)); !ok || d.Action != lookup.Ban || d.Reason != "trap" {
					return fmt.Errorf("the other server has %+v, %v", d, ok)
				}
				return nil
			})
			// CrowdSec has the last word from now on: the local decision is gone.
			wait(t, func() error {
				if d, ok := runningEngine(t).Table().Lookup(addr(t, attacker)); !ok || d.Source != "lapi" {
					return fmt.Errorf("here it is %+v, %v", d, ok)
				}
				return nil
			})
		})
	}
}

// follower returns the engine of another server, which runs until the end of the
// test.
func follower(t *testing.T, url, key string) *engine.Engine {
	t.Helper()
	client, err := lapi.New(lapi.Config{URL: url, Key: key, Interval: 100 * time.Millisecond, MetricsInterval: -1})
	if err != nil {
		t.Fatal(err)
	}
	e, err := engine.New(engine.Config{Sources: []engine.Source{client}})
	if err != nil {
		t.Fatal(err)
	}
	e.Start()
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

func addr(t testing.TB, s string) netip.Addr {
	t.Helper()
	ip, err := netip.ParseAddr(s)
	if err != nil {
		t.Fatal(err)
	}
	return ip
}

// All built-in scenarios say what they ask for, and some of them a ban.
func TestLocalCaptchaHoldsForBuiltInScenarios(t *testing.T) {
	h := newHost(t)
	for i, row := range []struct{ local, tocsin string }{
		{"", ""},
		{"local captcha", "challenge"},
		{"local captcha 10m", "challenge"},
	} {
		t.Run(row.local, func(t *testing.T) {
			h.t = t
			client := fmt.Sprintf("198.51.100.%d", 10+i) // decisions outlive the config
			h.load(globals("snapshot off\n"+row.local) + "http://{ADDR} {\ntocsin\nrespond ok\n}")
			r := h.request(http.MethodGet, client, "/")
			r.Header.Set("User-Agent", "sqlmap/1.7#stable (https://sqlmap.org)")
			if a, err := h.do(r); err != nil || a.status != http.StatusForbidden || a.header.Get("X-Tocsin") != row.tocsin {
				t.Errorf("the scanner: %+v, %v; want X-Tocsin %q", a, err, row.tocsin)
			}
			if a := h.get(client, "/"); a.status != http.StatusForbidden || a.header.Get("X-Tocsin") != row.tocsin {
				t.Errorf("and then: %+v; want X-Tocsin %q", a, row.tocsin)
			}
		})
	}
}
