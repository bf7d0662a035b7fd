package caddymodule

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/tocsin-project/tocsin/internal/appsectest"
)

// nested returns a Caddyfile of a site with one directive in the site and one in a
// block inside of it, for paths below /in. What is below /trap and /in/trap no
// client asks for who means well, and /login and /in/login are failed logins.
func (h *host) nested(global, outer, inner string) string {
	h.t.Helper()
	h.list("list.txt", banned)
	h.list("suspects.txt", suspect)
	return globals("blocklist {DIR}/list.txt\nblocklist {DIR}/suspects.txt {\naction captcha\n}\nsnapshot off\n"+
		"scenario trap {\nmatch {\npath /trap* /in/trap*\n}\nban 1h\n}\n"+
		"scenario logins {\nmatch {\npath /login /in/login\n}\nstatus 401\ncapacity 3\nleak 1h\nban 1h\n}\n"+global) +
		"http://{ADDR} {\ntocsin {\n" + outer + "\n}\nrespond */login 401\n" +
		"handle /in* {\ntocsin {\n" + inner + "\n}\nrespond \"in:{http.tocsin.challenge}\"\n}\nhandle {\nrespond out\n}\n}"
}

// meetings are the places of two directives, for clients who fail to log in.
var meetings = []struct{ name, site string }{
	{"one in a handle", "tocsin\nhandle /login {\ntocsin\nerror 401\n}"},
	{"one in a handle_path", "tocsin\nhandle_path /login* {\ntocsin\nerror 401\n}"},
	{"one in a route", "tocsin\nroute /login {\ntocsin\nerror 401\n}"},
	{"three, one in the other", "tocsin\nhandle {\ntocsin\nhandle /login {\ntocsin\nerror 401\n}\n}"},
	{"two beside each other", "tocsin\ntocsin /login\nrespond 401"},
	{"two in one route", "route {\ntocsin\ntocsin\nrespond 401\n}"},
	{"one in each of two routes", "route {\ntocsin\n}\nroute {\ntocsin\n}\nrespond 401"},
	{"one in the error routes", "tocsin\nerror 401\nhandle_errors {\ntocsin\nrespond 401\n}"},
	{"one in the error routes of a handle", "handle {\ntocsin\nerror 401\n}\nhandle_errors {\ntocsin\nrespond 401\n}"},
	{"one behind a rewrite", "tocsin\nrewrite /login /in\nhandle /in {\ntocsin\nrespond 401\n}"},
	{"one in a route with a name", "tocsin\ninvoke shared"},
	{"the matcher", "@listed tocsin\ntocsin\nhandle @listed {\nabort\n}\nrespond 401"},
	{"a health check", "tocsin\nhandle /healthz {\ntocsin_ready\n}\nrespond 401"},
}

func TestARequestThatMeetsTheDirectiveTwiceCountsOnce(t *testing.T) {
	for _, row := range meetings {
		t.Run(row.name, func(t *testing.T) {
			h := newHost(t)
			h.list("list.txt", banned)
			h.load(globals("blocklist {DIR}/list.txt\nsnapshot off\nscenario logins {\nmatch {\npath /login\n}\nstatus 401\ncapacity 3\nleak 1h\nban 1h\n}") +
				"&(shared) {\nroute {\ntocsin\nrespond 401\n}\n}\nhttp://{ADDR} {\n" + row.site + "\n}")
			h.waitSynced()
			before := runningEngine(t).shared.rules.detector.Stats().Events
			for i := range 3 {
				if a := h.get(attacker, "/login"); a.status != http.StatusUnauthorized {
					t.Fatalf("login %d: status %d", i+1, a.status)
				}
				wait(t, func() error { return judgedAll(h, uint64(i+1)) })
			}
			if n := runningEngine(t).Stats().Alerts.Total; n != 0 {
				t.Errorf("%d alerts after 3 failures", n)
			}
			if n := runningEngine(t).shared.rules.detector.Stats().Events - before; n != 3 {
				t.Errorf("scenarios were asked about %d requests, want 3", n)
			}
			h.get(attacker, "/login")
			wait(t, func() error {
				if n := runningEngine(t).Stats().Alerts.Total; n != 1 {
					return fmt.Errorf("%d alerts after 4 failures", n)
				}
				return nil
			})
			if s := runningEngine(t).counters.answers()[0]; s.Processed != 4 || s.Stopped["ban"] != 0 {
				t.Errorf("checked %d, want 4; stopped %v", s.Processed, s.Stopped)
			}
			if a := h.get(attacker, "/login"); a.status != http.StatusForbidden {
				t.Errorf("after the ban: status %d", a.status)
			}
			if s := runningEngine(t).counters.answers()[0]; s.Processed != 5 || s.Stopped["ban"] != 1 {
				t.Errorf("checked %d, want 5; stopped %v", s.Processed, s.Stopped)
			}
		})
	}
}

// judgedAll says whether n responses were judged, and no more.
func judgedAll(h *host, n uint64) error {
	if got := runningEngine(h.t).Stats().Detect.Responses; got != n {
		return fmt.Errorf("%d responses were judged, want %d", got, n)
	}
	return nil
}

// What a row of TestTheInnermostDirectiveJudges sends: a path, from whom.
type knock struct{ from, path string }

func TestTheInnermostDirectiveJudges(t *testing.T) {
	const ok, refused = http.StatusOK, http.StatusForbidden
	for _, row := range []struct {
		name, outer, inner string
		knocks             []knock
		want               []int
		stopped, dry       uint64 // what is counted of them
		allowed            uint64
		alerts             uint64
	}{
		{
			"detect off inside: a trap", "", "detect off",
			[]knock{{attacker, "/in/trap"}, {attacker, "/in/trap"}, {attacker, "/"}},
			[]int{ok, ok, ok},
			0, 0, 0, 0,
		},
		{
			"detect off inside, and outside all the same", "", "detect off",
			[]knock{{attacker, "/trap"}, {attacker, "/in"}},
			[]int{refused, refused},
			2, 0, 0, 1,
		},
		{
			"detect off outside, on inside", "detect off", "",
			[]knock{{attacker, "/trap"}, {attacker, "/in/trap"}},
			[]int{ok, refused},
			1, 0, 0, 1,
		},
		{
			"dry_run outside, enforced inside", "dry_run", "",
			[]knock{{banned, "/"}, {banned, "/in"}},
			[]int{ok, refused},
			1, 1, 0, 0,
		},
		{
			"dry_run inside comes too late for a ban", "", "dry_run",
			[]knock{{banned, "/"}, {banned, "/in"}},
			[]int{refused, refused},
			2, 0, 0, 0,
		},
		{
			"dry_run inside for what is seen there", "", "dry_run",
			[]knock{{attacker, "/in/trap"}},
			[]int{ok},
			0, 1, 0, 1,
		},
		{
			"dry_run on both sides is counted once", "dry_run", "dry_run",
			[]knock{{banned, "/in"}},
			[]int{ok},
			0, 1, 0, 0,
		},
		{
			"allow outside, not inside", "allow " + banned, "",
			[]knock{{banned, "/"}, {banned, "/in"}},
			[]int{ok, refused},
			1, 0, 1, 0,
		},
		{
			"allow inside comes too late for a ban", "", "allow " + banned,
			[]knock{{banned, "/in"}},
			[]int{refused},
			1, 0, 0, 0,
		},
		{
			"who is allowed inside is not observed there", "", "allow " + attacker,
			[]knock{{attacker, "/in/trap"}, {attacker, "/in"}},
			[]int{ok, ok},
			0, 0, 0, 0,
		},
		{
			"who is allowed on both sides is counted once", "allow " + banned, "allow " + banned,
			[]knock{{banned, "/in"}},
			[]int{ok},
			0, 0, 1, 0,
		},
		{
			"without an option", "", "",
			[]knock{{banned, "/in"}, {attacker, "/in/trap"}, {attacker, "/in"}},
			[]int{refused, refused, refused},
			3, 0, 0, 1,
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			h := newHost(t)
			h.load(h.nested("", row.outer, row.inner))
			h.waitSynced()
			for i, k := range row.knocks {
				if a := h.get(k.from, k.path); a.status != row.want[i] {
					t.Errorf("request %d, %s from %s: status %d, want %d", i+1, k.path, k.from, a.status, row.want[i])
				}
			}
			s := runningEngine(t).counters.answers()[0]
			if s.Processed != uint64(len(row.knocks)) || s.Stopped["ban"] != row.stopped || s.DryRun != row.dry || s.Allowed != row.allowed {
				t.Errorf("checked %d, stopped %v, dry run %d, allowed %d; want %d, %d, %d, %d",
					s.Processed, s.Stopped, s.DryRun, s.Allowed, len(row.knocks), row.stopped, row.dry, row.allowed)
			}
			if n := runningEngine(t).Stats().Alerts.Total; n != row.alerts {
				t.Errorf("%d alerts, want %d", n, row.alerts)
			}
		})
	}
}

// Of several directives in one block the first on the path decides: Caddy sorts the
// longest path first.
func TestTheMostSpecificDirectiveOfABlockJudges(t *testing.T) {
	h := newHost(t)
	h.list("list.txt", banned)
	h.load(globals("blocklist {DIR}/list.txt\nsnapshot off\n"+trap) +
		"http://{ADDR} {\ntocsin\ntocsin /lab/* {\ndry_run\n}\ntocsin /trap/api/* {\ndetect off\n}\nrespond ok\n}")
	h.waitSynced()
	for _, k := range []struct {
		knock
		want int
	}{
		{knock{banned, "/lab/a"}, http.StatusOK},
		{knock{banned, "/"}, http.StatusForbidden},
		{knock{attacker, "/trap/api/a"}, http.StatusOK},
		{knock{attacker, "/"}, http.StatusOK},
		{knock{attacker, "/trap/a"}, http.StatusForbidden},
	} {
		if a := h.get(k.from, k.path); a.status != k.want {
			t.Errorf("%s from %s: status %d, want %d", k.path, k.from, a.status, k.want)
		}
	}
}

// A rewrite in between can lead past the inner directive. Then the outer directive does
// what it had left to the inner one.
func TestWhatAnInnerDirectiveDoesNotJudgeIsMadeUpFor(t *testing.T) {
	h := newHost(t)
	h.list("list.txt", banned)
	h.load(globals("blocklist {DIR}/list.txt\nsnapshot off\n"+trap) + "http://{ADDR} {\ntocsin {\nallow 198.51.100.1\n}\n" +
		"rewrite /trap/* /elsewhere\nhandle /trap/* {\ntocsin {\ndetect off\n}\n}\nhandle {\nrespond ok\n}\n}")
	h.waitSynced()
	if a := h.get(banned, "/trap/a"); a.status != http.StatusForbidden {
		t.Errorf("a banned client: status %d", a.status)
	}
	if a := h.get(attacker, "/trap/a"); a.status != http.StatusOK {
		t.Errorf("the first request: status %d", a.status)
	}
	if a := h.get(attacker, "/"); a.status != http.StatusForbidden {
		t.Errorf("the second: status %d", a.status)
	}
}

func TestAChallengeIsPassedOnceForAllDirectives(t *testing.T) {
	visit := func(h *host, path, cookie string) answer {
		r := h.request(http.MethodGet, suspect, path)
		r.Header.Set("Accept", "text/html")
		r.Header.Set("Cookie", cookie)
		a, err := h.do(r)
		if err != nil {
			h.t.Fatal(err)
		}
		return a
	}
	for _, row := range []struct {
		name, outer, inner string
		challenged         string // where the challenge stands
		passed             int    // what a pass leads to inside
	}{
		{"on both sides", "", "", "/", http.StatusOK},
		{"inside alone, by dry_run", "dry_run", "", "/in", http.StatusOK},
		{"inside alone, by allow", "allow " + suspect, "", "/in", http.StatusOK},
		{"off inside: a pass counts there all the same", "", "challenge off", "/", http.StatusOK},
	} {
		t.Run(row.name, func(t *testing.T) {
			h := newHost(t)
			h.load(h.nested("challenge pow {\nlevel low\n}", row.outer, row.inner))
			h.waitSynced()
			page := visit(h, row.challenged, "")
			if page.header.Get("X-Tocsin") != "challenge" {
				t.Fatalf("no challenge: status %d, %v", page.status, page.header)
			}
			cookie := h.solveAt(page.body, row.challenged)
			if cookie == "" {
				t.Fatal("no pass")
			}
			a := visit(h, "/in", cookie)
			if a.status != row.passed || a.status == http.StatusOK && a.body != "in:passed" {
				t.Errorf("with a pass: status %d, %q", a.status, a.body)
			}
			if a := visit(h, "/in", ""); a.status != http.StatusForbidden {
				t.Errorf("without: status %d", a.status)
			}
			if n := runningEngine(t).counters.answers()[0].Passed; n != 1 {
				t.Errorf("%d requests passed, want 1", n)
			}
		})
	}
}

// The directive that stops a request shows its own page.
func TestThePageIsThatOfTheDirectiveThatStops(t *testing.T) {
	h := newHost(t)
	h.load(h.nested("", "title Outside", "title Inside"))
	h.waitSynced()
	for _, k := range []struct {
		knock
		want string
	}{{knock{banned, "/in"}, "Outside"}, {knock{attacker, "/in/trap"}, "Inside"}, {knock{"198.51.100.67", "/trap"}, "Outside"}} {
		r := h.request(http.MethodGet, k.from, k.path)
		r.Header.Set("Accept", "text/html")
		if a, err := h.do(r); err != nil || !strings.Contains(a.body, k.want) {
			t.Errorf("%s from %s: want %q in %.200q, %v", k.path, k.from, k.want, a.body, err)
		}
	}
}

// The outer directive has a request inspected before an inner one is met.
func TestAppSecIsAskedOnceWhateverTheInnerDirectiveSays(t *testing.T) {
	for _, row := range []struct {
		outer, inner string
		want         int
		asked        int
	}{
		{"", "", http.StatusOK, 1},
		{"", "appsec off", http.StatusOK, 1},
		{"appsec off", "", http.StatusOK, 1},
		{"appsec off", "appsec off", http.StatusOK, 0},
	} {
		t.Run(row.outer+"/"+row.inner, func(t *testing.T) {
			h := newHost(t)
			waf := appsectest.Start(t, nil)
			h.load(h.nested("appsec "+waf.URL+" "+appsectest.Key+" {\ntimeout 30s\n}", row.outer, row.inner))
			h.waitSynced()
			waf.Forget()
			if a := h.get(attacker, "/in"); a.status != row.want {
				t.Errorf("status %d, want %d", a.status, row.want)
			}
			if n := len(waf.Asked()); n != row.asked {
				t.Errorf("asked %d times, want %d", n, row.asked)
			}
		})
	}
}

// The page of a stopped request has the reference that stands in the log, once.
func TestAStopThatErrorRoutesAnswerIsLoggedOnce(t *testing.T) {
	h := newHost(t)
	h.list("list.txt", banned)
	h.load(strings.Replace(globals("blocklist {DIR}/list.txt\nsnapshot off"), "output discard", "output file {DIR}/log {\nroll_disabled\n}", 1) +
		"http://{ADDR} {\ntocsin\nrespond ok\nhandle_errors {\ntocsin\nrespond sorry\n}\n}")
	h.waitSynced()
	a := h.get(banned, "/")
	_, ref, _ := strings.Cut(a.body, "Reference: ")
	ref, _, _ = strings.Cut(ref, "\n")
	if a.status != http.StatusForbidden || ref == "" {
		t.Fatalf("status %d, %q", a.status, a.body)
	}
	wait(t, func() error { return logged(h, "log", "request stopped", ref) })
	if s := runningEngine(t).counters.answers()[0]; s.Processed != 1 || s.Stopped["ban"] != 1 {
		t.Errorf("checked %d, stopped %v", s.Processed, s.Stopped)
	}
}
