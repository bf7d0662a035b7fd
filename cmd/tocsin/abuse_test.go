//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/tocsin-project/tocsin/internal/lapitest"
)

// An api is a real Local API, and how its administrator sees it.
type api struct {
	*lapitest.RealServer
	t testing.TB
}

// A told is an alert as cscli shows it.
type told struct {
	Scenario  string
	Source    struct{ Value string }
	Decisions []struct{ Origin, Type, Value, Scenario string }
}

// list returns what cscli lists.
func (a api) list(args ...string) (all []told) {
	a.t.Helper()
	text := a.Cscli(append(args, "-o", "json")...)
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		a.t.Fatalf("cscli %q: %v\n%s", args, err, text)
	}
	return all
}

// hears waits until the administrator sees an alert about a client, and reports
// whether it has led to a ban.
func (a api) hears(p *post, client, scenario string) bool {
	a.t.Helper()
	p.wait("the alert about "+client, func() error {
		all := a.list("alerts", "list", "-a")
		if !slices.ContainsFunc(all, func(x told) bool { return x.Source.Value == client && x.Scenario == scenario }) {
			return fmt.Errorf("alerts: %+v", all)
		}
		return nil
	})
	for _, x := range a.list("decisions", "list") {
		for _, d := range x.Decisions {
			if d.Value == client && d.Type == "ban" && d.Origin == "crowdsec" && d.Scenario == scenario {
				return true
			}
		}
	}
	return false
}

// wrongPasswords returns the Caddyfile of an application whose passwords are all wrong.
func wrongPasswords(t testing.TB) string {
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Path == "/api/login" {
			w.WriteHeader(http.StatusUnauthorized)
		}
		_, _ = io.WriteString(w, `{}`)
	}))
	t.Cleanup(app.Close)
	return "reverse_proxy " + app.Listener.Addr().String()
}

// guess tries a password.
func (c *caller) guess(i int) reply {
	c.t.Helper()
	return c.send(call{
		target: "/api/login?from=query-word", contentType: "application/json",
		body: fmt.Sprintf(`{"username":"user-word","password":"password-word-%d"}`, i),
	})
}

// bundle tries 50 passwords at once, and is refused everything from then on.
func (c *caller) bundle() {
	c.t.Helper()
	tries := make([]string, 50)
	for i := range tries {
		tries[i] = fmt.Sprintf(`{"username":"user-word","password":"password-word-%d"}`, i)
	}
	if r := c.send(call{target: "/api/login?from=query-word", contentType: "application/json", body: "[" + strings.Join(tries, ",") + "]"}); r.status == http.StatusForbidden {
		c.t.Error("refused before it has done anything")
	}
	c.refused()
}

// One server sees the abuse and stops it at once. It tells CrowdSec, which tells
// the others; and what happens while CrowdSec is down is not forgotten.
func TestAbuseIsStoppedHereAndToldToTheOthers(t *testing.T) {
	t.Parallel()
	const scenario = "tocsin/http-login-bundle"
	a := api{lapitest.Real(t), t}
	a.AddBouncer("second", "second-key-0123456789")
	app := wrongPasswords(t)
	first := newPost(t, fmt.Sprintf("lapi %s %s {\ninterval 1s\nmachine %s %s\n}\nreport lapi", a.URL, a.Key, a.Machine, a.Password), app)
	second := newPost(t, fmt.Sprintf("lapi %s second-key-0123456789 {\ninterval 1h\n}", a.URL), app)

	early, late := "198.51.100.10", "198.51.100.11"
	first.from(early).bundle()
	first.from(early).alarmed(scenario, 1, "ban")
	if !a.hears(first, early, scenario) {
		t.Errorf("an alert about %s, but no ban: %+v", early, a.list("decisions", "list"))
	}
	if r := second.from(early).send(call{target: "/"}); r.status != http.StatusOK {
		t.Fatalf("the other server answers %d before it has asked", r.status)
	}
	second.poll()
	second.from(early).refused()

	a.Kill()
	first.from(late).bundle()
	first.from(late).alarmed(scenario, 1, "ban")
	if r := second.from(late).send(call{target: "/"}); r.status != http.StatusOK {
		t.Errorf("the other server answers %d to somebody it cannot know", r.status)
	}
	a.Restart()
	if !a.hears(first, late, scenario) {
		t.Errorf("an alert about %s, but no ban: %+v", late, a.list("decisions", "list"))
	}
	second.poll()
	second.from(late).refused()
	second.from(early).refused()
	first.from(early).refused()

	if all := a.Cscli("alerts", "list", "-a", "-o", "json"); strings.Contains(all, "-word") {
		t.Errorf("query, name or password has left this server:\n%s", all)
	}
	for _, r := range first.detection().Reporters {
		if r.Sent != 2 || r.Queued+r.Refused+r.Dropped != 0 {
			t.Errorf("reports: %+v", r)
		}
	}
}

// poll asks the sources once, out of turn.
func (p *post) poll() {
	p.t.Helper()
	if err := p.ask(http.MethodPost, "/tocsin/sync", nil); err != nil {
		p.t.Fatal(err)
	}
}

// A suspicious client gets a challenge here. CrowdSec gets the alert but makes no ban of
// it, so that no other server refuses the client.
func TestSuspicionIsToldOfAndBansNobodyElsewhere(t *testing.T) {
	t.Parallel()
	const scenario, client = "tocsin/http-login-bf", "198.51.100.12"
	a := api{lapitest.Real(t), t}
	p := newPost(t, fmt.Sprintf("lapi %s %s {\ninterval 1s\nmachine %s %s\n}\nreport lapi", a.URL, a.Key, a.Machine, a.Password), wrongPasswords(t))
	c := p.from(client)
	for i := range 6 {
		if r := c.guess(i); r.status != http.StatusUnauthorized {
			t.Errorf("wrong password %d: status %d", i+1, r.status)
		}
	}
	c.alarmed(scenario, 6, "captcha")
	if r := c.send(call{target: "/"}); r.status != http.StatusForbidden || r.header.Get("X-Tocsin") != "challenge" {
		t.Errorf("status %d, %q", r.status, r.header.Get("X-Tocsin"))
	}
	if a.hears(p, client, scenario) {
		t.Errorf("banned by CrowdSec: %+v", a.list("decisions", "list"))
	}
}
