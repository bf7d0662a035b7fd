package caddymodule

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tocsin-project/tocsin/admin"
)

func TestSuspectsAreChallengedByDefault(t *testing.T) {
	h := newHost(t)
	h.useAdmin()
	h.load(h.challenged("", ""))
	cookie := h.solve(h.challenge())
	if a := h.visit(cookie); a.status != http.StatusOK || a.body != "site:captcha:passed" {
		t.Errorf("with a pass: status %d, %q", a.status, a.body)
	}
	if c := askFor[admin.Check](h, "GET", "/tocsin/check?ip="+suspect, 200); c.Result != "captcha" {
		t.Errorf("check: %+v", c)
	}
	if s := askFor[admin.Status](h, "GET", "/tocsin/status", 200); s.Challenge == nil || s.Challenge.Type != "pow" || s.Challenge.Solved != 1 {
		t.Errorf("status: %+v", s.Challenge)
	}
}

func TestChallengesCanBeOff(t *testing.T) {
	h := newHost(t)
	h.useAdmin()
	t.Setenv("TOCSIN_TEST_CHALLENGE", "off")
	adapted := string(h.json(h.challenged("challenge off", "")))
	for _, row := range []struct{ name, config string }{
		{"by the word", adapted},
		{"by a placeholder", strings.Replace(adapted, `"challenge":{"type":"off"}`, `"challenge":{"type":"{env.TOCSIN_TEST_CHALLENGE}"}`, 1)},
	} {
		t.Run(row.name, func(t *testing.T) {
			h.t = t
			if err := h.loadJSON([]byte(row.config)); err != nil {
				t.Fatal(err)
			}
			h.waitStatus(suspect, http.StatusTooManyRequests)
			if a := h.visit(""); a.body != "error captcha" || a.header.Get("Retry-After") == "" {
				t.Errorf("%q, %v", a.body, a.header)
			}
			c := askFor[admin.Check](h, "GET", "/tocsin/check?ip="+suspect, 200)
			out, _ := h.command("check", suspect, "--address", h.admin)
			if want := "throttle, because of 192.0.2.50 from list:suspects.txt: the decision is a captcha, and challenge is off"; c.Result != "throttle" || !strings.Contains(out, want) {
				t.Errorf("check: %s, want %s", out, want)
			}
			if s := askFor[admin.Status](h, "GET", "/tocsin/status", 200); s.Challenge != nil {
				t.Errorf("status: %+v", s.Challenge)
			}
		})
	}
}

// Without a challenge, an option that leads to captchas turns clients away. A warning
// says so.
func TestWarnsOfCaptchasThatNothingMeets(t *testing.T) {
	h := newHost(t)
	h.list("list.txt", banned)
	h.file("own.yaml", "type: trigger\nname: me/own\ndescription: own\nfilter: \"evt.Meta.http_path == '/own'\"\nlabels:\n  remediation: true\n  action: captcha\n")
	for name, row := range map[string]struct{ global, asking string }{
		"list":      {"blocklist {DIR}/list.txt {\naction captcha\n}\ndetect off", `["blocklist 2"]`},
		"live":      {"lapi http://127.0.0.1:1 k {\nmode live\nfailure captcha\n}\ndetect off", `["failure of lapi 1"]`},
		"fallback":  {"fallback captcha\ndetect off", `["fallback"]`},
		"local":     {"local captcha\ndetect off", `["local"]`},
		"appsec":    {"appsec http://127.0.0.1:1 k {\nfailure captcha\nfallback captcha\n}\ndetect off", `["failure of appsec","fallback of appsec"]`},
		"scenario":  {"detect {DIR}/own.yaml", `["scenario me/own"]`},
		"own":       {"detect {DIR}/own.yaml {\npolicy me/own ban\n}\nscenario trap {\nmatch {\npath /trap\n}\ncaptcha\n}", `["scenario trap"]`},
		"policy":    {"detect {DIR}/own.yaml {\npolicy me/own ban\npolicy trap captcha\n}\nscenario trap {\nmatch {\npath /trap\n}\nban\n}", `["scenario trap"]`},
		"alert":     {"detect {DIR}/own.yaml {\npolicy me/own alert\n}", ""},
		"ban":       {"local ban\ndetect off", ""},
		"challenge": {"local captcha\nchallenge pow\ndetect off", ""},
	} {
		t.Run(name, func(t *testing.T) {
			h.t = t
			if name != "challenge" {
				row.global += "\nchallenge off"
			}
			text := globals("blocklist {DIR}/list.txt {\nname first\n}\nsnapshot off\n"+row.global) + "http://{ADDR} {\ntocsin\nroute /a {\ntocsin\n}\n}"
			text = strings.Replace(text, "output discard", "output file {DIR}/"+name+".log {\nroll_disabled\n}", 1)
			if err := h.validate(text); err != nil {
				t.Fatal(err)
			}
			log, err := os.ReadFile(filepath.Join(h.dir, name+".log"))
			if err != nil && !os.IsNotExist(err) {
				t.Fatal(err)
			}
			warnings := 0
			for line := range strings.Lines(string(log)) {
				if !strings.Contains(line, "challenge off: captcha decisions refuse clients") {
					continue
				}
				if warnings++; !strings.Contains(line, `"asking":`+row.asking) || !strings.Contains(line, `"level":"warn"`) {
					t.Errorf("%s, want %s", line, row.asking)
				}
			}
			if want := min(1, len(row.asking)); warnings != want {
				t.Errorf("%d warnings, want %d:\n%s", warnings, want, log)
			}
		})
	}
}

// To make a gate is to try its page, and there are servers with a thousand sites.
func TestSitesThatLookAlikeShareAGate(t *testing.T) {
	h := newHost(t)
	h.load(h.challenged("", "") + "\nhttp://b.example:{PORT} {\ntocsin\n}\nhttp://c.example:{PORT} {\ntocsin {\ncontact help@c.example\n}\n}")
	a, err := runningApp()
	if err != nil {
		t.Fatal(err)
	}
	if n := len(a.gates.gates); n != 2 {
		t.Errorf("%d gates, want 2", n)
	}
}
