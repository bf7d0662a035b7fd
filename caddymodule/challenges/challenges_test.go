package challenges

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/tocsin-project/tocsin/caddymodule/guest"
	"github.com/tocsin-project/tocsin/challenge"
)

// read returns the module that the line of a Caddyfile names, as JSON, or the error.
func read(t *testing.T, line string) string {
	t.Helper()
	name, _, _ := strings.Cut(strings.TrimSpace(line), " ")
	d := caddyfile.NewTestDispenser(line)
	d.Next()
	m, err := caddyfile.UnmarshalModule(d, "tocsin.challenges."+name)
	if err != nil {
		return err.Error()
	}
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestLinesOfCaddyfiles(t *testing.T) {
	for line, want := range map[string]string{
		"pow":                        `{}`,
		"pow hard":                   `tocsin: challenge: pow: takes no argument, got "hard", at Testfile:1`,
		"altcha widget.js":           `{"file":"widget.js"}`,
		"altcha":                     `tocsin: challenge: altcha: want the file of the widget, got 0 arguments, at Testfile:1`,
		"turnstile site secret":      `{"site_key":"site","secret_key":"secret"}`,
		"hcaptcha site secret":       `{"site_key":"site","secret_key":"secret"}`,
		"recaptcha site secret":      `{"site_key":"site","secret_key":"secret"}`,
		"recaptcha_v3 site secret":   `{"site_key":"site","secret_key":"secret"}`,
		"siteverify site secret":     `{"site_key":"site","secret_key":"secret"}`,
		"turnstile site":             `tocsin: challenge: turnstile: want a site key and a secret key, got 1 arguments, at Testfile:1`,
		"hcaptcha site secret again": `tocsin: challenge: hcaptcha: want a site key and a secret key, got 3 arguments, at Testfile:1`,
	} {
		if got := read(t, line); got != want {
			t.Errorf("%s: got %s, want %s", line, got, want)
		}
	}
}

func TestResolve(t *testing.T) {
	t.Setenv("TOCSIN_TEST_SITE", "site")
	name := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(name, []byte("from the file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		have SiteVerify
		want string // the keys, or how the error begins
	}{
		{SiteVerify{SiteKey: "{env.TOCSIN_TEST_SITE}", SecretKey: "secret"}, "site secret."},
		{SiteVerify{SiteKey: "site", SecretKey: "file:" + name}, "site from the file."},
		{SiteVerify{SiteKey: "{env.TOCSIN_TEST_NONE}"}, "site_key: "},
		{SiteVerify{SecretKey: "file:" + name + ".none"}, "secret key: open "},
		{SiteVerify{MinScore: 1.5}, "min_score: "},
		{SiteVerify{MaxAge: -1}, "max_age: -1ns: must be greater than 0"},
		{SiteVerify{Timeout: -1}, "timeout: -1ns: must be greater than 0"},
	} {
		m := row.have
		err := m.Resolve(caddy.NewReplacer())
		got := m.SiteKey + " " + m.SecretKey + "."
		if err != nil {
			got = err.Error()
		}
		if !strings.HasPrefix(got, row.want) {
			t.Errorf("%+v: got %q, want %q", row.have, got, row.want)
		}
	}
}

func TestProofOfWorkIsNoProvider(t *testing.T) {
	p, err := new(PoW).Open()
	if p != nil || err != nil {
		t.Errorf("%v, %v", p, err)
	}
}

func TestAltchaReadsTheWidget(t *testing.T) {
	name := filepath.Join(t.TempDir(), "altcha.js")
	if err := os.WriteFile(name, []byte(`customElements.define("altcha-widget", class {}); new Worker("blob:x")`), 0o600); err != nil {
		t.Fatal(err)
	}
	a := &Altcha{File: name}
	if p, err := a.Open(); err != nil || p.Name() != "altcha" || !strings.Contains(p.Widget().Inline, "altcha-widget") {
		t.Errorf("%v, %v", p, err)
	}
	a.File += ".none"
	if _, err := a.Open(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

// What the module says reaches the service, and bounds what its answers are worth.
func TestAHostedServiceGetsWhatTheModuleSays(t *testing.T) {
	var asked url.Values
	answer := `{"success":true,"hostname":"shop.example","action":"login","score":0.6}`
	now := `,"challenge_ts":"` + time.Now().UTC().Format(time.RFC3339) + `"}`
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		asked = r.PostForm
		_, _ = w.Write([]byte(strings.Replace(answer, "}", now, 1)))
	}))
	defer s.Close()
	m := &SiteVerify{
		service: challenge.ReCaptchaV3, SiteKey: "site", SecretKey: "long-secret", VerifyURL: s.URL, ScriptURL: s.URL + "/widget.js",
		Hostnames: []string{"shop.example"}, Action: "login", MinScore: 0.6, RemoteIP: true,
	}
	p, err := m.Open()
	if err != nil {
		t.Fatal(err)
	}
	claim := challenge.Claim{Response: "proof", Host: "other.example", Addr: netip.MustParseAddr("192.0.2.1")}
	if err := p.Verify(t.Context(), claim); err != nil {
		t.Errorf("refused: %v", err)
	}
	for name, want := range map[string]string{"secret": "long-secret", "response": "proof", "remoteip": "192.0.2.1"} {
		if got := asked.Get(name); got != want {
			t.Errorf("%s: the service gets %q, want %q", name, got, want)
		}
	}
	for _, bad := range []string{
		`{"success":true,"hostname":"other.example","action":"login","score":0.6}`,
		`{"success":true,"hostname":"shop.example","action":"buy","score":0.6}`,
		`{"success":true,"hostname":"shop.example","action":"login","score":0.5}`,
	} {
		answer = bad
		if err := p.Verify(t.Context(), claim); !errors.Is(err, challenge.ErrRefused) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

// Each service has a module, and every module is a provider.
func TestEveryServiceIsAModule(t *testing.T) {
	for _, name := range []string{"pow", "altcha", "turnstile", "hcaptcha", "recaptcha", "recaptcha_v3", "siteverify"} {
		info, err := caddy.GetModule("tocsin.challenges." + name)
		if err != nil {
			t.Error(err)
			continue
		}
		if _, ok := info.New().(guest.Provider); !ok || info.New().CaddyModule().ID != info.ID {
			t.Errorf("%s: %T, a module called %s", name, info.New(), info.New().CaddyModule().ID)
		}
	}
}
