package caddymodule

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/tocsin-project/tocsin/admin"
	"github.com/tocsin-project/tocsin/internal/lapitest"
	"github.com/tocsin-project/tocsin/lookup"
)

// useAdmin makes the configs that h loads from now on have an admin endpoint, and
// returns its address.
func (h *host) useAdmin() string {
	h.t.Helper()
	h.admin = freeAddr(h.t)
	h.t.Cleanup(func() {
		// Caddy stops it with the process, or for a config without one.
		h.admin = ""
		h.load(globals(""))
	})
	return h.admin
}

// ask sends a request to the admin API.
func (h *host) ask(method, path string) answer {
	h.t.Helper()
	r, err := http.NewRequest(method, "http://"+h.admin+path, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	a, err := h.do(r)
	if err != nil {
		h.t.Fatal(err)
	}
	return a
}

// askFor asks the admin API for what is good, and decodes it.
func askFor[T any](h *host, method, path string, status int) T {
	h.t.Helper()
	a := h.ask(method, path)
	if a.status != status || a.header.Get("Content-Type") != "application/json" || a.header.Get("Cache-Control") != "no-store" {
		h.t.Fatalf("%s %s: %+v", method, path, a)
	}
	var v T
	d := json.NewDecoder(strings.NewReader(a.body))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		h.t.Fatalf("%s %s: %v in %s", method, path, err, a.body)
	}
	return v
}

const site1 = "http://{ADDR} {\ntocsin\nrespond ok\n}"

func TestAdminErrors(t *testing.T) {
	h := newHost(t)
	h.useAdmin()
	h.load(h.withList() + site1)
	h.waitStatus(banned, http.StatusForbidden)
	for _, row := range []struct {
		name, method, path string
		status             int
		want               string // in the error
	}{
		{"another path", "GET", "/tocsin/nonsense", 404, "not found"},
		{"no path", "GET", "/tocsin/", 404, "not found"},
		{"status cannot be posted", "POST", "/tocsin/status", 405, "POST"},
		{"sync cannot be put", "PUT", "/tocsin/sync", 405, "PUT"},
		{"sync since whenever", "GET", "/tocsin/sync", 400, "since"},
		{"decisions cannot be put", "PUT", "/tocsin/decisions", 405, "PUT"},
		{"check without an address", "GET", "/tocsin/check", 400, "ip is missing"},
		{"check of no address", "GET", "/tocsin/check?ip=example.com", 400, "is not an IP address"},
		{"check of a range", "GET", "/tocsin/check?ip=192.0.2.0/24", 400, "is not an IP address"},
		{"check of two", "GET", "/tocsin/check?ip=192.0.2.1&ip=192.0.2.2", 400, "2 times"},
		{"unknown parameter", "GET", "/tocsin/decisions?origins=CAPI", 400, `"origins"`},
		{"an invalid query", "GET", "/tocsin/decisions?limit=%zz", 400, "query"},
		{"unknown source", "GET", "/tocsin/decisions?source=lapi", 400, "want one of list:banned.txt"},
		{"unknown action", "GET", "/tocsin/decisions?action=block", 400, "block"},
		{"no action", "GET", "/tocsin/decisions?action=none", 400, "action"},
		{"limit 0", "GET", "/tocsin/decisions?limit=0", 400, "limit"},
		{"limit without end", "GET", "/tocsin/decisions?limit=1000001", 400, "limit"},
		{"limit that is no number", "GET", "/tocsin/decisions?limit=all", 400, "limit"},
		{"unban of nothing", "DELETE", "/tocsin/decisions", 400, "target is missing"},
		{"unban of no target", "DELETE", "/tocsin/decisions?target=everybody", 400, "everybody"},
		{"unban of AS 0", "DELETE", "/tocsin/decisions?target=AS0", 400, "AS0"},
		{"unban by another name", "DELETE", "/tocsin/decisions?ip=192.0.2.1", 400, `"ip"`},
	} {
		t.Run(row.name, func(t *testing.T) {
			h.t = t
			a := h.ask(row.method, row.path)
			var v struct{ Error string }
			if err := json.Unmarshal([]byte(a.body), &v); err != nil {
				t.Errorf("%v in %q", err, a.body)
			}
			if a.status != row.status || !strings.Contains(v.Error, row.want) || a.header.Get("Content-Type") != "application/json" {
				t.Errorf("%+v, want %d and %q in it", a, row.status, row.want)
			}
			if allow := a.header.Get("Allow"); (allow != "") != (row.status == 405) || strings.Contains(allow, row.method) {
				t.Errorf("Allow: %q", allow)
			}
		})
	}
	h.t = t
	if a := h.get(banned, "/"); a.status != http.StatusForbidden {
		t.Errorf("after all that the banned client gets %d", a.status)
	}
	if a := h.get(allowed, "/tocsin/status"); a.body != "ok" {
		t.Errorf("the public listener answers %+v", a)
	}
}

// The API is there whatever the config has in it.
func TestAdminWithoutTocsin(t *testing.T) {
	h := newHost(t)
	h.useAdmin()
	h.load(globals("") + "http://{ADDR} {\nrespond ok\n}")
	if a := h.ask("GET", "/tocsin/status"); a.status != 404 || !strings.Contains(a.body, "global option tocsin is missing") {
		t.Errorf("%+v", a)
	}
	if err := caddy.Stop(); err != nil {
		t.Fatal(err)
	}
	if a := h.ask("GET", "/tocsin/status"); a.status != 503 || !strings.Contains(a.body, "no config is running") {
		t.Errorf("%+v", a)
	}
}

func TestStatus(t *testing.T) {
	api := lapitest.Start(t, lapitest.Config{})
	api.Add(lapitest.Decision{Value: banned, Origin: "CAPI"}, lapitest.Decision{Value: "203.0.113.0/24", Type: "throttle"})
	h := newHost(t)
	h.useAdmin()
	h.list("more.txt", "192.0.2.7")
	h.load(withLAPI(api.URL, api.Key, "blocklist {DIR}/more.txt", "blocklist {DIR}/none.txt"))
	h.waitStatus(banned, http.StatusForbidden)
	h.waitStatus("192.0.2.7", http.StatusForbidden)
	h.get("203.0.113.9", "/")
	var s admin.Status
	wait(t, func() error {
		s = askFor[admin.Status](h, "GET", "/tocsin/status", 200)
		if !s.Sources[0].Ready || s.Sources[0].Next.IsZero() || !s.Sources[1].Ready || s.Sources[2].Failures == 0 {
			return fmt.Errorf("%+v", s.Sources)
		}
		return nil
	})
	if s.Ready || s.Reason != "list:none.txt has not been in sync yet" {
		t.Errorf("ready: %v, %q", s.Ready, s.Reason)
	}
	if s.Version == "" || s.Decisions != 3 || s.Memory.Heap == 0 || s.Memory.Total < s.Memory.Heap {
		t.Errorf("%+v", s)
	}
	if s.Snapshot == nil || s.Snapshot.Path != h.dir+"/snap" || !s.Snapshot.Written.IsZero() {
		t.Errorf("snapshot %+v", s.Snapshot)
	}
	lapi, list, none := s.Sources[0], s.Sources[1], s.Sources[2]
	if lapi.Name != "lapi" || lapi.Kind != "lapi" || !lapi.Ready || lapi.Decisions != 2 || lapi.Error != "" ||
		lapi.AgeSeconds == nil || *lapi.AgeSeconds > 60 || time.Since(lapi.Synced) > time.Minute || lapi.Next.IsZero() {
		t.Errorf("lapi: %+v", lapi)
	}
	if list.Name != "list:more.txt" || list.Kind != "file" || !list.Ready || list.Decisions != 1 {
		t.Errorf("list: %+v", list)
	}
	if none.Ready || none.AgeSeconds != nil || !strings.Contains(none.Error, "none.txt") {
		t.Errorf("missing list: %+v", none)
	}
	srv := s.Servers[0]
	if len(s.Servers) != 1 || srv.Server != "srv0" || srv.Stopped["throttle"] != 1 || srv.Stopped["ban"] < 2 ||
		srv.Origins["CAPI"] == 0 || srv.Origins["lists:more.txt"] == 0 ||
		srv.Processed < srv.Stopped["ban"]+1 {
		t.Errorf("servers: %+v", s.Servers)
	}

	h.list("none.txt", "192.0.2.8")
	wait(t, func() error {
		if s = askFor[admin.Status](h, "GET", "/tocsin/status", 200); !s.Ready || s.Reason != "" {
			return fmt.Errorf("ready: %v, %q", s.Ready, s.Reason)
		}
		return nil
	})
	api.InjectAlways(lapitest.Status(http.StatusInternalServerError, nil, ""))
	wait(t, func() error {
		s = askFor[admin.Status](h, "GET", "/tocsin/status", 200)
		if lapi = s.Sources[0]; lapi.Failures < 2 || lapi.Error == "" || !lapi.Ready {
			return fmt.Errorf("lapi: %+v", lapi)
		}
		return nil
	})
}

func TestCheck(t *testing.T) {
	h := newHost(t)
	h.useAdmin()
	h.list("slow.txt", "192.0.2.0/24")
	h.load(h.withList("blocklist {DIR}/slow.txt {\naction throttle\n}", "allow 192.0.2.77") +
		"http://{ADDR} {\ntocsin {\nallow 192.0.2.9\n}\ntocsin /try {\ndry_run\n}\nrespond ok\n}")
	h.waitStatus("192.0.2.5", http.StatusTooManyRequests)
	h.waitStatus(banned, http.StatusForbidden)
	for _, row := range []struct {
		name, ip, address, result string
		allowed                   bool
		targets, exceptions       string
	}{
		{"the strongest wins", banned, banned, "ban", false, "192.0.2.1 192.0.2.0/24", "srv0 by dry_run"},
		{"mapped into IPv6", "::ffff:192.0.2.1", banned, "ban", false, "192.0.2.1 192.0.2.0/24", "srv0 by dry_run"},
		{"by its range only", "192.0.2.5", "192.0.2.5", "throttle", false, "192.0.2.0/24", "srv0 by dry_run"},
		{"allowed everywhere", "192.0.2.77", "192.0.2.77", "pass", true, "192.0.2.0/24", ""},
		{"allowed in one place", "192.0.2.9", "192.0.2.9", "throttle", false, "192.0.2.0/24", "srv0 by allow srv0 by dry_run"},
		{"nothing decided", allowed, allowed, "pass", false, "", ""},
		{"an IPv6 address with a zone", "fe80::1%25eth0", "fe80::1", "pass", false, "", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			h.t = t
			c := askFor[admin.Check](h, "GET", "/tocsin/check?ip="+row.ip, 200)
			var targets, exceptions []string
			for _, d := range c.Decisions {
				targets = append(targets, d.Target)
			}
			for _, e := range c.Exceptions {
				exceptions = append(exceptions, e.Server+" by "+e.Why)
			}
			if c.Address != row.address || c.Result != row.result || c.Allowed != row.allowed ||
				strings.Join(targets, " ") != row.targets || strings.Join(exceptions, " ") != row.exceptions {
				t.Errorf("%+v", c)
			}
			if (c.Decision == nil) != (len(targets) == 0) || c.Decision != nil && *c.Decision != c.Decisions[0] {
				t.Errorf("decision %+v, not the first of %+v", c.Decision, c.Decisions)
			}
		})
	}
	h.t = t
	d := askFor[admin.Check](h, "GET", "/tocsin/check?ip="+banned, 200).Decision
	if d.Scope != "ip" || d.Action != "ban" || d.Source != "list:banned.txt" || d.Origin != "lists:banned.txt" ||
		d.Since.IsZero() || !d.Until.IsZero() {
		t.Errorf("%+v", d)
	}
	if n := runningEngine(t).counters.of("srv0").Snapshot(); n.Stopped[lookup.Ban] == 0 || n.DryRun != 0 {
		t.Errorf("a check counts as a request: %+v", n)
	}
}

// A decision of a remote source about a trusted proxy or this server does not stop their
// own requests, and check says so.
func TestCheckKnowsWhoIsSpared(t *testing.T) {
	const proxy, both = "192.0.2.80", "192.0.2.81"
	api := lapitest.Start(t, lapitest.Config{})
	for _, ip := range []string{proxy, both, banned, "127.0.0.9"} {
		api.Add(lapitest.Decision{Value: ip})
	}
	h := newHost(t)
	h.useAdmin()
	text := h.withList("lapi "+api.URL+" "+api.Key+" {\ninterval 100ms\n}") + site1
	h.list("banned.txt", both)
	h.load(strings.Replace(text, "static 127.0.0.0/8", "static 127.0.0.0/8 192.0.2.80/31", 1))
	h.waitStatus(banned, http.StatusForbidden)
	for ip, want := range map[string]string{
		proxy:       "ban, srv0 by trusted_proxies, own: false",
		both:        "ban, own: false", // the operator says so too
		banned:      "ban, own: false",
		"127.0.0.9": "pass, own: true",
	} {
		c := askFor[admin.Check](h, "GET", "/tocsin/check?ip="+ip, 200)
		got := c.Result
		for _, e := range c.Exceptions {
			got += ", " + e.Server + " by " + e.Why
		}
		if got += fmt.Sprint(", own: ", c.Own); got != want {
			t.Errorf("%s: %s; want %s", ip, got, want)
		}
	}
	for ip, want := range map[string]string{
		proxy:       "passes on srv0 by trusted_proxies: only requests of the proxy itself\n",
		"127.0.0.9": "pass: it is an address of this server, which no remote source can ban\n",
	} {
		if out, _ := h.command("check", ip, "--address", h.admin); !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

func TestCheckBeforeTheFirstSync(t *testing.T) {
	h := newHost(t)
	h.useAdmin()
	h.load(globals("blocklist {DIR}/none.txt\nsnapshot off\nstartup closed\nallow 192.0.2.77") + site1)
	for ip, result := range map[string]string{allowed: "unavailable", "192.0.2.77": "pass"} {
		if c := askFor[admin.Check](h, "GET", "/tocsin/check?ip="+ip, 200); c.Result != result {
			t.Errorf("%s: %+v", ip, c)
		}
	}
}

func TestList(t *testing.T) {
	h := newHost(t)
	h.useAdmin()
	h.list("slow.txt", "203.0.113.0/24", "2001:db8::/48")
	h.load(h.withList("blocklist {DIR}/slow.txt {\naction throttle\n}") + site1)
	h.waitSynced()
	table := runningEngine(t).Table()
	until := time.Date(2100, 1, 2, 3, 4, 5, 0, time.UTC)
	table.Update("list:slow.txt", []lookup.Decision{
		{Country: "FR", Action: lookup.Captcha, Origin: "cscli", Reason: "by hand", Until: until},
		{AS: 64496, Action: lookup.Ban, Origin: "cscli"},
	}, nil)
	for query, want := range map[string]int{
		"":                             5,
		"?limit=5":                     5,
		"?limit=4":                     -4,
		"?limit=1":                     -1,
		"?action=ban":                  2,
		"?action=throttle&limit=1":     -1,
		"?source=list:slow.txt":        4,
		"?origin=cscli":                2,
		"?origin=cscli&action=captcha": 1,
		"?origin=CSCLI":                0,
	} {
		l := askFor[admin.List](h, "GET", "/tocsin/decisions"+query, 200)
		if n := max(want, -want); len(l.Decisions) != n || l.More != (want < 0) {
			t.Errorf("%s: %d decisions, more: %v; want %d", query, len(l.Decisions), l.More, want)
		}
	}
	got := askFor[admin.List](h, "GET", "/tocsin/decisions?action=captcha", 200).Decisions[0]
	want := admin.Decision{
		Scope: "country", Target: "FR", Action: "captcha", Source: "list:slow.txt",
		Origin: "cscli", Reason: "by hand", Since: got.Since, Until: until,
	}
	if got != want || time.Since(got.Since) > time.Minute {
		t.Errorf("got %+v, want %+v", got, want)
	}
	for _, d := range askFor[admin.List](h, "GET", "/tocsin/decisions?origin=cscli&action=ban", 200).Decisions {
		if d.Scope != "as" || d.Target != "AS64496" {
			t.Errorf("%+v", d)
		}
	}
}

// What is listed can be unbanned by the name that it is listed with.
func TestUnban(t *testing.T) {
	h := newHost(t)
	h.useAdmin()
	h.load(h.withList() + site1)
	h.waitSynced()
	all := []lookup.Decision{
		{Prefix: prefix(t, "192.0.2.1"), Action: lookup.Captcha},
		{Prefix: prefix(t, "192.0.2.0/24"), Action: lookup.Throttle},
		{Prefix: prefix(t, "2001:db8::/48"), Action: lookup.Ban},
		{Country: "FR", Action: lookup.Ban},
		{Country: "AS", Action: lookup.Ban}, // American Samoa
		{AS: 64496, Action: lookup.Ban},
	}
	runningEngine(t).Table().Update("list:banned.txt", all, nil)
	for _, row := range []struct {
		target, name string
		removed      int
		remaining    string
	}{
		{"::ffff:192.0.2.1", "192.0.2.1", 2, "192.0.2.0/24"},
		{"192.0.2.1", "192.0.2.1", 0, "192.0.2.0/24"},
		{"192.0.2.7/24", "192.0.2.0/24", 1, ""},
		{"2001:db8::/48", "2001:db8::/48", 1, ""},
		{"fr", "FR", 1, ""},
		{"AS", "AS", 1, ""},
		{"as64496", "AS64496", 1, ""},
	} {
		u := askFor[admin.Unban](h, "DELETE", "/tocsin/decisions?target="+row.target, 200)
		remaining := ""
		for _, d := range u.Remaining {
			remaining += d.Target
		}
		if u.Target != row.name || u.Removed != row.removed || remaining != row.remaining || len(u.Upstream) != 0 {
			t.Errorf("%s: %+v", row.target, u)
		}
	}
	if l := askFor[admin.List](h, "GET", "/tocsin/decisions", 200); len(l.Decisions) != 0 {
		t.Errorf("left: %+v", l)
	}
	if a := h.get(banned, "/"); a.status != http.StatusOK {
		t.Errorf("the client gets %d", a.status)
	}
}

func TestSync(t *testing.T) {
	api := lapitest.Start(t, lapitest.Config{})
	h := newHost(t)
	h.useAdmin()
	h.load(strings.Replace(withLAPI(api.URL, api.Key), "interval 100ms", "interval 1h", 1))
	h.waitSynced()
	api.Add(lapitest.Decision{Value: banned})
	if s := askFor[admin.Sync](h, "POST", "/tocsin/sync", 202); len(s.Sources) != 1 || s.Sources[0] != "lapi" {
		t.Errorf("%+v", s)
	}
	h.waitStatus(banned, http.StatusForbidden)
}

func TestSyncWaits(t *testing.T) {
	api := lapitest.Start(t, lapitest.Config{})
	h := newHost(t)
	h.useAdmin()
	h.list("late.txt", "192.0.2.7")
	h.load(strings.Replace(withLAPI(api.URL, api.Key, "blocklist {DIR}/late.txt"), "interval 100ms", "interval 1h", 1))
	h.waitSynced()
	api.Add(lapitest.Decision{Value: banned})
	if out, failure := h.command("sync", "--wait", "--address", h.admin); out != "Reading again: lapi, list:late.txt\n" || failure != "" {
		t.Errorf("%q, %s", out, failure)
	}
	if a := h.get(banned, "/"); a.status != http.StatusForbidden {
		t.Errorf("once it has waited, the banned client gets %d", a.status)
	}
	before := askFor[admin.Sync](h, "POST", "/tocsin/sync", 202)
	if len(before.Sources) != 2 || len(before.Pending) > 2 {
		t.Errorf("%+v", before)
	}
	wait(t, func() error {
		s := askFor[admin.Sync](h, "GET", "/tocsin/sync?since="+before.Since.Format(time.RFC3339Nano), 200)
		if len(s.Pending) != 0 || len(s.Sources) != 2 || !s.Since.Equal(before.Since) {
			return fmt.Errorf("%+v", s)
		}
		return nil
	})
	if err := os.Remove(h.dir + "/late.txt"); err != nil {
		t.Fatal(err)
	}
	out, failure := h.command("sync", "--wait=2s", "--json", "--address", h.admin)
	if !strings.Contains(failure, "not in sync after 2s: list:late.txt (") || !strings.Contains(failure, "no such file") || strings.Count(out, "\n") != 1 {
		t.Errorf("%q, %s", out, failure)
	}
}

// The API speaks for the engine of the config that runs: not for the one of a
// config that failed to load, or of the one before.
func TestAdminOverReloads(t *testing.T) {
	h := newHost(t)
	h.useAdmin()
	h.list("one.txt", banned)
	h.list("two.txt", banned, "192.0.2.2")
	with := func(list string) string {
		return globals("blocklist {DIR}/"+list+"\nsnapshot off") + site1
	}
	source := func() string {
		t.Helper()
		return askFor[admin.Status](h, "GET", "/tocsin/status", 200).Sources[0].Name
	}
	h.load(with("one.txt"))
	h.waitStatus(banned, http.StatusForbidden)
	for range 3 {
		h.load(with("one.txt"))
		if s := source(); s != "list:one.txt" {
			t.Errorf("status of %s", s)
		}
		h.load(with("two.txt"))
		if s := source(); s != "list:two.txt" {
			t.Errorf("status of %s", s)
		}
	}
	for name, bad := range map[string]string{
		"before the engine is made": globals("blocklist {DIR}/one.txt\nallow nonsense") + site1,
		"after it is made":          globals("blocklist {DIR}/one.txt") + "http://{ADDR} {\ntocsin {\npage {DIR}/none.html\n}\n}",
		"on start":                  with("one.txt") + "\nhttp://192.0.2.200:1 {\nbind 192.0.2.200\n}",
	} {
		if err := h.tryLoad(bad); err == nil {
			t.Fatalf("%s: the config is accepted", name)
		}
		if s := source(); s != "list:two.txt" {
			t.Errorf("%s: status of %s", name, s)
		}
	}
}
