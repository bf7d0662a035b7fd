package caddymodule

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/tocsin-project/tocsin/admin"
	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/community/api"
	"github.com/tocsin-project/tocsin/community/member"
	"github.com/tocsin-project/tocsin/consensus"
	"github.com/tocsin-project/tocsin/engine"
	"github.com/tocsin-project/tocsin/event"
	"github.com/tocsin-project/tocsin/internal/storetest"
	"github.com/tocsin-project/tocsin/lookup"
)

// A village is a community with its real centre on a loopback port. Its members come from
// different networks.
type village struct {
	t      *testing.T
	centre *community.Centre
	server *httptest.Server

	mu   sync.Mutex
	from map[string]netip.Addr // where members are, by their Authorization
	next netip.Addr            // where the next one joins from: members of one network count as one
	down bool
}

// networks has a network for each second byte of an address.
type networks struct{ community.DefaultClasses }

func (networks) Network(ip netip.Addr) consensus.ASN { return consensus.ASN(1 + int(ip.As4()[1])) }

func newVillage(t *testing.T) *village {
	t.Helper()
	v := &village{t: t, from: map[string]netip.Addr{}, next: netip.AddrFrom4([4]byte{20, 200, 0, 1})}
	memory := storetest.NewMemory()
	var err error
	v.centre, err = community.New(community.Config{
		Store: memory, Accounts: memory, Secret: bytes.Repeat([]byte{7}, 32), Name: "Example e.V.", Site: "https://blocklist.example", Classes: networks{},
		Catalogue: community.BuiltinCatalogue().
			Add("tocsin/http-scanner-agents", "", community.Label{Behaviour: "http:exploit", Confidence: 3}).
			Add("tocsin/http-backup-files", "", community.Label{Behaviour: "http:scan", Confidence: 3}),
	})
	if err != nil {
		t.Fatal(err)
	}
	machines, err := api.New(api.Config{Centre: v.centre, ClientIP: v.clientIP})
	if err != nil {
		t.Fatal(err)
	}
	v.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v.mu.Lock()
		down := v.down
		v.mu.Unlock()
		if down {
			http.Error(w, "down", http.StatusBadGateway)
			return
		}
		machines.ServeHTTP(w, r)
	}))
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = v.centre.Run(ctx) }()
	t.Cleanup(func() { v.server.Close(); stop(); <-ended })
	return v
}

func (v *village) clientIP(r *http.Request) netip.Addr {
	v.mu.Lock()
	defer v.mu.Unlock()
	if ip, ok := v.from[r.Header.Get("Authorization")]; ok {
		return ip
	}
	return v.next
}

// invite returns an invitation for a vouched member.
func (v *village) invite(n int) string {
	v.t.Helper()
	code, err := v.centre.Invite(v.t.Context(), "moderator", community.Invitee{Name: fmt.Sprint("web", n), Operator: fmt.Sprint("operator ", n), Vouched: true})
	if err != nil {
		v.t.Fatal(err)
	}
	return code
}

// join makes the n-th member, and returns its key.
func (v *village) join(n int) string {
	v.t.Helper()
	code, home := v.invite(n), netip.AddrFrom4([4]byte{20, byte(n), 0, 1})
	v.mu.Lock()
	v.next = home
	v.mu.Unlock()
	asked, err := member.Join(v.t.Context(), member.Joining{URL: v.server.URL, Invitation: code, Name: fmt.Sprint("web", n)})
	if err != nil || asked.Key != "" || asked.Terms == "" || asked.Community != "Example e.V." {
		v.t.Fatalf("the terms come first: %+v, %v", asked, err)
	}
	got, err := member.Join(v.t.Context(), member.Joining{URL: v.server.URL, Invitation: code, Name: fmt.Sprint("web", n), Terms: asked.Terms})
	if err != nil || got.Key == "" {
		v.t.Fatalf("joining: %+v, %v", got, err)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.from["Bearer "+got.Key] = home
	return got.Key
}

// neighbour is another tocsin, in a Go program: an engine that follows the list and reports.
func (v *village) neighbour(n int) *engine.Engine {
	v.t.Helper()
	c, err := member.New(member.Config{URL: v.server.URL, Key: v.join(n), Interval: time.Second})
	if err != nil {
		v.t.Fatal(err)
	}
	e, err := engine.New(engine.Config{Sources: []engine.Source{c}, Reporters: []engine.Reporter{c}})
	if err != nil {
		v.t.Fatal(err)
	}
	e.Start()
	v.t.Cleanup(func() { _ = e.Close() })
	return e
}

// attacked tells a neighbour of an attack.
func attacked(e *engine.Engine, ip, scenario string) {
	client := netip.MustParseAddr(ip)
	e.Alert(event.Alert{
		Scenario: scenario, Client: client, Prefix: event.ClientOf(client), Start: time.Now(), Stop: time.Now(), Count: 1,
		Remediation: true, Action: lookup.Ban, Context: []event.Context{{Target: "/secret/path", Host: "secret.example"}},
	})
}

// withCommunity is a Caddyfile of a member.
func withCommunity(url, key string, more ...string) string {
	return globals("community "+url+" "+key+" {\ninterval 1s\n}\nreport community\nsnapshot off\n"+strings.Join(more, "\n")) +
		"http://{ADDR} {\ntocsin\nhandle_errors {\n@stopped expression {http.tocsin.action} == \"ban\"\nheader @stopped X-Explain {http.tocsin.explain}\n}\nrespond ok\n}"
}

// What two members see, the third refuses, and whoever is delisted gets in again.
func TestACommunityActsTogether(t *testing.T) {
	v := newVillage(t)
	h := newHost(t)
	h.useAdmin()
	h.load(withCommunity(v.server.URL, v.join(1)))
	second, third := v.neighbour(2), v.neighbour(3)

	// The attacker visits the first with a scanner, and is stopped there at once.
	r := h.request(http.MethodGet, attacker, "/")
	r.Header.Set("User-Agent", "sqlmap/1.8")
	if a, err := h.do(r); err != nil || a.status != http.StatusForbidden {
		t.Fatalf("the first refuses with %d, %v", a.status, err)
	}
	if _, found := third.Lookup(t.Context(), netip.MustParseAddr(attacker)); found {
		t.Error("one report lists an address")
	}
	attacked(second, attacker, "tocsin/http-scanner-agents")
	wait(t, func() error {
		d, found := third.Lookup(t.Context(), netip.MustParseAddr(attacker))
		if !found || d.Action != lookup.Ban || d.Origin != "community" || d.Reason != "http:exploit" {
			return fmt.Errorf("the third has %+v", d)
		}
		if left := time.Until(d.Until); left <= 0 || left > 168*time.Hour {
			return fmt.Errorf("it ends in %v", left)
		}
		return nil
	})

	// What two saw that is less clear is a challenge everywhere.
	const suspect = "198.51.100.77"
	attacked(second, suspect, "tocsin/http-backup-files")
	attacked(third, suspect, "tocsin/http-backup-files")
	h.waitAction(suspect, "captcha")

	// The status knows the community, a check and the page link to its explanation.
	const strangers = "203.0.113.99"
	attacked(second, strangers, "tocsin/http-scanner-agents")
	attacked(third, strangers, "tocsin/http-scanner-agents")
	h.waitStatus(strangers, http.StatusForbidden)
	out, failure := h.command("check", strangers, "--address", h.admin)
	if failure != bad || !strings.Contains(out, "Example e.V.") || !strings.Contains(out, "https://blocklist.example/?address="+strangers) {
		t.Errorf("check: %s, %s", failure, out)
	}
	r = h.request(http.MethodGet, strangers, "/")
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	r.Header.Set("Accept", "text/html")
	if a, _ := h.do(r); a.header.Get("X-Explain") != "https://blocklist.example/?address="+strangers || !strings.Contains(a.body, `<a href="https://blocklist.example/?address=`+strangers+`">Example e.V.</a>`) {
		t.Errorf("the page: %v %s", a.header, a.body)
	}

	// Delisted, it gets in at the next poll.
	if err := v.centre.Delist(t.Context(), "moderator", netip.MustParsePrefix(strangers+"/32"), "a mistake"); err != nil {
		t.Fatal(err)
	}
	h.waitStatus(strangers, http.StatusOK)

	// Its own decision about the attacker stays, whatever the community says.
	if err := v.centre.Delist(t.Context(), "moderator", netip.MustParsePrefix(attacker+"/32"), "a mistake"); err != nil {
		t.Fatal(err)
	}
	wait(t, func() error {
		if _, found := third.Lookup(t.Context(), netip.MustParseAddr(attacker)); found {
			return fmt.Errorf("the third still refuses the attacker")
		}
		return nil
	})
	wait(t, func() error {
		d, found := runningEngine(t).Lookup(t.Context(), netip.MustParseAddr(attacker))
		if !found || d.Source != "local" {
			return fmt.Errorf("the first has %+v", d)
		}
		return nil
	})
	if out, failure := h.command("status", "--address", h.admin); failure != "" || !strings.Contains(out, "COMMUNITY") || !strings.Contains(out, "Example e.V.") {
		t.Errorf("status: %s, %s", failure, out)
	}
}

// While the centre is down nothing changes.
func TestACommunityThatIsDown(t *testing.T) {
	v := newVillage(t)
	h := newHost(t)
	h.load(withCommunity(v.server.URL, v.join(1)))
	second, third := v.neighbour(2), v.neighbour(3)
	attacked(second, attacker, "tocsin/http-scanner-agents")
	attacked(third, attacker, "tocsin/http-scanner-agents")
	h.waitStatus(attacker, http.StatusForbidden)
	v.mu.Lock()
	v.down = true
	v.mu.Unlock()
	wait(t, func() error {
		if s := runningEngine(t).Stats().Sources[0]; s.Failures == 0 || s.Err == nil {
			return fmt.Errorf("%+v", s)
		}
		return nil
	})
	if a := h.get(attacker, "/"); a.status != http.StatusForbidden {
		t.Errorf("the attacker gets %d", a.status)
	}
}

// The key of tocsin community join is found without naming it.
func TestTheKeyOfACommunityIsFound(t *testing.T) {
	v := newVillage(t)
	h := newHost(t)
	file := filepath.Join(caddy.AppDataDir(), "tocsin", "community.key")
	if err := h.tryLoad(withCommunity(v.server.URL, "")); err == nil || !strings.Contains(err.Error(), "tocsin community join URL INVITATION") {
		t.Fatalf("without a key: %v", err)
	}
	t.Cleanup(func() { _ = os.Remove(file) })
	code := v.invite(1)
	out, failure := h.command("community", "join", v.server.URL, code)
	if failure != bad || !strings.Contains(out, "has terms, version 1: https://blocklist.example/terms") || !strings.Contains(out, "--accept-terms 1") {
		t.Fatalf("the terms: %q, %s", failure, out)
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("there is a file for a key before there is one")
	}
	out, failure = h.command("community", "join", v.server.URL, code, "--accept-terms", "1", "--name", "web1")
	if failure != "" || !strings.Contains(out, "\tcommunity "+v.server.URL+" file:"+file+"\n\treport community\n") {
		t.Fatalf("joining: %q, %s", failure, out)
	}
	if f, err := os.Stat(file); err != nil || f.Mode().Perm() != 0o600 || f.Size() < 20 {
		t.Errorf("the file of the key: %v, %v", f, err)
	}
	for _, row := range []struct {
		name string
		args []string
		want string
	}{
		{"the file exists", []string{"join", v.server.URL, v.invite(2), "--accept-terms", "1"}, "Remove it, or name another file with --key-file"},
		{"a used invitation", []string{"join", v.server.URL, code, "--accept-terms", "1", "--key-file", filepath.Join(h.dir, "other.key")}, "does not accept the invitation"},
		{"plain http to another host", []string{"join", "http://blocklist.example", code}, "want https, or allow this with plain_http (--plain-http)"},
		{"no URL", []string{"join", "blocklist.example", code}, "no scheme: write https://blocklist.example"},
	} {
		if out, failure := h.command(append([]string{"community"}, row.args...)...); !strings.Contains(failure, row.want) {
			t.Errorf("%s: %q, %s", row.name, failure, out)
		}
	}
	if _, err := os.Stat(filepath.Join(h.dir, "other.key")); err == nil {
		t.Error("a refused invitation leaves a file")
	}
	h.load(withCommunity(v.server.URL, ""))
	h.waitSynced("community")
	if err := h.tryLoad(strings.Replace(withCommunity(v.server.URL, ""), "report community", "community "+v.server.URL+"\nreport community", 1)); err == nil ||
		!strings.Contains(err.Error(), "for the first community only") {
		t.Errorf("a second community without a key: %v", err)
	}
}

// What a solved challenge or a login says of a client is known to communities that ask for it
// alone.
func TestWitnessesAreRememberedIfACommunityAsks(t *testing.T) {
	v := newVillage(t)
	h := newHost(t)
	key := v.join(1)
	for _, row := range []struct {
		name, config string
		want         bool
	}{
		{"a member that reports", withCommunity(v.server.URL, key), true},
		{"switched off", strings.Replace(withCommunity(v.server.URL, key), "interval 1s", "interval 1s\nwitness off", 1), false},
		{"a reader of the list", strings.Replace(withCommunity(v.server.URL, key), "report community\n", "", 1), false},
		{"a reader that answers", strings.Replace(strings.Replace(withCommunity(v.server.URL, key), "report community\n", "", 1), "interval 1s", "witness on", 1), true},
	} {
		h.load(row.config)
		e := runningEngine(t)
		visitor := netip.MustParseAddr("203.0.113.5")
		e.Challenged(visitor, "", lookup.Decision{}, "/", true)
		_, _, known := e.shared.good.Witness(netip.PrefixFrom(visitor, 32))
		if known != row.want {
			t.Errorf("%s: known %v, want %v", row.name, known, row.want)
		}
	}
}

// "Your own host is reported" is a warning.
func TestNoticesOfACommunityAreWarnings(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Path == "/api/v1/signals" {
			_, _ = fmt.Fprint(w, `{"accepted":1,"notice":"your own address 20.1.0.1 attacks others"}`)
			return
		}
		_, _ = fmt.Fprint(w, `{"seq":1,"full":true,"items":[],"name":"Example e.V."}`)
	}))
	defer server.Close()
	h := newHost(t)
	h.useAdmin()
	h.load(withCommunity(server.URL, "some-key"))
	r := h.request(http.MethodGet, attacker, "/")
	r.Header.Set("User-Agent", "sqlmap/1.8")
	_, _ = h.do(r)
	wait(t, func() error {
		var s admin.Status
		app, err := runningApp()
		if err != nil {
			return err
		}
		if s = app.Status(); !strings.Contains(strings.Join(s.Warnings, "\n"), "Example e.V. says: your own address 20.1.0.1 attacks others") {
			return fmt.Errorf("warnings %q", s.Warnings)
		}
		return nil
	})
}
