package community_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/consensus"
)

var (
	older = strings.Repeat("01", 32)
	newer = strings.Repeat("02", 32)
	alien = strings.Repeat("03", 32)
)

const index = `{"collections": {"x/y": {}}, "scenarios": {
	"crowdsecurity/ssh-bf": {"path": "p", "version": "0.2",
		"versions": {"0.1": {"digest": "` + "OLDER" + `", "deprecated": false}, "0.2": {"digest": "` + "NEWER" + `"}},
		"labels": {"behavior": "ssh:bruteforce", "confidence": 3, "spoofable": 1, "remediation": true, "classification": ["attack.T1110"]}},
	"acme/odd": {"versions": {"0.1": {"digest": "` + "OLDER" + `"}}, "labels": {"behavior": "<script>", "confidence": 9}},
	"crowdsecurity/vaultwarden-bf": {"versions": {"0.1": {"digest": "` + "OLDER" + `"}}, "labels": {"type": "bruteforce", "confidence": "2"}}
}}`

func hub() string { return strings.NewReplacer("OLDER", older, "NEWER", newer).Replace(index) }

func TestWhatScenariosSee(t *testing.T) {
	catalogue, err := community.BuiltinCatalogue().WithHub(strings.NewReader(hub()))
	if err != nil {
		t.Fatal(err)
	}
	w := found(t, func(c *community.Config) { c.Catalogue = catalogue })
	m := w.vouched(1)[0]
	for i, tc := range []struct {
		scenario, hash string
		flags          community.Flags
		behaviour      consensus.Behaviour
		confidence     uint8
		spoofable      uint8
		provenance     consensus.Provenance
	}{
		{"crowdsecurity/ssh-bf", older, 0, "ssh:bruteforce", 3, 1, consensus.Certified},
		{"crowdsecurity/ssh-bf", newer, 0, "ssh:bruteforce", 3, 1, consensus.Certified},
		{"crowdsecurity/ssh-bf", alien, 0, "ssh:bruteforce", 3, 1, consensus.Custom},
		{"crowdsecurity/ssh-bf", "", 0, "ssh:bruteforce", 3, 1, consensus.Custom},
		{"crowdsecurity/ssh-bf", newer, community.Tainted, "ssh:bruteforce", 3, 1, consensus.Tainted},
		{"crowdsecurity/ssh-bf", newer, community.Manual, "generic:exploit", 2, 0, consensus.Manual},
		{"manual/ban", "", 0, "generic:exploit", 2, 0, consensus.Manual},
		{"acme/odd", older, 0, "", 0, 0, consensus.Certified},
		{"crowdsecurity/vaultwarden-bf", older, 0, "generic:bruteforce", 2, 0, consensus.Certified},
		{"crowdsecurity/http-cve-2021-41773", "", 0, "http:exploit", 2, 0, consensus.Certified},
		{"crowdsecurity/vpatch-CVE-2024-1234", "", 0, "http:exploit", 2, 0, consensus.Certified},
		{"crowdsecurity/http-bad-user-agent", "", 0, "http:scan", 1, 0, consensus.Certified},
		{"crowdsecurity/postfix-spam", "", 0, "smtp:spam", 1, 0, consensus.Certified},
		{"crowdsecurity/http-crawl-non_statics", "", 0, "http:crawl", 1, 0, consensus.Certified},
		{"tocsin/http-login-bf", "", 0, "http:bruteforce", 2, 0, consensus.Certified},
		{"tocsin/wordpress-scan", "", 0, "http:scan", 1, 0, consensus.Certified},
		{"acme/ssh-bf", "", 0, "ssh:bruteforce", 1, 0, consensus.Custom},
		{"crowdsecurity/what-is-this", "", 0, "", 0, 0, consensus.Custom},
		{"evil/crowdsecurity-ssh-bf", "", 0, "ssh:bruteforce", 1, 0, consensus.Custom},
	} {
		_, err := w.Accept(t.Context(), m, []community.Signal{{Unit: nth(i), Scenario: tc.scenario, Hash: tc.hash, Flags: tc.flags, Last: begin}})
		w.must(err)
		reports, err := w.ReportsOf(t.Context(), m, 1)
		w.must(err)
		r := reports[0]
		if r.Behaviour != tc.behaviour || r.Confidence != tc.confidence || r.Spoofable != tc.spoofable || r.Provenance != tc.provenance {
			t.Errorf("%s with %q: %s, %d, %d, %v; want %s, %d, %d, %v", tc.scenario, tc.hash,
				r.Behaviour, r.Confidence, r.Spoofable, r.Provenance, tc.behaviour, tc.confidence, tc.spoofable, tc.provenance)
		}
	}
}

func TestIndexesThatAreNone(t *testing.T) {
	var many strings.Builder
	for i := range 20_001 {
		fmt.Fprintf(&many, `%s"a/b%d": {}`, strings.Repeat(",", min(i, 1)), i)
	}
	for _, tc := range []struct{ name, text, want string }{
		{"no JSON", "<html>", "reading the Hub's index"},
		{"another file", `{"parsers": {}}`, "0 scenarios"},
		{"a name with markup", `{"scenarios": {"a/<b>": {}}}`, "AUTHOR/NAME"},
		{"a short digest", `{"scenarios": {"a/b": {"versions": {"1": {"digest": "abcd"}}}}}`, "SHA-256"},
		{"too many", `{"scenarios": {` + many.String() + `}}`, "20001 scenarios"},
		{"too long", strings.Repeat(" ", 64<<20) + hub(), "64 MiB"},
	} {
		if _, err := community.BuiltinCatalogue().WithHub(strings.NewReader(tc.text)); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v; want %q", tc.name, err, tc.want)
		}
	}
}

// TestTheHubsOwnIndex reads the index that TOCSIN_HUB_INDEX names.
func TestTheHubsOwnIndex(t *testing.T) {
	name := os.Getenv("TOCSIN_HUB_INDEX")
	if name == "" {
		t.Skip("TOCSIN_HUB_INDEX names no index of CrowdSec's Hub")
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := community.BuiltinCatalogue().WithHub(f); err != nil {
		t.Error(err)
	}
}

func TestConfigsThatMakeNoSense(t *testing.T) {
	w := found(t, nil)
	for _, tc := range []struct {
		name   string
		change func(*community.Config)
		want   string
	}{
		{"no store", func(c *community.Config) { c.Store = nil }, "set Store"},
		{"no accounts", func(c *community.Config) { c.Accounts = nil }, "set Accounts"},
		{"short secret", func(c *community.Config) { c.Secret = c.Secret[:31] }, "31 bytes"},
		{"a site with a path", func(c *community.Config) { c.Site = "https://example.org/list" }, "origin"},
		{"a site without a scheme", func(c *community.Config) { c.Site = "example.org" }, "origin"},
		{"a negative rate", func(c *community.Config) { c.Rates.Batch = -1 }, "negative"},
		{"reports for a week", func(c *community.Config) { c.Retention.Reports = 7 * 24 * 3600e9 }, "window"},
		{"episodes for an hour", func(c *community.Config) { c.Retention.Episodes = 3600e9 }, "a day or more"},
	} {
		cfg := w.cfg
		tc.change(&cfg)
		if _, err := community.New(cfg); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v; want %q", tc.name, err, tc.want)
		}
	}
	cfg := w.cfg
	cfg.Site, cfg.Retention = "https://example.org/", community.Retention{Episodes: 100 * 24 * 3600e9, Reason: "a court asked for it"}
	c, err := community.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if a := c.About(); a.Site != "https://example.org" || a.Retention.Cases.Hours() != 365*24 || a.Batch != 250 || len(a.RulesHash) != 16 {
		t.Errorf("about: %+v", a)
	}
}

func TestDerivedKeysDiffer(t *testing.T) {
	c := found(t, nil)
	a, b := c.Derive("api tokens"), c.Derive("api links")
	if len(a) != 32 || string(a) == string(b) || strings.Contains(string(a), string(secret)) {
		t.Errorf("%x, %x", a, b)
	}
	if string(c.Derive("api tokens")) != string(a) {
		t.Error("not the same each time")
	}
}
