package challenge

import (
	"strings"
	"testing"
	"time"
)

func TestServicesBringTheirWidget(t *testing.T) {
	for service, want := range map[Service]struct {
		script, class, field, frames, data string
	}{
		Turnstile: {"https://challenges.cloudflare.com/turnstile/v0/api.js", "cf-turnstile", "cf-turnstile-response", "https://challenges.cloudflare.com", "challenge"},
		HCaptcha:  {"https://js.hcaptcha.com/1/api.js", "h-captcha", "h-captcha-response", "https://hcaptcha.com https://*.hcaptcha.com", ""},
		ReCaptcha: {"https://www.google.com/recaptcha/api.js", "g-recaptcha", "g-recaptcha-response", "https://www.google.com/recaptcha/ https://recaptcha.google.com/recaptcha/", ""},
	} {
		t.Run(string(service), func(t *testing.T) {
			p, err := NewSiteVerify(SiteVerifyConfig{Service: service, SiteKey: "site-key", Secret: testSecret})
			if err != nil {
				t.Fatal(err)
			}
			w := p.Widget()
			if p.Name() != string(service) || w.Script != want.script || w.Inline != "" || w.Class != want.class || w.Field != want.field || w.Puzzle {
				t.Errorf("%s: %+v", p.Name(), w)
			}
			if w.Data["sitekey"] != "site-key" || w.Data["action"] != want.data {
				t.Errorf("data %v; want the site key and action %q", w.Data, want.data)
			}
			if got := strings.Join(w.Policy["frame-src"], " "); got != want.frames {
				t.Errorf("frame-src %s; want %s", got, want.frames)
			}
			if len(w.Policy["script-src"]) == 0 {
				t.Error("no source of scripts")
			}
		})
	}
}

// Version 3 has no widget: the page's own script asks for the response and fills in the
// field.
func TestReCaptchaV3LoadsItsScriptWithTheKey(t *testing.T) {
	p, err := NewSiteVerify(SiteVerifyConfig{Service: ReCaptchaV3, SiteKey: "a&b", Secret: testSecret, ScriptURL: "https://www.recaptcha.net/recaptcha/api.js?hl=de"})
	if err != nil {
		t.Fatal(err)
	}
	w := p.Widget()
	if want := "https://www.recaptcha.net/recaptcha/api.js?hl=de&render=a%26b"; w.Data["script"] != want {
		t.Errorf("the script is %s; want %s", w.Data["script"], want)
	}
	if w.Script != "" || !strings.Contains(w.Inline, `"`+w.Field+`"`) || !strings.Contains(w.Inline, `".`+w.Class+`"`) {
		t.Errorf("class %q, field %q and script do not fit:\n%s", w.Class, w.Field, w.Inline)
	}
	for _, directive := range []string{"script-src", "frame-src"} {
		if !strings.Contains(strings.Join(w.Policy[directive], " "), "https://www.recaptcha.net") {
			t.Errorf("%s is %v; want the origin of the script in it", directive, w.Policy[directive])
		}
	}
}

func TestACustomServiceIsAllowedWhatItNeeds(t *testing.T) {
	p, err := NewSiteVerify(SiteVerifyConfig{
		Service: Custom, SiteKey: "k", Secret: testSecret, Class: "c", Field: "f", Action: "login",
		VerifyURL: "http://127.0.0.1:8080/verify", ScriptURL: "https://captcha.example/w.js",
		Policy: map[string][]string{"worker-src": {"blob:"}, "frame-src": {"https://frames.example"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	w := p.Widget()
	if w.Script != "https://captcha.example/w.js" || w.Class != "c" || w.Field != "f" || w.Data["action"] != "login" {
		t.Errorf("%+v", w)
	}
	for directive, want := range map[string]string{
		"script-src": "https://captcha.example", "worker-src": "blob:", "frame-src": "https://frames.example https://captcha.example",
	} {
		if got := strings.Join(w.Policy[directive], " "); got != want {
			t.Errorf("%s %s; want %s", directive, got, want)
		}
	}
}

// The widgets of two providers must not share maps.
func TestWidgetsShareNothing(t *testing.T) {
	cfg := SiteVerifyConfig{Service: HCaptcha, SiteKey: "k", Secret: testSecret, Policy: map[string][]string{"frame-src": {"https://a.example"}}}
	one, err := NewSiteVerify(cfg)
	if err != nil {
		t.Fatal(err)
	}
	one.Widget().Policy["script-src"][0] = "https://evil.example"
	if got := one.Widget().Policy["style-src"][0]; got != "https://hcaptcha.com" {
		t.Errorf("style-src %s is the same memory as script-src", got)
	}
}

func TestAProviderThatCannotWorkIsRefusedAtStart(t *testing.T) {
	custom := SiteVerifyConfig{Service: Custom, Class: "c", Field: "f", VerifyURL: "https://a.example", ScriptURL: "https://a.example"}
	for name, row := range map[string]struct {
		base   SiteVerifyConfig
		change func(*SiteVerifyConfig)
		want   string
	}{
		"no service":                      {change: func(c *SiteVerifyConfig) { c.Service = "" }, want: `service "": want turnstile, hcaptcha, recaptcha, recaptcha_v3 or siteverify`},
		"an invalid service":              {change: func(c *SiteVerifyConfig) { c.Service = "captcha" }, want: `service "captcha"`},
		"no site key":                     {change: func(c *SiteVerifyConfig) { c.SiteKey = "" }, want: "site key is missing"},
		"no secret":                       {change: func(c *SiteVerifyConfig) { c.Secret = "" }, want: "secret is missing"},
		"an invalid secret":               {change: func(c *SiteVerifyConfig) { c.Secret = "1234567" }, want: "too short"},
		"a secret with a line break":      {change: func(c *SiteVerifyConfig) { c.Secret = "s3cr3t\n" }, want: "secret has a space, a line break"},
		"a class for a known service":     {change: func(c *SiteVerifyConfig) { c.Class = "c" }, want: "leave them out"},
		"a custom one without a field":    {base: custom, change: func(c *SiteVerifyConfig) { c.Field = "" }, want: "field is missing"},
		"a custom one without a URL":      {base: custom, change: func(c *SiteVerifyConfig) { c.VerifyURL = "" }, want: "verify URL: it is missing"},
		"a custom one without a script":   {base: custom, change: func(c *SiteVerifyConfig) { c.ScriptURL = "" }, want: "script URL: it is missing"},
		"the secret over plain HTTP":      {change: func(c *SiteVerifyConfig) { c.VerifyURL = "http://a.example/s3cr3t" }, want: "verify URL: want https, or http on a loopback address"},
		"a script over plain HTTP":        {change: func(c *SiteVerifyConfig) { c.ScriptURL = "http://a.example/" }, want: "script URL: want https"},
		"a URL with a password":           {change: func(c *SiteVerifyConfig) { c.VerifyURL = "https://u:s3cr3t@a.example/" }, want: "user or password"},
		"a URL without a host":            {change: func(c *SiteVerifyConfig) { c.VerifyURL = "https:///s3cr3t" }, want: "not a URL"},
		"an invalid URL":                  {change: func(c *SiteVerifyConfig) { c.VerifyURL = "https://%s3cr3t" }, want: "not a URL"},
		"a URL that ends a directive":     {change: func(c *SiteVerifyConfig) { c.ScriptURL = "https://a;default-src/" }, want: "not a URL"},
		"a hostname with a port":          {change: func(c *SiteVerifyConfig) { c.Hostnames = []string{"a.example:443"} }, want: `hostname "a.example:443"`},
		"a hostname that is a URL":        {change: func(c *SiteVerifyConfig) { c.Hostnames = []string{"https://a.example"} }, want: "want a name without scheme"},
		"an empty hostname":               {change: func(c *SiteVerifyConfig) { c.Hostnames = []string{""} }, want: `hostname ""`},
		"an action with a space":          {change: func(c *SiteVerifyConfig) { c.Action = "log in" }, want: `action "log in"`},
		"an action that is too long":      {change: func(c *SiteVerifyConfig) { c.Action = strings.Repeat("a", 33) }, want: "at most 32"},
		"an action for hCaptcha":          {change: func(c *SiteVerifyConfig) { c.Service, c.Action = HCaptcha, "login" }, want: "has no action"},
		"a score for Turnstile":           {change: func(c *SiteVerifyConfig) { c.MinScore = 0.5 }, want: "no score"},
		"a score over 1":                  {change: func(c *SiteVerifyConfig) { c.Service, c.MinScore = ReCaptchaV3, 50 }, want: "score 50"},
		"a score below 0":                 {change: func(c *SiteVerifyConfig) { c.Service, c.MinScore = ReCaptchaV3, -1 }, want: "score -1"},
		"a timeout of a minute":           {change: func(c *SiteVerifyConfig) { c.Timeout = time.Minute }, want: "timeout 1m0s"},
		"no look at the age of Turnstile": {change: func(c *SiteVerifyConfig) { c.MaxAge = -1 }, want: "only a custom provider"},
		"an age of a week":                {change: func(c *SiteVerifyConfig) { c.MaxAge = 7 * 24 * time.Hour }, want: "at most 24h"},
		"a policy for something else":     {change: func(c *SiteVerifyConfig) { c.Policy = map[string][]string{"default-src": {"*"}} }, want: `"default-src" is not one of`},
		"a source that ends a directive":  {change: func(c *SiteVerifyConfig) { c.Policy = map[string][]string{"img-src": {"*; script-src *"}} }, want: "is not a source"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := row.base
			if cfg.Service == "" {
				cfg.Service = Turnstile
			}
			cfg.SiteKey, cfg.Secret = "k", "s3cr3t-key"
			row.change(&cfg)
			_, err := NewSiteVerify(cfg)
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Fatalf("%v; want an error with %q", err, row.want)
			}
			if strings.Contains(err.Error(), "s3cr3t") {
				t.Errorf("%v has the secret in it", err)
			}
		})
	}
}
