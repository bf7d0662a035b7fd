package api_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/community/api"
	"github.com/tocsin-project/tocsin/consensus"
)

const (
	someSignals = `{"signals":[{"address":"203.0.113.7","scenario":"crowdsecurity/http-probing","first":"2026-11-30T09:58:00Z","last":"2026-11-30T09:59:00Z","count":4}]}`
	anAlert     = `[{"scenario":"crowdsecurity/ssh-bf","scenario_hash":"","scenario_version":"","message":"m","events_count":6,"events":[],"capacity":5,"leakspeed":"10s",
		"simulated":false,"remediation":true,"start_at":"2026-11-30T09:58:00Z","stop_at":"2026-11-30T09:59:00Z","source":{"scope":"Ip","value":"203.0.113.7"}}]`
	usage = `{"remediation_components":[{"version":"v1","utc_startup_timestamp":1,"metrics":[]}],"log_processors":null}`
)

// L19: the rights of each kind of credentials, in a private and in a public community.
func TestWhoMayDoWhat(t *testing.T) {
	type row struct {
		method, target, body string
		// In the order of the callers below.
		want string
	}
	// no key, wrong key, reader's key, member's key, suspended key, reader's token, member's token, bad token
	rows := []row{
		{"GET", "/api/v1/list", "", "401 401 200 200 403 200 200 401"},
		{"GET", "/api/v1/list?after=0", "", "401 401 200 200 403 200 200 401"},
		{"POST", "/api/v1/signals", someSignals, "401 401 403 200 403 403 200 401"},
		{"GET", "/api/v1/questions", "", "401 401 403 200 403 403 200 401"},
		{"POST", "/api/v1/answers", `{"id":"q1","answers":[]}`, "401 401 403 200 403 403 200 401"},
		{"GET", "/api/v1/standing", "", "401 401 403 200 403 403 200 401"},
		{"GET", "/lists/ban.txt", "", "401 401 200 200 403 200 200 401"},
		{"HEAD", "/lists/captcha.txt", "", "401 401 200 200 403 200 200 401"},
		{"GET", "/lists/behaviour/http:bruteforce.txt", "", "401 401 200 200 403 200 200 401"},
		{"GET", "/lists/tor.txt", "", "401 401 200 200 403 200 200 401"},
		{"GET", "/lists/scanners.txt", "", "401 401 200 200 403 200 200 401"},
		// Bouncers show API keys only, machines and engines tokens only.
		{"GET", "/v1/decisions?ip=192.0.2.1", "", "403 403 200 200 403 403 403 403"},
		{"GET", "/v1/decisions/stream?startup=true", "", "403 403 200 200 403 403 403 403"},
		{"HEAD", "/v1/decisions/stream", "", "403 403 200 200 403 403 403 403"},
		{"POST", "/v1/usage-metrics", usage, "403 403 201 201 403 201 201 401"},
		{"POST", "/v1/alerts", anAlert, "401 401 401 401 401 403 201 401"},
		{"GET", "/v1/alerts", "", "401 401 401 401 401 200 200 401"},
		{"GET", "/v1/heartbeat", "", "401 401 401 401 401 200 200 401"},
		{"GET", "/v1/allowlists", "", "401 401 401 401 401 200 200 401"},
		{"DELETE", "/v1/decisions?ip=192.0.2.1", "", "401 401 401 401 401 403 403 401"},
		{"DELETE", "/v1/decisions/7", "", "401 401 401 401 401 403 403 401"},
		{"GET", "/v3/decisions/stream?startup=true", "", "401 401 401 401 401 200 200 401"},
		{"GET", "/v2/decisions/stream?startup=true", "", "401 401 401 401 401 200 200 401"},
		{"POST", "/v3/signals", anAlert, "401 401 401 401 401 403 200 401"},
		{"POST", "/v2/signals", anAlert, "401 401 401 401 401 403 200 401"},
		{"POST", "/v3/metrics/", "{}", "401 401 401 401 401 200 200 401"},
		{"POST", "/v3/usage-metrics", "{}", "401 401 401 401 401 200 200 401"},
		{"POST", "/v3/decisions/delete", "[]", "401 401 401 401 401 200 200 401"},
		{"POST", "/v3/watchers/enroll", "{}", "401 401 401 401 401 501 501 401"},
		{"GET", "/healthz", "", "200 200 200 200 200 200 200 200"},
		{"GET", "/health", "", "200 200 200 200 200 200 200 200"},
		{"GET", "/robots.txt", "", "200 200 200 200 200 200 200 200"},
	}
	for _, public := range []bool{false, true} {
		c := newCentre()
		c.about.Public = public
		d := openAt(t, c)
		readers, members := d.token("reader"), d.token("member")
		for _, row := range rows {
			want := row.want
			if public && (strings.HasPrefix(row.target, "/lists/") || strings.HasPrefix(row.target, "/api/v1/list")) {
				want = "200" + want[3:]
			}
			var got []string
			for _, headers := range [][]header{
				nil,
				{key("wrong")},
				{key("reader-key")},
				{key("member-key")},
				{key("suspended-key")},
				{bearer(readers)},
				{bearer(members)},
				{bearer(members + "x")},
			} {
				w := d.do(row.method, row.target, row.body, headers...)
				got = append(got, fmt.Sprint(w.Code))
				if w.Code >= 400 && row.method != "HEAD" {
					status(t, row.target, w, w.Code)
				}
			}
			equal(t, fmt.Sprintf("%s %s, public: %v", row.method, row.target, public), strings.Join(got, " "), want)
		}
	}
}

// L19: a community for some countries tells programs elsewhere nothing, whatever they show.
func TestACommunityOfSomeCountries(t *testing.T) {
	c := newCentre()
	c.about.Public = true
	home := netip.MustParsePrefix("192.0.2.0/24")
	d := openAt(t, c, func(cfg *apiConfig) { cfg.ClientIP, cfg.Admits = clientOf, home.Contains })
	token := bearer(openAt(t, c).token("member")) // all servers of the community accept it
	for _, row := range []struct {
		method, target, body string
		header               header
		want                 int // at home
		open                 bool
	}{
		{"GET", "/api/v1/list", "", key("member-key"), 200, false},
		{"GET", "/lists/ban.txt", "", header{"X-No", "key"}, 200, false},
		{"GET", "/v1/decisions/stream?startup=true", "", key("reader-key"), 200, false},
		{"GET", "/v1/decisions?ip=192.0.2.1", "", key("reader-key"), 200, false},
		{"GET", "/v3/decisions/stream?startup=true", "", token, 200, false},
		{"GET", "/v2/decisions/stream?startup=true", "", token, 200, false},
		{"POST", "/api/v1/signals", someSignals, key("member-key"), 200, false},
		{"POST", "/v1/watchers/login", `{"machine_id":"member","password":"member-password"}`, header{"X-No", "key"}, 200, false},
		{"GET", "/healthz", "", header{"X-No", "key"}, 200, true},
		{"GET", "/robots.txt", "", header{"X-No", "key"}, 200, true},
	} {
		for _, from := range []string{"192.0.2.1", "198.51.100.1", "unknown"} {
			want := row.want
			if from != "192.0.2.1" && !row.open {
				want = 403
			}
			status(t, row.target+" from "+from, d.do(row.method, row.target, row.body, row.header, header{"X-Client", from}), want)
		}
	}
}

func TestCredentials(t *testing.T) {
	d := open(t)
	token := d.token("member")
	basic := header{"Authorization", "Basic eDptZW1iZXIta2V5"} // x:member-key
	for _, row := range []struct {
		name    string
		headers []header
		want    int
	}{
		{"an API key", []header{key("member-key")}, 200},
		{"an API key as Bearer token", []header{bearer("member-key")}, 200},
		{"a bare API key", []header{{"Authorization", "member-key"}}, 200},
		{"an API key as a password", []header{basic}, 200},
		{"a token", []header{bearer(token)}, 200},
		{"a token with bearer in lower case", []header{{"Authorization", "bearer " + token}}, 200},
		{"a bare token", []header{{"Authorization", token}}, 200},
		{"an empty token", []header{{"Authorization", "Bearer "}}, 401},
		{"another scheme", []header{{"Authorization", "Digest " + token}}, 401},
		{"two dots that are no token", []header{bearer("a.b.c")}, 401},
	} {
		status(t, row.name, d.get("/api/v1/standing", row.headers...), row.want)
	}
}

// A token is JSON that engines read: it ends, and belongs to no organization. It holds after a
// restart, and no longer than the account.
func TestTokens(t *testing.T) {
	d := open(t)
	w := d.do("POST", "/v3/watchers/login", `{"machine_id":"member","password":"member-password","scenarios":["a/b"]}`, bearer(""))
	var p struct {
		Code          int
		Expire, Token string
	}
	read(t, d.body(w), &p)
	until, err := time.Parse(time.RFC3339, p.Expire)
	if err != nil || !until.Equal(start.Add(time.Hour)) || p.Code != 200 {
		t.Errorf("a login gives %+v (%v)", p, err)
	}
	claims := claimsOf(t, p.Token)
	equal(t, "claims", claims, `{"exp":1796036400,"iat":1796032800,"id":"member","proof":""}`)

	again := openAt(t, d.centre)
	stream := "/v3/decisions/stream"
	status(t, "after a restart", again.get(stream, bearer(p.Token)), 200)
	status(t, "bare", again.get(stream, header{"Authorization", p.Token}), 200)
	d.centre.pass(time.Hour - time.Second)
	status(t, "just before its end", d.get(stream, bearer(p.Token)), 200)
	d.centre.pass(time.Second)
	status(t, "after its end", d.get(stream, bearer(p.Token)), 401)

	token := d.token("member")
	d.centre.accounts["member"].suspended = true
	status(t, "of a suspended member", d.get(stream, bearer(token)), 403)
	delete(d.centre.accounts, "member")
	status(t, "of an account that is gone", d.get(stream, bearer(token)), 401)
}

func TestTokensOfOthers(t *testing.T) {
	d := open(t)
	good := d.token("member")
	head, rest, _ := strings.Cut(good, ".")
	payload, sign, _ := strings.Cut(rest, ".")
	for name, token := range map[string]string{
		"none as the algorithm": encode(`{"alg":"none","typ":"JWT"}`) + "." + payload + ".",
		"another algorithm":     encode(`{"alg":"HS512","typ":"JWT"}`) + "." + payload + "." + sign,
		"other claims":          head + "." + encode(`{"exp":1996040000,"id":"member"}`) + "." + sign,
		"without an end":        signed(t, `{"id":"member"}`),
		"without a login":       signed(t, `{"exp":1996040000}`),
		"cut":                   good[:len(good)-3],
	} {
		status(t, name, d.get("/v3/decisions/stream", bearer(token)), 401)
	}
	status(t, "signed as we do", d.get("/v3/decisions/stream", bearer(signed(t, `{"exp":1996040000,"id":"member"}`))), 200)
}

func TestLogins(t *testing.T) {
	d := open(t)
	for _, row := range []struct {
		body           string
		local, central int
	}{
		{`{"machine_id":"member","password":"member-password"}`, 200, 200},
		{`{"machine_id":"member","password":"x"}`, 401, 403},
		{`{"machine_id":"nobody","password":"x"}`, 401, 403},
		{`{"machine_id":"suspended","password":"suspended-password"}`, 403, 403},
		{`{"machine_id":"member"}`, 400, 400},
		{`{}`, 400, 400},
		{`{`, 400, 400},
		{`[]`, 400, 400},
		{`{"machine_id":7,"password":"x"}`, 400, 400},
		{`{"machine_id":"storm","password":"x"}`, 429, 429},
	} {
		for target, want := range map[string]int{"/v1/watchers/login": row.local, "/v2/watchers/login": row.central, "/v3/watchers/login": row.central} {
			status(t, target+" "+row.body, d.do("POST", target, row.body), want)
		}
	}
	w := d.do("POST", "/v1/watchers/login", `{"machine_id":"member","password":"x"}`)
	equal(t, "a wrong password", w.Body.String(), `{"code":401,"message":"incorrect Username or Password"}`)
	w = d.do("POST", "/v3/watchers/login", `{"machine_id":"storm","password":"x"}`)
	equal(t, "Retry-After", w.Header().Get("Retry-After"), "90")

	token := d.token("member")
	var p struct{ Token string }
	read(t, d.body(d.get("/v1/refresh_token", bearer(token))), &p)
	status(t, "a refreshed token", d.get("/v1/heartbeat", bearer(p.Token)), 200)
}

// CrowdSec programs make themselves members by an invitation, and by nothing else.
func TestRegistration(t *testing.T) {
	d := open(t)
	for _, row := range []struct {
		name, target, body string
		want               int
	}{
		{"no invitation", "/v3/watchers", `{"machine_id":"abc","password":"p"}`, 403},
		{"no such invitation", "/v3/watchers", `{"machine_id":"abc","password":"p","registration_token":"x,2026-11"}`, 403},
		{"terms not accepted", "/v3/watchers", `{"machine_id":"abc","password":"p","registration_token":"invitation"}`, 403},
		{"old terms", "/v3/watchers", `{"machine_id":"abc","password":"p","registration_token":"invitation,2025-01"}`, 403},
		{"of version 3", "/v3/watchers", `{"machine_id":"abc","password":"p","registration_token":"invitation,2026-11"}`, 200},
		{"of version 2", "/v2/watchers", `{"machine_id":"def","password":"p","registration_token":"invitation,2026-11"}`, 200},
		{"of the Local API", "/v1/watchers", `{"machine_id":"ghi","password":"p","registration_token":"invitation,2026-11"}`, 202},
		{"a login that is taken", "/v1/watchers", `{"machine_id":"ghi","password":"q","registration_token":"invitation,2026-11"}`, 403},
		{"no JSON", "/v1/watchers", `x`, 400},
	} {
		status(t, row.name, d.do("POST", row.target, row.body), row.want)
	}
	w := d.do("POST", "/v3/watchers", `{"machine_id":"abc","password":"p","registration_token":"invitation"}`)
	if !strings.Contains(w.Body.String(), "INVITATION,2026-11") || !strings.Contains(w.Body.String(), site+"/terms") {
		t.Errorf("who did not accept the terms is not told how: %s", w.Body)
	}
	status(t, "a login with the new credentials", d.do("POST", "/v3/watchers/login", `{"machine_id":"abc","password":"p"}`), 200)
}

func TestUnknownPathsAndMethods(t *testing.T) {
	d := open(t)
	for _, row := range []struct {
		method, target string
		want           int
	}{
		{"GET", "/", 404},
		{"GET", "/v1/nothing", 404},
		{"GET", "/v3/decisions", 404},
		{"GET", "/v1/permissions", 404},
		{"PUT", "/v1/decisions/stream", 405},
		{"GET", "/api/v1/signals", 405},
		{"SCRIPT", "/api/v1/signals", 405},
		{"POST", "/lists/ban.txt", 405},
		{"GET", "/lists/other.txt", 404},
	} {
		status(t, row.method+" "+row.target, d.do(row.method, row.target, "", key("member-key")), row.want)
	}
	w := d.do("SCRIPT", "/api/v1/signals", "")
	if strings.Contains(w.Body.String(), "SCRIPT") || w.Header().Get("Allow") != "POST" {
		t.Errorf("an unknown method: %v %s", w.Header(), w.Body)
	}
}

func TestHeadersOfAllAnswers(t *testing.T) {
	d := open(t)
	d.centre.put("192.0.2.1", consensus.Ban, time.Hour)
	for _, target := range []string{"/", "/healthz", "/robots.txt", "/lists/ban.txt", "/v1/decisions/stream?startup=true", "/api/v1/list", "/v3/signals"} {
		w := d.get(target, key("member-key"))
		equal(t, target, w.Header().Get("X-Robots-Tag"), "noindex, nofollow")
		equal(t, target, w.Header().Get("X-Content-Type-Options"), "nosniff")
		if c := w.Header().Get("Cache-Control"); c != "no-store" && c != "private, no-cache" {
			t.Errorf("%s may be kept by others: %q", target, c)
		}
	}
}

func TestHealth(t *testing.T) {
	d := open(t)
	equal(t, "a centre that works", d.body(d.get("/healthz")),
		`{"status":"up","purged":"2026-11-30T10:00:00Z","open_cases":0,"late_cases":0}`)
	d.centre.pass(5 * time.Second)
	d.centre.health = community.Health{Problems: []string{"old data were not deleted for 27 h", "the store cannot write"}, Late: 2, Open: 3}
	w := d.get("/healthz")
	status(t, "a centre that fails", w, http.StatusServiceUnavailable)
	equal(t, "a centre that fails", w.Body.String(), `{"status":"failing","message":"old data were not deleted for 27 h; the store cannot write",`+
		`"reasons":["old data were not deleted for 27 h","the store cannot write"],"open_cases":3,"late_cases":2}`)
}

// A browser that showed a list sends the key with the forms of any page.
func TestFormsOfOtherSitesAreRefused(t *testing.T) {
	d := open(t)
	basic := header{"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte("x:member-key"))}
	for _, row := range []struct {
		name    string
		headers []header
		want    int
	}{
		{"a program", nil, 200},
		{"a page of another site", []header{{"Sec-Fetch-Site", "cross-site"}}, 403},
		{"an old browser", []header{{"Origin", "https://evil.example"}}, 403},
		{"a page of this site", []header{{"Sec-Fetch-Site", "same-origin"}}, 200},
	} {
		w := d.do("POST", "/api/v1/signals", someSignals, append(row.headers, basic)...)
		status(t, row.name, w, row.want)
	}
	d.body(d.get("/lists/ban.txt", basic, header{"Sec-Fetch-Site", "cross-site"})) // a link
}

// A check writes to the database, and anybody may ask.
func TestManyWhoAskForTheHealthCostOneCheck(t *testing.T) {
	d := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for n, row := range []struct {
		ctx    context.Context
		pass   time.Duration
		checks int
	}{
		{ctx, 0, 1}, // a client that has gone
		{t.Context(), 0, 1},
		{t.Context(), 4 * time.Second, 1},
		{t.Context(), time.Second, 2},
		{t.Context(), -time.Hour, 3}, // the clock was set back
	} {
		d.centre.pass(row.pass)
		w := httptest.NewRecorder()
		d.handler.ServeHTTP(w, httptest.NewRequestWithContext(row.ctx, "GET", "/healthz", http.NoBody))
		status(t, "health", w, http.StatusOK)
		equal(t, fmt.Sprint("checks after request ", n), d.centre.checks, row.checks)
	}
}

// Callers learn that a store fails; the operator also learns the reason.
func TestStoreThatFails(t *testing.T) {
	d := open(t)
	token := d.token("member")
	d.centre.put("192.0.2.1", consensus.Ban, time.Hour)
	d.get("/v1/decisions/stream?startup=true", key("member-key"))
	d.centre.err = errStore
	for _, w := range []struct {
		name string
		code int
	}{
		{"signals", d.do("POST", "/v3/signals", anAlert, bearer(token)).Code},
		{"alerts", d.do("POST", "/v1/alerts", anAlert, bearer(token)).Code},
		{"native signals", d.do("POST", "/api/v1/signals", someSignals, key("member-key")).Code},
		{"a delta", d.get("/v1/decisions/stream", key("member-key")).Code},
		{"a login", d.do("POST", "/v1/watchers/login", `{"machine_id":"member","password":"p"}`).Code},
	} {
		equal(t, w.name, w.code, http.StatusServiceUnavailable)
	}
	w := d.do("POST", "/v3/signals", anAlert, bearer(token))
	equal(t, "Retry-After", w.Header().Get("Retry-After"), "30")
	if strings.Contains(w.Body.String(), "disk") {
		t.Errorf("a caller is told what is wrong inside: %s", w.Body)
	}
	if n := d.logs.FilterMessage("a request failed").Len(); n == 0 {
		t.Error("the operator is not told")
	}
}

func TestNewNeedsACentre(t *testing.T) {
	if _, err := api.New(api.Config{}); err == nil || !strings.Contains(err.Error(), "set Centre") {
		t.Errorf("without a centre: %v", err)
	}
}

// Other pages of the same site have all other paths.
func TestServes(t *testing.T) {
	for path, want := range map[string]bool{
		"/api/v1/list": true, "/v1/decisions": true, "/v2/signals": true, "/v3/signals": true, "/lists/ban.txt": true,
		"/healthz": true, "/health": true, "/robots.txt": true,
		"/": false, "/v1": false, "/v4/signals": false, "/api/v2/list": false, "/terms": false, "/healthz/x": false, "/lists": false,
	} {
		equal(t, path, api.Serves(path), want)
	}
}
