package detect

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/event"
	"github.com/tocsin-project/tocsin/lookup"
)

// Certain evidence leads to a ban, suspicion to a challenge first. These requests are
// certain: people do not send them by mistake, and pages that make a browser send them
// are recognised.
var certain = map[string]string{
	"appsec-bans":                "the operator's WAF has banned five different requests",
	"waf-attacks":                "two different rules of the WAF, which is what CrowdSec bans for",
	"http-scanner-agents":        "the client says itself that it is a scanner",
	"http-path-traversal":        "four different ways out of the site's folder, written by hand",
	"http-backdoors":             "two different requests for web shells",
	"http-login-bundle":          "fifty passwords in one request to log in",
	"wordpress-xmlrpc-multicall": "five different passwords in one request",
}

func TestCertainEvidenceBansAndSuspicionAsksFirst(t *testing.T) {
	for _, s := range builtinRules(t).scenarios {
		name := strings.TrimPrefix(s.name, "tocsin/")
		_, bans := certain[name]
		switch {
		case !s.remediation:
			t.Errorf("%s leads to nothing", name)
		case s.guard != event.NoGuard:
			if bans || s.action != lookup.None {
				t.Errorf("%s guards, and asks for %v", name, s.action)
			}
		case bans != (s.action == lookup.Ban) || !bans && s.action != lookup.Captcha:
			t.Errorf("%s asks for %v; a reason to ban is known: %v", name, s.action, bans)
		case !bans && (s.duration <= 0 || s.duration >= 4*time.Hour):
			t.Errorf("%s asks for a captcha of %v; want less than the 4h of a ban", name, s.duration)
		}
	}
}

// Repeated requests for the same page are nothing new, however few requests a scenario
// needs.
func TestTheSameRequestAgainIsOne(t *testing.T) {
	skipUnderRace(t)
	const few = 5
	// Of the first there is nothing to tell one try from the next. The second counts
	// attacks, and asks for a challenge. The third counts work, which the same request
	// makes again, and asks for a challenge too.
	repeated := []string{"http-login-unread", "http-path-traversal-again", "appsec-slow"}
	capacities := map[string]int{}
	for _, s := range builtinRules(t).scenarios {
		if !s.trigger && s.capacity <= few {
			capacities[strings.TrimPrefix(s.name, "tocsin/")] = s.capacity
		}
	}
	for _, row := range attackRows() {
		if capacities[row.scenario] == 0 || slices.Contains(repeated, row.scenario) {
			continue
		}
		for _, gap := range []time.Duration{0, time.Second} {
			got := play(New(Config{Rules: builtinRules(t)}), gap, times(50, same(row.next(0)))...)
			if slices.ContainsFunc(got, func(name string) bool { return name != "tocsin/http-path-traversal-again" }) {
				t.Errorf("%s, %s: the first request fifty times raises %q", row.scenario, row.attack, got)
			}
		}
	}
}

// Without a known body, every request counts as a new one.
func TestEachCommandToAShellCounts(t *testing.T) {
	d := New(Config{Rules: builtinRules(t)})
	for i := range 2 {
		e := step{target: "/wso.php", method: "POST"}.event(began)
		if got := len(d.Request(e)); got != i {
			t.Errorf("request %d: %d alerts before it is answered, want %d", i+1, got, i)
		}
	}
}

// Dots in a path, and names of files of the system, are not always an attack.
func TestWhatIsNoWayUp(t *testing.T) {
	for _, row := range []struct {
		name  string
		steps []step
		bans  bool
	}{
		{"a crawler that leaves dots in links as they are", times(20, func(i int) step {
			return step{target: fmt.Sprintf("/docs/guide/%d/../../img/%s.png", i, letters(i)), agent: "Examplebot/1.0"}
		}), false},
		{"the same, above the root", times(20, func(i int) step {
			return step{target: fmt.Sprintf("/docs/../../img/%d.png", i), agent: "Examplebot/1.0"}
		}), true},
		{"a manual about files of the system", times(20, func(i int) step { return step{target: "/man/proc/self/" + letters(i)} }), false},
		{"files of the system", times(20, func(i int) step { return step{target: "/proc/self/" + letters(i)} }), true},
		{"files of the system, by a development server", times(20, func(i int) step { return step{target: "/@fs/proc/self/" + letters(i)} }), true},
		{"the owner edits files of his server", append([]step{{target: "/login", body: "user=root&password=x", status: 302, location: "/", cookie: "s=x"}},
			asking("/edit.cgi?file=/etc/hosts", "/edit.cgi?file=/etc/group", "/edit.cgi?file=/etc/passwd", "/edit.cgi?path=/etc/hosts", "/save.cgi?file=/etc/hosts")...), false},
		{"files of the system by their names", times(20, func(i int) step { return step{target: "/view?path=/etc/passwd&n=" + letters(i)} }), false},
		{"a way up behind a search", times(20, func(i int) step { return step{target: "/?q=x&path=../../etc/passwd&n=" + letters(i)} }), true},
	} {
		got := play(New(Config{Rules: builtinRules(t)}), time.Second, row.steps...)
		if slices.Contains(got, "tocsin/http-path-traversal") != row.bans {
			t.Errorf("%s: %q, want a ban: %v", row.name, got, row.bans)
		}
	}
}

func asking(targets ...string) []step { return times(len(targets), through(200, targets...)) }

// A program that makes many accounts at once tries no passwords.
func TestABundleOfNewAccountsIsNone(t *testing.T) {
	var b, g strings.Builder
	for i := range 80 {
		fmt.Fprintf(&b, `{"username":"u%d","password":"start%d"},`, i, i)
		fmt.Fprintf(&g, ` u%d: NAME(username: \"u%d\", password: \"start%d\") { id }`, i, i, i)
	}
	array := "[" + strings.TrimSuffix(b.String(), ",") + "]"
	graph := func(name string) string {
		return `{"query":"mutation {` + strings.ReplaceAll(g.String(), "NAME", name) + `}"}`
	}
	for _, row := range []struct {
		target, body string
		want         int
	}{
		{"/api/users/bulk", array, 0},
		{"/api/login", array, 1},
		{"/graphql", graph("createUser"), 0},
		{"/graphql", graph("insert_users_one"), 0},
		{"/graphql", graph("login"), 1},
		{"/graphql", graph("customerAccessTokenCreate"), 1},
	} {
		if got := play(New(Config{Rules: builtinRules(t)}), 0, step{target: row.target, form: mediaJSON, body: row.body, status: 200}); len(got) != row.want {
			t.Errorf("%s, %.60s: %q, want %d", row.target, row.body, got, row.want)
		}
	}
}
