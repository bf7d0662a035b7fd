package lapitest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

func realClient(t *testing.T, s *RealServer) *client {
	t.Helper()
	// No idle connection may outlive the test.
	tr := &http.Transport{DisableKeepAlives: true}
	return &client{t: t, http: &http.Client{Transport: tr}, url: s.URL, key: s.Key}
}

func TestRealServer(t *testing.T) {
	s := Real(t)
	c := realClient(t, s)
	c.pull("startup=true")

	s.Ban("192.0.2.1", "4h")
	s.Decide("192.0.2.1", "captcha", "1h")
	s.Ban("198.51.100.0/24", "4h")
	expect(t, c.pull(""), "ban 192.0.2.1, ban 198.51.100.0/24, captcha 192.0.2.1", "")

	s.Delete("198.51.100.0/24")
	expect(t, c.pull(""), "", "ban 198.51.100.0/24")

	s.Ban("192.0.2.0/24", "4h")
	s.Delete("192.0.2.1")
	expect(t, c.pull("startup=true"), "ban 192.0.2.0/24", "ban 192.0.2.1, ban 198.51.100.0/24, captcha 192.0.2.1")
}

func TestRealServerSurvivesKill(t *testing.T) {
	s := Real(t)
	c := realClient(t, s)
	s.Ban("192.0.2.1", "4h")
	s.Kill()
	if resp, err := c.http.Get(s.URL + "/health"); err == nil {
		resp.Body.Close()
		t.Error("a killed server answers")
	}
	s.Restart()
	expect(t, c.pull("startup=true"), "ban 192.0.2.1", "")
	s.Restart()
	expect(t, c.pull("startup=true"), "ban 192.0.2.1", "")
}

func TestRealServerKeysAndDatabase(t *testing.T) {
	s := Real(t)
	c := realClient(t, s)
	s.AddBouncer("second", "another-key")
	c.key = "another-key"
	c.pull("startup=true")
	s.DeleteBouncer("second")
	if a := c.get("/v1/decisions/stream"); a.status != http.StatusForbidden {
		t.Errorf("with a deleted key: status %d, want 403", a.status)
	}
	s.Ban("192.0.2.1", "4h")
	s.DropDatabase("new-key")
	if a := realClientWith(t, s, DefaultKey).get("/v1/decisions/stream"); a.status != http.StatusForbidden {
		t.Errorf("with a key of the dropped database: status %d, want 403", a.status)
	}
	expect(t, realClientWith(t, s, "new-key").pull("startup=true"), "", "")
	s.Ban("192.0.2.2", "4h") // the machine is known again
	expect(t, realClientWith(t, s, s.Key).pull("startup=true"), "ban 192.0.2.2", "")
}

func realClientWith(t *testing.T, s *RealServer, key string) *client {
	t.Helper()
	c := realClient(t, s)
	c.key = key
	return c
}

func TestFindCrowdsec(t *testing.T) {
	folder := t.TempDir()
	t.Setenv(folderEnv, folder)
	if _, err := findCrowdsec(); err == nil || errors.Is(err, errNoCrowdsec) || !strings.Contains(err.Error(), folderEnv) {
		t.Errorf("an empty %s gives %v, want an error that names it", folderEnv, err)
	}
	for _, f := range []string{"usr/bin/crowdsec", "usr/bin/cscli", "usr/lib/some-arch/libsqlite3.so.0"} {
		f = filepath.Join(folder, f)
		if err := os.MkdirAll(filepath.Dir(f), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(f, nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	p, err := findCrowdsec()
	if err != nil {
		t.Fatal(err)
	}
	if env := strings.Join(p.env, "\n"); !strings.Contains(env, "LD_LIBRARY_PATH="+folder+"/usr/lib/some-arch") {
		t.Error("a library unpacked with the package is not used")
	}

	t.Setenv(folderEnv, "")
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("PATH", "")
	if _, err := findCrowdsec(); !errors.Is(err, errNoCrowdsec) {
		t.Errorf("without CrowdSec anywhere: %v, want %v", err, errNoCrowdsec)
	}
}

// A step of the conversation that both servers must answer alike.
type step struct{ method, path, body string }

// TestFakeAnswersLikeTheRealServer has one conversation with both servers and
// compares status, type and body. Ids must be the same, times must not.
func TestFakeAnswersLikeTheRealServer(t *testing.T) {
	real := Real(t)
	fake := Start(t, Config{Generation: real.Generation()})
	rc, fc := realClient(t, real), newClient(t, fake)
	rc.login()
	fc.login()
	for i, s := range conversation() {
		want, got := rc.do(s.method, s.path, s.body), fc.do(s.method, s.path, s.body)
		if got.status != want.status {
			t.Errorf("step %d: %s %s: status %d, really %d", i, s.method, s.path, got.status, want.status)
		}
		if g, w := got.header.Get("Content-Type"), want.header.Get("Content-Type"); g != w {
			t.Errorf("step %d: %s %s: type %q, really %q", i, s.method, s.path, g, w)
		}
		if g, w := timeless(got.body), timeless(want.body); g != w {
			t.Errorf("step %d: %s %s\n  fake: %s\n  real: %s", i, s.method, s.path, g, w)
		}
	}
}

func conversation() []step {
	const (
		all  = "/v1/decisions/stream?startup=true"
		next = "/v1/decisions/stream"
	)
	get := func(path string) step { return step{"GET", path, ""} }
	push := func(decisions ...string) step {
		return step{"POST", "/v1/alerts", "[" + alertJSON("203.0.113.7", decisions...) + "]"}
	}
	return []step{
		get("/health"), get(all), get(next), get("/v1/nothing"),
		{"PUT", next, ""},
		// One identity, three ends, two origins; a captcha beside it; twins.
		push(decisionJSON("Ip", "192.0.2.1", "ban", "300h", "a"), decisionJSON("Ip", "192.0.2.1", "ban", "400h", "b"),
			decisionJSON("Ip", "192.0.2.1", "captcha", "100h", "b"), decisionJSON("Ip", "192.0.2.2", "ban", "200h", "a"),
			decisionJSON("Ip", "192.0.2.2", "ban", "200h", "b")),
		get(next), get(next), get(all), get(all + "&dedup=false"), get(all + "&dedup=FALSE"),
		get(all + "&origins=a"), get(all + "&origins=a&dedup=false"), get(all + "&origins=a,b"), get(all + "&origins=A"),
		// Ranges, other scopes, odd ones.
		push(decisionJSON("Range", "198.51.100.0/24", "ban", "110h", "a"), decisionJSON("Range", "2001:db8::/32", "captcha", "120h", "a"),
			decisionJSON("Ip", "2001:db8::1", "ban", "130h", "a"), decisionJSON("Country", "FR", "ban", "140h", "a"),
			decisionJSON("AS", "64496", "ban", "150h", "a"), decisionJSON("username", "bob", "throttle", "160h", "a"),
			decisionJSON("Ip", "203.0.113.0/25", "ban", "170h", "a")),
		get(next), get(all + "&scopes=ip"), get(all + "&scopes=RANGE"), get(all + "&scopes=ip,range,country,as,username"),
		get(all + "&scope=country"), get(all + "&type=captcha"), get(all + "&value=bob"),
		get(all + "&scenarios_containing=ACME"), get(all + "&scenarios_not_containing=acme"),
		get(all + "&community_pull=false&additional_pull=false"), get(all + "&contains=banana"), get(all + "&ip=banana"),
		get("/v1/decisions?ip=198.51.100.7"), get("/v1/decisions?ip=192.0.2.99"), get("/v1/decisions?ip=2001:db8::1"),
		get("/v1/decisions?range=198.51.100.0/25"), get("/v1/decisions?range=198.51.100.0/23"), get("/v1/decisions?range=198.51.0.0/16"),
		get("/v1/decisions?range=198.51.0.0/16&contains=false"), get("/v1/decisions?ip=banana"),
		get("/v1/decisions?ip=192.0.2.1&contains=banana"), get("/v1/decisions?scopes=country"),
		get("/v1/decisions?scope=country&value=FR"),
		{"HEAD", "/v1/decisions", ""},
		{"HEAD", next, ""},
		// Ends: one behind another, the survivor, all of a value, over again.
		{"DELETE", "/v1/decisions/2", ""},
		get(next),
		{"DELETE", "/v1/decisions/1", ""},
		get(all),
		{"DELETE", "/v1/decisions?value=192.0.2.2", ""},
		get(all), get(all + "&dedup=false&scopes=ip&value=192.0.2.2"),
		{"DELETE", "/v1/decisions?value=192.0.2.2", ""},
		{"DELETE", "/v1/decisions/1", ""},
		{"DELETE", "/v1/decisions/99", ""},
		{"DELETE", "/v1/decisions/x", ""},
		{"DELETE", "/v1/decisions?ip=198.51.100.7", ""},
		get(all),
		{"DELETE", "/v1/decisions?scope=Ip", ""},
		{"DELETE", "/v1/decisions?scopes=country", ""},
		{"DELETE", "/v1/decisions?scopes=Country", ""},
		// Alerts that profiles turn into a ban, and bad ones.
		push(), get("/v1/decisions?ip=203.0.113.7"),
		{"POST", "/v1/alerts", "[]"},
		{"POST", "/v1/alerts", "[{}]"},
		push(decisionJSON("Ip", "192.0.2.3", "ban", "banana", "a")), push(decisionJSON("Ip", "banana", "ban", "4h", "a")),
		push(decisionJSON("Ip", "192.0.2.4", "ban", "-4h", "a")), get(all),
		// Alerts whose decision begins when they stop, one about a range, odd ones.
		{"POST", "/v1/alerts", "[" + alertOf("Ip", "203.0.113.20", time.Hour) + "," + alertOf("Ip", "203.0.113.21", 5*time.Hour) + "]"},
		{"POST", "/v1/alerts", "[" + alertOf("Range", "2001:db8:1:2::/64", 0) + "]"},
		get("/v1/decisions?ip=203.0.113.20"), get("/v1/decisions?ip=203.0.113.21"), get("/v1/decisions?ip=2001:db8:1:2::1"),
		{"POST", "/v1/alerts", ""},
		{"POST", "/v1/alerts", "[" + strings.Replace(alertOf("Ip", "203.0.113.22", 0), `"events":[]`, `"events":null`, 1) + "]"},
		{"POST", "/v1/alerts", "[" + strings.Replace(alertOf("Ip", "203.0.113.23", 0), `"remediation":true`, `"remediation":false`, 1) + "]"},
		get("/v1/decisions?ip=203.0.113.23"),
		// What older servers do not know, and scenarios that are only tried out.
		{"POST", "/v1/alerts", "[" + strings.Replace(alertOf("Ip", "203.0.113.24", 0), `"source":{`,
			`"kind":"crowdsec","labels":["x"],"source":{"cn":"FR","as_number":"64496","as_name":"Example",`, 1) + "]"},
		get("/v1/decisions?ip=203.0.113.24"),
		{"POST", "/v1/alerts", "[" + strings.Replace(alertOf("Ip", "203.0.113.25", 0), `"simulated":false`, `"simulated":true`, 1) + "]"},
		get("/v1/decisions?ip=203.0.113.25"),
		// Machines that register themselves.
		{"POST", "/v1/watchers", `{"machine_id":"edge","password":"secret"}`},
		{"POST", "/v1/watchers", `{"machine_id":"edge","password":"secret"}`},
		{"POST", "/v1/watchers", `{"machine_id":"token","password":"secret","registration_token":"unknown here"}`},
		{"POST", "/v1/watchers", `{"machine_id":"edge"}`},
		{"POST", "/v1/watchers", `{}`},
		{"POST", "/v1/watchers", `{`},
		{"POST", "/v1/watchers/login", `{"machine_id":"edge","password":"secret","scenarios":["acme/x"]}`},
		{"POST", "/v1/usage-metrics", "{}"},
		{"GET", "/v1/heartbeat", ""},
		{"POST", "/v1/watchers/login", `{"machine_id":"nobody","password":"x"}`},
		{"POST", "/v1/watchers/login", `{"machine_id":"testmachine","password":"x"}`},
		{"POST", "/v1/watchers/login", `{"machine_id":"testmachine"}`},
		{"POST", "/v1/watchers/login", `{`},
	}
}

func decisionJSON(scope, value, typ, duration, origin string) string {
	return fmt.Sprintf(`{"origin":%q,"type":%q,"scope":%q,"value":%q,"duration":%q,"scenario":"acme/%s"}`,
		origin, typ, scope, value, duration, origin)
}

func alertJSON(value string, decisions ...string) string {
	now := time.Now().UTC().Format(time.RFC3339)
	return fmt.Sprintf(`{"capacity":0,"events":[],"events_count":1,"leakspeed":"0s","message":"m","scenario":"acme/x",
		"scenario_hash":"","scenario_version":"","simulated":false,"remediation":true,
		"source":{"scope":"Ip","value":%q,"ip":%[1]q},"start_at":%q,"stop_at":%[2]q,"decisions":[%s]}`,
		value, now, strings.Join(decisions, ","))
}

// alertOf returns an alert without decisions that ended some time ago.
func alertOf(scope, value string, ago time.Duration) string {
	stop := time.Now().Add(-ago).UTC().Format(time.RFC3339)
	s := strings.Replace(alertJSON(value), `"scope":"Ip"`, fmt.Sprintf(`"scope":%q`, scope), 1)
	return s[:strings.LastIndex(s, `"stop_at"`)] + fmt.Sprintf(`"stop_at":%q}`, stop)
}

var uuid = regexp.MustCompile(`\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b`)

// timeless replaces each duration by whole hours, or by "over" if it is none, and what is
// random by its form.
func timeless(body string) string {
	var v any
	if json.Unmarshal([]byte(body), &v) != nil {
		return body
	}
	ds, _ := v.([]any)
	if m, ok := v.(map[string]any); ok {
		for _, k := range []string{"new", "deleted"} {
			l, _ := m[k].([]any)
			ds = append(ds, l...)
		}
	}
	for _, d := range ds {
		if d, ok := d.(map[string]any); ok {
			d["duration"] = hours(fmt.Sprint(d["duration"]))
		}
	}
	b, _ := json.Marshal(v)
	return uuid.ReplaceAllString(string(b), "a uuid")
}

func hours(duration string) string {
	d, err := time.ParseDuration(duration)
	switch {
	case err != nil:
		return "bad: " + duration
	case d <= 0:
		return "over"
	}
	return d.Round(time.Hour).String()
}
