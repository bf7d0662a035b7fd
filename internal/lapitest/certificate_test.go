package lapitest

import (
	"crypto/tls"
	"net/http"
	"strings"
	"testing"
)

// clientWith returns a client that shows a certificate, unless it has none.
func clientWith(t *testing.T, ca *Authority, url string, files TLSFiles) *client {
	t.Helper()
	cfg := &tls.Config{RootCAs: ca.Pool(), MinVersion: tls.VersionTLS12}
	if files.Cert != "" {
		pair, err := tls.LoadX509KeyPair(files.Cert, files.Key)
		if err != nil {
			t.Fatal(err)
		}
		cfg.Certificates = []tls.Certificate{pair}
	}
	return &client{t: t, http: &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: cfg}}, url: url}
}

func TestClientCertificate(t *testing.T) {
	ca := NewAuthority(t)
	s := StartTLS(t, Config{}, ca.Server())
	s.Add(Decision{Value: "192.0.2.1"})
	c := clientWith(t, ca, s.URL, ca.Issue("edge", "bouncer-ou"))
	expect(t, c.pull(""), "ban 192.0.2.1", "")
	expect(t, c.pull(""), "", "")

	c = clientWith(t, ca, s.URL, TLSFiles{})
	if a := c.get("/v1/decisions/stream"); a.status != http.StatusForbidden {
		t.Errorf("without a certificate or key: %d, want 403", a.status)
	}
	c.key = s.Key
	expect(t, c.pull("startup=true"), "ban 192.0.2.1", "")
}

// TestTheFakeTellsUnitsOfCertificatesLikeTheRealServer asks both what the holders of
// certificates get: the stream, and a login without a password.
func TestTheFakeTellsUnitsOfCertificatesLikeTheRealServer(t *testing.T) {
	ca := NewAuthority(t)
	real := RealTLS(t, ca.Issue("real", ""))
	fake := StartTLS(t, Config{Generation: real.Generation()}, ca.Server())
	denied := http.StatusUnauthorized
	if real.Generation() == Old {
		denied = http.StatusForbidden
	}
	for _, row := range []struct {
		unit        string
		pull, login int
	}{
		{"bouncer-ou", 200, denied},
		{"agent-ou", 403, 200},
		{"another", 403, denied},
	} {
		files := ca.Issue("of "+row.unit, row.unit)
		var refused []string
		for _, url := range []string{fake.URL, real.URL} {
			c := clientWith(t, ca, url, files)
			if got := c.get("/v1/decisions/stream").status; got != row.pull {
				t.Errorf("%s at %s: the stream answers %d, want %d", row.unit, url, got, row.pull)
			}
			a := c.do("POST", "/v1/watchers/login", `{"scenarios":[]}`)
			if a.status != row.login {
				t.Errorf("%s at %s: the login answers %d, want %d", row.unit, url, a.status, row.login)
			}
			if a.status != http.StatusOK {
				refused = append(refused, a.body)
			}
		}
		if len(refused) == 2 && refused[0] != refused[1] {
			t.Errorf("%s: refused with %s, really with %s", row.unit, refused[0], refused[1])
		}
	}
}

func TestTheFakeTellsUnitsOfCertificates(t *testing.T) {
	ca := NewAuthority(t)
	s := StartTLS(t, Config{BouncerUnits: []string{"edge"}, Generation: Newest}, ca.Server())
	c := clientWith(t, ca, s.URL, ca.Issue("agent", "agent-ou"))
	c.key = s.Key
	if a := c.get("/v1/decisions/stream"); a.status != http.StatusForbidden {
		t.Errorf("status %d: a certificate is judged before a key", a.status)
	}
	c.login()
	if a := c.get("/v1/heartbeat"); a.status != http.StatusOK || s.Heartbeats("agent@127.0.0.1") != 1 {
		t.Errorf("a heartbeat answers %d", a.status)
	}
	c = clientWith(t, ca, s.URL, ca.Issue("edge", "edge"))
	if a := c.get("/v1/decisions/stream"); a.status != http.StatusOK {
		t.Errorf("status %d", a.status)
	}
	a := c.do("POST", "/v1/watchers/login", `{"scenarios":[]}`)
	if a.status != http.StatusUnauthorized || !strings.Contains(a.body, "client certificate OU [edge] doesn't match expected OU [agent-ou]") {
		t.Errorf("%d %s", a.status, a.body)
	}
}
