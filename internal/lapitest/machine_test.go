package lapitest

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestAlerts(t *testing.T) {
	both(t, func(t *testing.T, s *Server, c *client) {
		c.login()
		post := func(alerts ...string) answer {
			return c.do(http.MethodPost, "/v1/alerts", "["+strings.Join(alerts, ",")+"]")
		}
		if a := post(alertJSON("192.0.2.1"), alertJSON("192.0.2.2")); a.status != http.StatusCreated || a.body != `["1","2"]` {
			t.Fatalf("%d %s", a.status, a.body)
		}
		expect(t, c.pull("startup=true"), "ban 192.0.2.1, ban 192.0.2.2", "")
		s.Allowlist(netip.MustParsePrefix("192.0.2.0/24"))
		if a := post(alertJSON("192.0.2.3"), alertJSON("198.51.100.1"), alertJSON("nonsense")); a.body != `["3"]` {
			t.Errorf("an alert about an address on the allow list or none at all is taken in: %s", a.body)
		}
		if a := post(alertJSON("192.0.2.4"), alertJSON("192.0.2.5", decisionJSON("Ip", "192.0.2.5", "ban", "soon", "x"))); a.status != http.StatusInternalServerError {
			t.Errorf("a bad duration gives %d, want 500", a.status)
		}
		if got := s.Alerts(); len(got) != 3 || got[0].Machine != DefaultMachine || !bytes.Contains(got[2].JSON, []byte("198.51.100.1")) {
			t.Errorf("%d alerts are remembered, want 3", len(got))
		}
		a := post(alertJSON("192.0.2.6", decisionJSON("Ip", "nonsense", "ban", "1h", "x")))
		if s.Generation() != Old && (a.status != http.StatusCreated || a.body != "[]") {
			t.Errorf("an alert whose only decision is nonsense gives %d %s, want 201 []", a.status, a.body)
		}
		a = post(alertJSON("192.0.2.7", decisionJSON("Ip", "192.0.2.7", "ban", "7d", "mine")))
		if a.status != http.StatusCreated {
			t.Fatalf("a decision of one's own gives %d %s", a.status, a.body)
		}
		if got := c.ask("ip=192.0.2.7"); len(got) != 1 || got[0].Origin != "mine" || got[0].left(t) < 167*time.Hour {
			t.Errorf("it became %v", got)
		}
	})
}

func TestTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := StartPipe(t, Config{})
		c := newClient(t, s)
		beat := func() int { return c.get("/v1/heartbeat").status }
		if got := beat(); got != http.StatusUnauthorized {
			t.Errorf("without a token: %d, want 401", got)
		}
		c.login()
		if got := beat(); got != http.StatusOK {
			t.Errorf("with a token: %d, want 200", got)
		}
		s.Restart()
		if got := beat(); got != http.StatusUnauthorized {
			t.Errorf("after a restart: %d, want 401", got)
		}
		c.login()
		pass(time.Hour)
		if got := beat(); got != http.StatusUnauthorized {
			t.Errorf("after an hour: %d, want 401", got)
		}
		s.AddMachine(DefaultMachine, "another")
		if a := c.do(http.MethodPost, "/v1/watchers/login", `{"machine_id":"`+DefaultMachine+`","password":"`+DefaultPassword+`"}`); a.status != http.StatusUnauthorized {
			t.Errorf("with a changed password: %d, want 401", a.status)
		}
	})
}

func TestAlertsOfTheWrongTypeAreRefused(t *testing.T) {
	both(t, func(t *testing.T, s *Server, c *client) {
		c.login()
		good := alertJSON("192.0.2.1")
		for _, bad := range []string{
			strings.Replace(good, `"capacity":0`, `"capacity":"0"`, 1),
			strings.Replace(good, `"leakspeed":"0s"`, `"leakspeed":10`, 1),
			strings.Replace(good, `"events":[]`, `"events":{}`, 1),
		} {
			if a := c.do(http.MethodPost, "/v1/alerts", "["+good+","+bad+"]"); a.status != http.StatusBadRequest {
				t.Errorf("%d %s for %s", a.status, a.body, bad)
			}
		}
		if n := len(s.Alerts()); n != 0 {
			t.Errorf("%d alerts out of refused batches", n)
		}
	})
}

func TestRegistration(t *testing.T) {
	const token = "registration-token-0123456789abcdef"
	body := func(name, token string) string {
		return fmt.Sprintf(`{"machine_id":%q,"password":"secret","registration_token":%q,"scenarios":["a/b"]}`, name, token)
	}
	for gen, want := range map[Generation][]int{Old: {201, 403, 201, 201, 500, 201}, New: {201, 403, 401, 202, 422, 422}} {
		s := Start(t, Config{Generation: gen, RegistrationToken: token})
		c := newClient(t, s)
		for i, in := range []string{body("a", ""), body("a", ""), body("b", "wrong-registration-token-0123456"), body("c", token), body("", ""), body("d", "short")} {
			if a := c.do(http.MethodPost, watchersPath, in); a.status != want[i] {
				t.Errorf("%s: status %d %s, want %d", in, a.status, a.body, want[i])
			}
		}
		login := func(name string) int { return c.do(http.MethodPost, watchersPath+"/login", body(name, "")).status }
		if got := login("a"); got != http.StatusUnauthorized {
			t.Errorf("a machine that nobody validated logs in: %d", got)
		}
		s.Validate("a")
		if got := login("a"); got != http.StatusOK || len(s.Scenarios("a")) != 1 {
			t.Errorf("a validated machine: %d, scenarios %q", got, s.Scenarios("a"))
		}
		if got := login("c"); (got == http.StatusOK) != (gen != Old) {
			t.Errorf("a machine with a token: %d", got)
		}
		s.RemoveMachine("a")
		if got := login("a"); got != http.StatusUnauthorized {
			t.Errorf("a removed machine: %d", got)
		}
	}
}

func TestGzippedRequests(t *testing.T) {
	both(t, func(t *testing.T, s *Server, c *client) {
		c.login()
		var body bytes.Buffer
		zw := gzip.NewWriter(&body)
		_, _ = fmt.Fprintf(zw, "[%s]", alertJSON("192.0.2.1"))
		_ = zw.Close()
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/v1/alerts", &body)
		req.Header.Set("Content-Encoding", "gzip")
		req.Header.Set("Authorization", "Bearer "+c.jwt)
		resp, err := c.http.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		want := http.StatusCreated
		if s.Generation() == Old {
			want = http.StatusBadRequest
		}
		if resp.StatusCode != want {
			t.Errorf("status %d, want %d", resp.StatusCode, want)
		}
	})
}

func TestUsageMetrics(t *testing.T) {
	const (
		metrics = `[{"meta":{"window_size_seconds":900,"utc_now_timestamp":1},"items":[{"name":"dropped","value":0,"unit":"request","labels":{"origin":"cscli"}}]}]`
		head    = `{"remediation_components":[{"version":"v1","utc_startup_timestamp":1,"feature_flags":[],"metrics":`
	)
	tests := []struct {
		name, body string
		status     int
	}{
		{"a good push", head + metrics + `}],"log_processors":null}`, 201},
		{"nothing counted", head + `[]}]}`, 201},
		{"metrics as an object, as the published specification has them", head + strings.Trim(metrics, "[]") + `}]}`, 400},
		{"an empty object", `{}`, 400},
		{"two components", `{"remediation_components":[{},{}]}`, 400},
		{"no version", strings.Replace(head, `"version":"v1",`, "", 1) + metrics + `}]}`, 422},
		{"an item without a unit", head + strings.Replace(metrics, `,"unit":"request"`, "", 1) + `}]}`, 422},
	}
	s := Start(t, Config{})
	c := newClient(t, s)
	for _, tt := range tests {
		if a := c.do(http.MethodPost, "/v1/usage-metrics", tt.body); a.status != tt.status {
			t.Errorf("%s: status %d, want %d: %s", tt.name, a.status, tt.status, a.body)
		}
	}
	if got := string(s.Requests()[0].Body); got != tests[0].body {
		t.Errorf("remembered is %s", got)
	}
	s.SetGeneration(Old)
	if a := c.do(http.MethodPost, "/v1/usage-metrics", tests[0].body); a.status != http.StatusNotFound || a.body != "" {
		t.Errorf("the old generation answers %d %q, want an empty 404", a.status, a.body)
	}
}
