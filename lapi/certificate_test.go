package lapi

import (
	"crypto/tls"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/internal/lapitest"
)

// logsInWith checks the result of a machine's login: "" is success.
func logsInWith(t *testing.T, cfg Config, want string) {
	t.Helper()
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	l, err := NewLive(LiveConfig{URL: cfg.URL, Key: cfg.Key, TLS: cfg.TLS, Machine: cfg.Machine})
	if err != nil {
		t.Fatal(err)
	}
	for name, m := range map[string]*machine{"stream": c.machine, "live": l.machine} {
		_, err := m.ask(t.Context(), order{method: "GET", path: heartbeatPath, limit: 4096})
		switch {
		case want == "" && err != nil, want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: %v, want %q", name, err, want)
		case strings.HasPrefix(want, ": check the client certificate") && !regexp.MustCompile(`client certificate OU \(?\[bouncer-ou\]\)? doesn't match expected OU \(?\[agent-ou\]`).MatchString(err.Error()):
			t.Errorf("%s: %v has not the server's words", name, err)
		case err != nil && strings.Contains(err.Error(), "name and password"):
			t.Errorf("%s: %v names what is not at fault", name, err)
		}
	}
}

func TestAMachineHasACertificateOfItsOwn(t *testing.T) {
	ca := lapitest.NewAuthority(t)
	bouncer, agent := ca.Issue("edge", "bouncer-ou"), ca.Issue("edge-agent", "agent-ou")
	files := TLS{CA: ca.CA, Cert: bouncer.Cert, KeyFile: bouncer.Key}
	logIn := func(t *testing.T, url, key string) {
		for _, row := range []struct {
			name    string
			bouncer TLS
			machine Machine
			want    string
		}{
			{"its own, and no password", files, Machine{Cert: agent.Cert, KeyFile: agent.Key}, ""},
			{"its own, beside an API key", TLS{CA: ca.CA}, Machine{Cert: agent.Cert, KeyFile: agent.Key}, ""},
			{"none, and a password: it does not show the bouncer's", files, withMachine.Machine, ""},
			{
				"the bouncer's", files,
				Machine{Cert: bouncer.Cert, KeyFile: bouncer.Key},
				`: check the client certificate of the machine`,
			},
		} {
			t.Run(row.name, func(t *testing.T) {
				cfg := Config{URL: url, TLS: row.bouncer, Machine: row.machine}
				if row.bouncer.Cert == "" {
					cfg.Key = key
				}
				logsInWith(t, cfg, row.want)
			})
		}
	}
	for name, gen := range map[string]lapitest.Generation{"1.4.6": lapitest.Old, "1.7.8": lapitest.New} {
		t.Run(name, func(t *testing.T) {
			s := lapitest.StartTLS(t, lapitest.Config{Generation: gen}, ca.Server())
			logIn(t, s.URL, s.Key)
		})
	}
	t.Run("the real server", func(t *testing.T) {
		if testing.Short() {
			t.Skip("the real server takes seconds")
		}
		s := lapitest.RealTLS(t, ca.Issue("real", ""))
		logIn(t, s.URL, s.Key)
	})
	t.Run("a server that wants one of everybody", func(t *testing.T) {
		server := ca.Server()
		server.ClientAuth = tls.RequireAndVerifyClientCert
		s := lapitest.StartTLS(t, lapitest.Config{}, server)
		logsInWith(t, Config{URL: s.URL, TLS: files, Machine: Machine{Cert: agent.Cert, KeyFile: agent.Key}}, "")
		logsInWith(t, Config{URL: s.URL, TLS: files, Machine: withMachine.Machine}, "set machine_tls")
	})
}

func TestAMachineWithACertificateNeedNotRegister(t *testing.T) {
	ca := lapitest.NewAuthority(t)
	s := lapitest.StartTLS(t, lapitest.Config{}, ca.Server())
	for unit, want := range map[string]string{"agent-ou": "", "another": "logging in with a certificate (it needs no registration): status 401"} {
		files := ca.Issue("of "+unit, unit)
		c, err := New(Config{URL: s.URL, Key: s.Key, TLS: TLS{CA: ca.CA}, Machine: Machine{Cert: files.Cert, KeyFile: files.Key}})
		if err != nil {
			t.Fatal(err)
		}
		ok, err := c.Register(t.Context())
		if ok != (want == "") || (err == nil) != ok || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, %v", unit, ok, err)
		}
	}
}

func TestTheCertificateOfAMachineIsNoneOfABouncer(t *testing.T) {
	ca := lapitest.NewAuthority(t)
	agent := ca.Issue("edge-agent", "agent-ou")
	s := lapitest.StartTLS(t, lapitest.Config{}, ca.Server())
	c, err := New(Config{URL: s.URL, TLS: TLS{CA: ca.CA, Cert: agent.Cert, KeyFile: agent.Key}})
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.get(t.Context(), streamPath, c.query(true))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := c.judge(resp); err == nil || !strings.Contains(err.Error(), "bouncers_allowed_ou") || strings.Contains(err.Error(), "check the key") {
		t.Error(err)
	}
}

func TestCertificatesOfMachinesThatAreNoGood(t *testing.T) {
	ca := lapitest.NewAuthority(t)
	for name, row := range map[string]struct {
		machine   Machine
		url, want string
	}{
		"a certificate without its key": {Machine{Cert: ca.CA}, "https://127.0.0.1", "the client certificate of the machine needs both a certificate file and a key file"},
		"a file that is not there":      {Machine{Cert: "none", KeyFile: "none"}, "https://127.0.0.1", "machine: reading the client certificate none"},
		"no https":                      {Machine{Cert: ca.CA, KeyFile: ca.CA}, "http://127.0.0.1", "machine: TLS files need an https URL"},
		"registration by certificate":   {Machine{Cert: ca.CA, KeyFile: ca.CA, Register: true}, "https://127.0.0.1", "needs a name and a password"},
	} {
		if _, err := New(Config{URL: row.url, Key: "k", Machine: row.machine}); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %v, want %q in it", name, err, row.want)
		}
	}
}

func TestAWrongRegistrationTokenIsNamedEachTime(t *testing.T) {
	cfg := newcomer
	cfg.Machine.Token = "another-registration-token-0123456789"
	playWith(t, lapitest.Config{RegistrationToken: registrationToken}, cfg, func(s *scene) {
		for range 3 {
			_, _, err := s.client.Report(s.Context(), crowdOf(1))
			if err == nil || !strings.Contains(err.Error(), "the server does not accept the registration token") ||
				!strings.Contains(err.Error(), `the server says "invalid token for auto registration"`) || strings.Contains(err.Error(), cfg.Machine.Token) {
				t.Error(err)
			}
			s.after((10 * time.Minute) / 4)
		}
		if n := registrations(s); n != 1 {
			t.Errorf("%d tries to register", n)
		}
	})
}
