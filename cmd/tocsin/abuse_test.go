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

// hears waits until the administrator sees an alert about a client and the ban
// that it has led to.
func (a api) hears(p *post, client, scenario string) {
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
				return
			}
		}
	}
	a.t.Errorf("an alert about %s, but no ban: %+v", client, a.list("decisions", "list"))
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

// guess tries passwords until the client is refused.
func (c *caller) guess() {
	c.t.Helper()
	for i := range 20 {
		r := c.send(call{
			target: "/api/login?from=query-word", contentType: "application/json",
			body: fmt.Sprintf(`{"username":"user-word","password":"password-word-%d"}`, i),
		})
		if i < 6 && r.status == http.StatusForbidden {
			c.t.Errorf("refused after %d wrong passwords", i)
		}
		if i < 5 {
			continue
		}
		if r.status == http.StatusForbidden || c.send(call{target: "/"}).status == http.StatusForbidden {
			break
		}
	}
	c.refused()
}

// One server sees the abuse and stops it at once. It tells CrowdSec, which tells
// the others; and what happens while CrowdSec is down is not forgotten.
func TestAbuseIsStoppedHereAndToldToTheOthers(t *testing.T) {
	t.Parallel()
	const scenario = "tocsin/http-login-bf"
	a := api{lapitest.Real(t), t}
	a.AddBouncer("second", "second-key-0123456789")
	app := wrongPasswords(t)
	first := newPost(t, fmt.Sprintf("lapi %s %s {\ninterval 1s\nmachine %s %s\n}\nreport lapi", a.URL, a.Key, a.Machine, a.Password), app)
	second := newPost(t, fmt.Sprintf("lapi %s second-key-0123456789 {\ninterval 1h\n}", a.URL), app)

	early, late := "198.51.100.10", "198.51.100.11"
	first.from(early).guess()
	first.from(early).alarmed(scenario, 6)
	a.hears(first, early, scenario)
	if r := second.from(early).send(call{target: "/"}); r.status != http.StatusOK {
		t.Fatalf("the other server answers %d before it has asked", r.status)
	}
	second.poll()
	second.from(early).refused()

	a.Kill()
	first.from(late).guess()
	first.from(late).alarmed(scenario, 6)
	if r := second.from(late).send(call{target: "/"}); r.status != http.StatusOK {
		t.Errorf("the other server answers %d to somebody it cannot know", r.status)
	}
	a.Restart()
	a.hears(first, late, scenario)
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
