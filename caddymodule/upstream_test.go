package caddymodule

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/tocsin-project/tocsin/admin"
	"github.com/tocsin-project/tocsin/internal/lapitest"
)

// withLAPI returns a Caddyfile that follows a Local API and keeps a snapshot.
func withLAPI(url, key string, more ...string) string {
	return globals("lapi "+url+" "+key+" {\ninterval 100ms\n}\nsnapshot {DIR}/snap\n"+strings.Join(more, "\n")) +
		"http://{ADDR} {\ntocsin\nrespond ok\n}"
}

func TestDecisionsComeAndGo(t *testing.T) {
	api := lapitest.Start(t, lapitest.Config{})
	h := newHost(t)
	h.load(withLAPI(api.URL, api.Key))
	h.waitStatus(banned, http.StatusOK)
	api.Add(lapitest.Decision{Value: banned}, lapitest.Decision{Value: "203.0.113.0/24", Type: "throttle"})
	h.waitStatus(banned, http.StatusForbidden)
	h.waitStatus("203.0.113.7", http.StatusTooManyRequests)
	api.Delete(banned, "")
	h.waitStatus(banned, http.StatusOK)
	if a := h.get("203.0.113.7", "/"); a.status != http.StatusTooManyRequests {
		t.Errorf("the other decision is gone too: %d", a.status)
	}
}

func TestFallbackForUnknownTypes(t *testing.T) {
	api := lapitest.Start(t, lapitest.Config{})
	api.Add(lapitest.Decision{Value: banned, Type: "mfa"})
	h := newHost(t)
	h.load(withLAPI(api.URL, api.Key))
	h.waitStatus(banned, http.StatusForbidden)
	h.load(withLAPI(api.URL, api.Key, "fallback throttle"))
	h.waitStatus(banned, http.StatusTooManyRequests)
}

// caddy validate runs while the server does, on the same files.
func TestValidateStartsNothing(t *testing.T) {
	api := lapitest.Start(t, lapitest.Config{})
	h := newHost(t)
	h.list("banned.txt", banned)
	h.load(h.withList() + "http://{ADDR} {\ntocsin\nrespond ok\n}")
	h.waitStatus(banned, http.StatusForbidden)
	if err := caddy.Stop(); err != nil {
		t.Fatal(err)
	}
	snapshot := filepath.Join(h.dir, "snap")
	before, err := os.ReadFile(snapshot)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.validate(withLAPI(api.URL, api.Key)); err != nil {
		t.Fatal(err)
	}
	if n := len(api.Requests()); n != 0 {
		t.Errorf("%d requests to the Local API", n)
	}
	if n := references(); len(n) != 0 {
		t.Errorf("references %v", n)
	}
	after, err := os.ReadFile(snapshot)
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("the snapshot is another one: %v", err)
	}
}

// The Local API is down when the server starts, and stays so.
func TestStartWithoutTheLocalAPI(t *testing.T) {
	api := lapitest.Start(t, lapitest.Config{})
	api.Add(lapitest.Decision{Value: banned})
	h := newHost(t)
	h.load(withLAPI(api.URL, api.Key))
	h.waitStatus(banned, http.StatusForbidden)
	if err := caddy.Stop(); err != nil {
		t.Fatal(err)
	}
	api.Close()
	h.load(withLAPI(api.URL, api.Key))
	if a := h.get(banned, "/"); a.status != http.StatusForbidden {
		t.Errorf("banned client gets %d", a.status)
	}
	if a := h.get(allowed, "/"); a.status != http.StatusOK {
		t.Errorf("allowed client gets %d", a.status)
	}
}

// Without a snapshot there is nothing to judge by, and the config chooses.
func TestStartupOfAFirstStart(t *testing.T) {
	for startup, status := range map[string]int{
		"open":   http.StatusOK,
		"closed": http.StatusServiceUnavailable,
	} {
		t.Run(startup, func(t *testing.T) {
			api := lapitest.Start(t, lapitest.Config{})
			api.InjectAlways(lapitest.Hang())
			h := newHost(t)
			h.load(withLAPI(api.URL, api.Key, "startup "+startup))
			if a := h.get(allowed, "/"); a.status != status {
				t.Errorf("status %d, want %d", a.status, status)
			}
		})
	}
}

// A new address or key of the Local API makes a new engine; its first pull may
// take long, and meanwhile the bans hold.
func TestAnotherLocalAPIStartsWarm(t *testing.T) {
	first := lapitest.Start(t, lapitest.Config{})
	first.Add(lapitest.Decision{Value: banned})
	second := lapitest.Start(t, lapitest.Config{})
	second.InjectAlways(lapitest.Hang())
	h := newHost(t)
	h.load(withLAPI(first.URL, first.Key))
	h.waitStatus(banned, http.StatusForbidden)
	h.load(withLAPI(second.URL, second.Key))
	for range 20 {
		if a := h.get(banned, "/"); a.status != http.StatusForbidden {
			t.Fatalf("banned client gets %d", a.status)
		}
	}
	second.ClearFaults()
}

// A Local API that hangs must not hold up reloads: Caddy waits for them under a
// lock.
func TestReloadWhileTheLocalAPIHangs(t *testing.T) {
	api := lapitest.Start(t, lapitest.Config{})
	api.InjectAlways(lapitest.Hang())
	h := newHost(t)
	for i := range 5 {
		h.load(withLAPI(api.URL, api.Key, fmt.Sprintf("blocklist {DIR}/%d.txt", i)))
		if a := h.get(allowed, "/"); a.status != http.StatusOK {
			t.Errorf("allowed client gets %d", a.status)
		}
	}
}

// Two sources with decisions about one address: to end one does not end the
// other's.
func TestSourcesDoNotOverwriteEachOther(t *testing.T) {
	api := lapitest.Start(t, lapitest.Config{})
	api.Add(lapitest.Decision{Value: banned, Type: "captcha"})
	h := newHost(t)
	h.list("slow.txt", banned)
	h.load(withLAPI(api.URL, api.Key, "blocklist {DIR}/slow.txt {\naction throttle\n}"))
	h.waitStatus(banned, http.StatusForbidden)
	api.Delete(banned, "")
	h.waitStatus(banned, http.StatusTooManyRequests)
}

// liveLAPI returns a Caddyfile that asks a Local API about each client.
func liveLAPI(url, key string, options ...string) string {
	return globals("lapi "+url+" "+key+" {\nmode live\n"+strings.Join(options, "\n")+"\n}\nsnapshot off") + site1
}

func TestLiveMode(t *testing.T) {
	api := lapitest.Start(t, lapitest.Config{})
	api.Add(lapitest.Decision{Value: banned}, lapitest.Decision{Value: "203.0.113.0/24", Type: "throttle"})
	h := newHost(t)
	h.useAdmin()
	h.load(liveLAPI(api.URL, api.Key, "timeout 5s"))
	for range 3 {
		for from, status := range map[string]int{
			banned: http.StatusForbidden, "203.0.113.7": http.StatusTooManyRequests, allowed: http.StatusOK,
		} {
			if a := h.get(from, "/"); a.status != status {
				t.Errorf("%s gets %d, want %d", from, a.status, status)
			}
		}
	}
	if n := len(api.Requests()); n != 3 {
		t.Errorf("%d questions about 3 clients", n)
	}
	c := askFor[admin.Check](h, "GET", "/tocsin/check?ip="+banned, 200)
	if c.Result != "ban" || len(c.Decisions) != 1 || c.Decision == nil || c.Decision.Source != "lapi" {
		t.Errorf("check: %+v", c)
	}
	s := askFor[admin.Status](h, "GET", "/tocsin/status", 200)
	if !s.Ready || len(s.Sources) != 1 || s.Sources[0].Kind != "lapi live" || s.Sources[0].Synced.IsZero() {
		t.Errorf("status: %+v", s)
	}
	api.Delete(banned, "")
	if a := h.get(banned, "/"); a.status != http.StatusForbidden {
		t.Errorf("the answer is not remembered: %d", a.status)
	}
	askFor[admin.Unban](h, "DELETE", "/tocsin/decisions?target="+banned, 200)
	if a := h.get(banned, "/"); a.status != http.StatusOK {
		t.Errorf("the answer is remembered after an unban: %d", a.status)
	}
}

func TestLiveModeWithoutAnswer(t *testing.T) {
	for failure, status := range map[string]int{
		"":                http.StatusOK,
		"failure open":    http.StatusOK,
		"failure ban":     http.StatusForbidden,
		"failure captcha": http.StatusForbidden, // no challenge yet: the strict side
	} {
		t.Run(failure, func(t *testing.T) {
			api := lapitest.Start(t, lapitest.Config{})
			api.InjectWhen(func(*http.Request) bool { return true }, -1, lapitest.Hang())
			h := newHost(t)
			h.load(liveLAPI(api.URL, api.Key, "timeout 20ms", failure))
			if a := h.get(allowed, "/"); a.status != status {
				t.Errorf("status %d, want %d", a.status, status)
			}
		})
	}
}

// A live source is not one to wait for at the start.
func TestStartupWithALiveSource(t *testing.T) {
	api := lapitest.Start(t, lapitest.Config{})
	api.InjectWhen(func(*http.Request) bool { return true }, -1, lapitest.Hang())
	h := newHost(t)
	live := "lapi " + api.URL + " " + api.Key + " {\nmode live\ntimeout 20ms\n}\n"
	config := func(list string) string {
		return globals(live+"blocklist {DIR}/"+list+"\nsnapshot off\nstartup closed") + site1
	}
	h.load(config("none.txt"))
	if a := h.get(allowed, "/"); a.status != http.StatusServiceUnavailable {
		t.Errorf("before the list is there: %d", a.status)
	}
	h.list("banned.txt", banned)
	h.load(config("banned.txt"))
	h.waitStatus(allowed, http.StatusOK)
	h.waitStatus(banned, http.StatusForbidden)
}

func TestFilters(t *testing.T) {
	for name, row := range map[string]struct {
		option string
		cscli  int
		crowd  int
	}{
		"origins":                  {"origins cscli", 403, 200},
		"scenarios_containing":     {"scenarios_containing SSH", 200, 403},
		"scenarios_not_containing": {"scenarios_not_containing SSH", 403, 200},
	} {
		t.Run(name, func(t *testing.T) {
			api := lapitest.Start(t, lapitest.Config{})
			api.Add(
				lapitest.Decision{Value: "192.0.2.1", Origin: "cscli", Scenario: "by hand"},
				lapitest.Decision{Value: "192.0.2.2", Origin: "crowdsec", Scenario: "crowdsecurity/ssh-bf"})
			h := newHost(t)
			h.load(strings.Replace(withLAPI(api.URL, api.Key), "interval 100ms", "interval 100ms\n"+row.option, 1))
			h.waitSynced()
			h.waitStatus("192.0.2.1", row.cscli)
			h.waitStatus("192.0.2.2", row.crowd)
		})
	}
}

func TestUnbanInTheLocalAPI(t *testing.T) {
	withMachine := lapitest.Start(t, lapitest.Config{})
	without := lapitest.Start(t, lapitest.Config{})
	withMachine.Add(lapitest.Decision{Value: banned}, lapitest.Decision{Value: banned, Type: "captcha"}, lapitest.Decision{Value: "192.0.2.2"})
	without.Add(lapitest.Decision{Value: "192.0.2.2"})
	h := newHost(t)
	h.useAdmin()
	h.load(strings.Replace(withLAPI(withMachine.URL, withMachine.Key, "lapi "+without.URL+" "+without.Key),
		"interval 100ms", "interval 100ms\nmachine "+lapitest.DefaultMachine+" "+lapitest.DefaultPassword, 1))
	h.waitStatus(banned, http.StatusForbidden)
	h.waitSynced()
	u := askFor[admin.Unban](h, "DELETE", "/tocsin/decisions?target="+banned, 200)
	if u.Removed != 2 || len(u.Upstream) != 1 || u.Upstream[0] != (admin.Upstream{Source: "lapi", Removed: 2}) {
		t.Errorf("%+v", u)
	}
	if a := h.get(banned, "/"); a.status != http.StatusOK {
		t.Errorf("the client gets %d", a.status)
	}
	if out, failure := h.command("sync", "--address", h.admin); out != "Reading again: lapi, lapi2\n" || failure != "" {
		t.Errorf("%q, %s", out, failure)
	}
	h.waitStatus("192.0.2.2", http.StatusForbidden)
	if a := h.get(banned, "/"); a.status != http.StatusOK {
		t.Errorf("the decision came back: the client gets %d", a.status)
	}
	out, failure := h.command("unban", "192.0.2.2", "--address", h.admin)
	if failure != bad || !strings.Contains(out, "no machine") {
		t.Errorf("of a server without a machine: %q, %s", failure, out)
	}
	withMachine.Close()
	if u := askFor[admin.Unban](h, "DELETE", "/tocsin/decisions?target="+banned, 200); len(u.Upstream) != 1 || u.Upstream[0].Error == "" {
		t.Errorf("with a server that is down: %+v", u)
	}
}

// An allowlist of CrowdSec is weighed against what CrowdSec says, and against
// nothing else.
func TestAllowlists(t *testing.T) {
	api := lapitest.Start(t, lapitest.Config{})
	api.InjectWhen(lapitest.Path("/v1/allowlists"), -1, lapitest.Raw(
		`[{"name":"mine","items":[{"value":"192.0.2.1","expiration":"0001-01-01T00:00:00.000Z"},{"value":"192.0.2.3","expiration":"0001-01-01T00:00:00.000Z"}]}]`))
	api.Add(lapitest.Decision{Value: "192.0.2.0/24"})
	h := newHost(t)
	h.useAdmin()
	h.list("slow.txt", "192.0.2.3")
	h.load(strings.Replace(withLAPI(api.URL, api.Key, "blocklist {DIR}/slow.txt {\naction throttle\n}"),
		"interval 100ms", "interval 100ms\nmachine "+lapitest.DefaultMachine+" "+lapitest.DefaultPassword, 1))
	h.waitStatus("192.0.2.2", http.StatusForbidden)
	h.waitStatus("192.0.2.1", http.StatusOK)
	h.waitStatus("192.0.2.3", http.StatusTooManyRequests)
	c := askFor[admin.Check](h, "GET", "/tocsin/check?ip=192.0.2.1", 200)
	if c.Result != "pass" || c.Allowed || len(c.Allowlisted) != 1 || c.Allowlisted[0] != "lapi" || len(c.Decisions) != 0 || c.Decision != nil {
		t.Errorf("%+v", c)
	}
	out, _ := h.command("check", "192.0.2.1", "--address", h.admin)
	if !strings.Contains(out, "pass: it is on an allowlist of CrowdSec") || !strings.Contains(out, "by lapi, so its decisions do not apply") {
		t.Error(out)
	}
	c = askFor[admin.Check](h, "GET", "/tocsin/check?ip=192.0.2.3", 200)
	if c.Result != "throttle" || len(c.Allowlisted) != 1 || len(c.Decisions) != 1 || c.Decision == nil {
		t.Errorf("%+v", c)
	}
}

// A decision of a live source is deleted at that source, and clients on its allowlist
// pass.
func TestLiveModeWithAMachine(t *testing.T) {
	api := lapitest.Start(t, lapitest.Config{})
	api.Add(lapitest.Decision{Value: banned}, lapitest.Decision{Value: "203.0.113.0/24"})
	api.Allowlist(prefix(t, "203.0.113.9"))
	h := newHost(t)
	h.useAdmin()
	h.load(liveLAPI(api.URL, api.Key, "timeout 5s", "machine "+lapitest.DefaultMachine+" "+lapitest.DefaultPassword))
	h.waitStatus("203.0.113.9", http.StatusOK)
	h.waitStatus("203.0.113.8", http.StatusForbidden)
	c := askFor[admin.Check](h, "GET", "/tocsin/check?ip=203.0.113.9", 200)
	if c.Result != "pass" || len(c.Allowlisted) != 1 || c.Allowlisted[0] != "lapi" {
		t.Errorf("%+v", c)
	}
	h.waitStatus(banned, http.StatusForbidden)
	u := askFor[admin.Unban](h, "DELETE", "/tocsin/decisions?target="+banned, 200)
	if len(u.Upstream) != 1 || u.Upstream[0] != (admin.Upstream{Source: "lapi", Removed: 1}) {
		t.Errorf("%+v", u)
	}
	if a := h.get(banned, "/"); a.status != http.StatusOK {
		t.Errorf("the client gets %d", a.status)
	}
}

func TestUnbanOfALiveSourceWithoutAMachine(t *testing.T) {
	api := lapitest.Start(t, lapitest.Config{})
	api.Add(lapitest.Decision{Value: banned})
	h := newHost(t)
	h.useAdmin()
	h.load(liveLAPI(api.URL, api.Key, "timeout 5s"))
	if u := askFor[admin.Unban](h, "DELETE", "/tocsin/decisions?target="+banned, 200); len(u.Upstream) != 1 || !strings.Contains(u.Upstream[0].Error, "no machine") {
		t.Errorf("%+v", u)
	}
	if u := askFor[admin.Unban](h, "DELETE", "/tocsin/decisions?target="+allowed, 200); len(u.Upstream) != 0 {
		t.Errorf("of a client that is not banned: %+v", u)
	}
}

func TestWarnsOfSharedKeys(t *testing.T) {
	h := newHost(t)
	const a, b = "http://127.0.0.1:1 ", "http://127.0.0.1:2 "
	stream := func(api string) string { return "lapi " + api + "\n" }
	live := func(api string) string { return "lapi " + api + " {\nmode live\n}\n" }
	for name, row := range map[string]struct {
		config string
		want   int
	}{
		"one":                        {stream(a + "k"), 0},
		"two keys":                   {stream(a+"k") + live(a+"l"), 0},
		"two servers":                {stream(a+"k") + live(b+"k"), 0},
		"stream and live":            {stream(a+"k") + live(a+"k"), 1},
		"live and stream":            {live(a+"k") + stream(a+"k"), 1},
		"two streams":                {stream(a+"k") + stream(a+"k"), 1},
		"only live, nothing to lose": {live(a+"k") + live(a+"k"), 0},
	} {
		t.Run(name, func(t *testing.T) {
			h.t = t
			file := strings.ReplaceAll(name, " ", "_") + ".log"
			text := strings.Replace(globals(row.config)+site1, "output discard", "output file {DIR}/"+file+" {\nroll_disabled\n}", 1)
			if err := h.validate(text); err != nil {
				t.Fatal(err)
			}
			log, err := os.ReadFile(filepath.Join(h.dir, file))
			if err != nil && !os.IsNotExist(err) {
				t.Fatal(err)
			}
			if n := strings.Count(string(log), "use the same API key"); n != row.want {
				t.Errorf("%d warnings, want %d:\n%s", n, row.want, log)
			}
		})
	}
}
