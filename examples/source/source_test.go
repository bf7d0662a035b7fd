package source

import (
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	_ "github.com/tocsin-project/tocsin"
)

// firewall is a server that has blocked the client of this test.
func firewall(t *testing.T) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`["192.0.2.0/24"]`))
	}))
	t.Cleanup(s.Close)
	return s
}

// freeAddr returns an unused address.
func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

func TestTheFirewallBans(t *testing.T) {
	addr := freeAddr(t)
	text := "{\nadmin off\npersist_config off\ntocsin {\nfirewall " + firewall(t).URL + " {\ninterval 30s\n}\nstartup closed\nsnapshot off\n}\n" +
		"servers {\ntrusted_proxies static 127.0.0.0/8\ntrusted_proxies_strict\n}\n}\nhttp://" + addr + " {\ntocsin\nrespond ok\n}\n"
	config, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := caddy.Load(config, true); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = caddy.Stop() }()
	for client, want := range map[string]int{"192.0.2.7": http.StatusForbidden, "198.51.100.7": http.StatusOK} {
		if got := statusFor(t, addr, client); got != want {
			t.Errorf("%s: status %d, want %d", client, got, want)
		}
	}
}

// statusFor returns the status for a client after the first sync of the source. Before
// that it is 503.
func statusFor(t *testing.T, addr, client string) int {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addr, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Forwarded-For", client)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode != http.StatusServiceUnavailable || time.Now().After(deadline) {
			return answer.StatusCode
		}
	}
}
