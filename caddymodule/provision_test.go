package caddymodule

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
)

// validate does what caddy validate does.
func (h *host) validate(caddyfile string) error {
	h.t.Helper()
	var cfg caddy.Config
	if err := caddy.StrictUnmarshalJSON(h.json(caddyfile), &cfg); err != nil {
		h.t.Fatal(err)
	}
	return caddy.Validate(&cfg)
}

func TestProvisionErrors(t *testing.T) {
	h := newHost(t)
	h.list("list.txt", banned)
	h.file("bad.html", "{{.NoSuchField}}")
	h.file("bad.yaml", "type: [")
	h.file("plain.html", "<p>Go away.</p>")
	h.file("empty", "\n")
	h.file("places.mmdb", placesDB("FR", 64496))
	const list = "blocklist {DIR}/list.txt\n"
	for _, row := range []struct{ name, global, site, want string }{
		{"no source", "detect off", "", "no source of decisions"},
		{"two sources of one name", list + "lapi http://127.0.0.1:1 k {\nname a\n}\nlapi http://127.0.0.1:2 k {\nname a\n}", "", `two sources have the name "a"`},
		{"a list given twice", list + list, "", "two sources have the name"},
		{"no key", "lapi http://127.0.0.1:1", "", "key"},
		{"a key that is not there", "lapi http://127.0.0.1:1 {env.TOCSIN_NO_SUCH}", "", "lapi 1: key: evaluated placeholder {env.TOCSIN_NO_SUCH} is empty"},
		{"a key file that is not there", "lapi http://127.0.0.1:1 file:{DIR}/none", "", "lapi 1: key: open "},
		{"an empty key file", "lapi http://127.0.0.1:1 file:{DIR}/empty", "", "is empty"},
		{"an unknown placeholder", "lapi http://127.0.0.1:1 {tocsin.key}", "", "unrecognized placeholder {tocsin.key}"},
		{"a password file that is not there", "lapi http://127.0.0.1:1 k {\nmachine m file:{DIR}/none\n}", "", "lapi 1: password: open "},
		{"a machine without a name", "lapi http://127.0.0.1:1 k {\nmachine {env.TOCSIN_NO_SUCH} p\n}", "", "lapi 1: machine: evaluated placeholder"},
		{"cache in mode stream", "lapi http://127.0.0.1:1 k {\ncache 1m\n}", "", "cache, timeout and failure are for mode live"},
		{"failure in mode stream", "lapi http://127.0.0.1:1 k {\nmode stream\nfailure ban\n}", "", "are for mode live"},
		{"interval in mode live", "lapi http://127.0.0.1:1 k {\nmode live\ninterval 1m\n}", "", "interval and scopes are for mode stream"},
		{"metrics too often in mode live", "lapi http://127.0.0.1:1 k {\nmode live\nmetrics 1m\n}", "", "metrics interval 1m0s: want at least 10m0s"},
		{"metrics too often", "lapi http://127.0.0.1:1 k {\nmetrics 1m\n}", "", "want at least 10m"},
		{"a stream and a live source of one name", "lapi http://127.0.0.1:1 k {\nname a\n}\nlapi http://127.0.0.1:2 k {\nname a\nmode live\n}", "", `two sources have the name "a"`},
		{"interval of a file", "blocklist {DIR}/list.txt {\ninterval 1h\n}", "", "blocklist 1: interval, user, password, key and page_size are for URLs"},
		{"key of a file", "blocklist {DIR}/list.txt {\nkey k\n}", "", "are for URLs"},
		{"a list too often", "blocklist http://127.0.0.1:1/a {\ninterval 1s\n}", "", "want at least 1m"},
		{"a list with user and key", "blocklist http://127.0.0.1:1/a {\nuser u p\nkey k\n}", "", "not both"},
		{"a URL with a password", "blocklist http://u:p@127.0.0.1:1/a", "", "blocklist"},
		{"no database", list + "geoip {DIR}/none.mmdb", "", "none.mmdb"},
		{"an invalid database", list + "geoip {DIR}/list.txt", "", "list.txt"},
		{"a source named as the databases", "blocklist {DIR}/list.txt {\nname geoip\n}\ngeoip {DIR}/places.mmdb", "", `two sources have the name "geoip"`},
		{"no scheme", "lapi 127.0.0.1:1 key", "", "127.0.0.1:1"},
		{"no authority", "lapi https://127.0.0.1:1 key {\ntls {DIR}/none.crt\n}", "", "lapi 1: tls: open "},
		{"no authority of the second", "lapi http://127.0.0.1:1 key\nlapi https://127.0.0.1:2 key {\nname b\ntls {DIR}/none.crt\n}", "", "lapi 2: tls: open "},
		{"an address in allow", list + "allow 192.0.2.300", "", `allow: "192.0.2.300"`},
		{"an address in allow of a site", list, "tocsin {\nallow 192.0.2.0/33\n}", `allow: "192.0.2.0/33"`},
		{"no lapi to report to", list + "report lapi", "", `report: no source with the name "lapi" accepts alerts`},
		{"a lapi without a machine to report to", "lapi http://127.0.0.1:1 k\nreport lapi", "", "report: lapi lapi has no machine"},
		{"an invalid context", "lapi http://127.0.0.1:1 k {\nmachine m p\n}\nreport lapi {\ncontext cookies\n}", "", `context: "cookies": want one of query, host`},
		{"a token without register", "lapi http://127.0.0.1:1 k {\nmachine m p\nregister short\n}", "", "the registration token has 5 characters"},
		{"no scenarios there", list + "detect {DIR}/none", "", "detect: "},
		{"an invalid scenario file", list + "detect {DIR}/bad.yaml", "", "bad.yaml"},
		{"a policy for nobody", list + "detect builtin {\npolicy no/such ban\n}", "", `there is no scenario "no/such"`},
		{"off and more", list + "detect off {\nsessions sid\n}", "", "off cannot be combined with other options"},
		{"a session of any name", list + "detect builtin {\nsessions *\n}", "", "only a star"},
		{"no list of crawlers", list + "crawlers on {\nlist Googlebot {DIR}/none\n}", "", "none"},
		{"a secret that is too short", list + "challenge pow {\nsecret short\n}", "", "challenge: "},
		{"a secret file that is not there", list + "challenge pow {\nsecret file:{DIR}/none\n}", "", "challenge: secret 1: open "},
		{"old secrets without a secret", list + "challenge pow {\nold_secrets a\n}", "", "challenge: old_secrets: want secret too, which signs new passes"},
		{"a pass of a week", list + "challenge pow {\nttl 7d\n}", "", "challenge: "},
		{"a challenge that is off and hard", list + "challenge off {\nlevel high\n}", "", "challenge: off cannot be combined with other fields: remove off or the other fields"},
		{"a challenge that is off, with a secret", list + "challenge off {\nsecret " + strings.Repeat("s", 32) + "\nold_secrets a\n}", "", "challenge: off cannot be combined with other fields: remove off or the other fields"},
		{"passes of hosts that have no domain in common", list + "challenge pow {\nhosts a.example b.example\n}", "", "hosts: a.example and b.example have no common domain"},
		{"a challenge that is off, with hosts", list + "challenge off {\nhosts a.example\n}", "", "challenge: off cannot be combined with other fields: remove off or the other fields"},
		{"frames of anybody", list + "frame_ancestors *", "", "frame_ancestors: \"*\": want 'self' or an origin"},
		{"no widget", list + "challenge altcha {DIR}/none.js", "", "challenge: altcha: "},
		{"no secret key", list + "challenge turnstile key {env.TOCSIN_NO_SUCH}", "", "challenge: secret_key: evaluated placeholder {env.TOCSIN_NO_SUCH} is empty"},
		{"verification at an invalid URL", list + "challenge turnstile k secret-key {\nverify_url example.com\n}", "", "the verify URL"},
		{"no page of a challenge", list + "challenge pow {\npage {DIR}/none.html\n}", "", "challenge: page: open "},
		{"a page without the challenge in it", list + "challenge pow {\npage {DIR}/plain.html\n}", "", "plain.html"},
		{"an AppSec without a key", list + "appsec http://127.0.0.1:7422", "", "appsec: AppSec: no API key"},
		{"an AppSec with a key that is not there", list + "appsec http://127.0.0.1:7422 {env.TOCSIN_NO_SUCH}", "", "appsec: key: evaluated placeholder {env.TOCSIN_NO_SUCH} is empty"},
		{"an AppSec with a key file that is not there", list + "appsec http://127.0.0.1:7422 file:{DIR}/none", "", "appsec: key: open "},
		{"an AppSec with an empty key file", list + "appsec http://127.0.0.1:7422 file:{DIR}/empty", "", "is empty"},
		{"an AppSec without a scheme", list + "appsec 127.0.0.1:7422 k", "", "appsec: AppSec: "},
		{"an AppSec with a body limit of a gigabyte", list + "appsec http://127.0.0.1:7422 k {\nbody_limit 1GB\n}", "", "body limit 1000000000"},
		{"an AppSec with less memory than a body needs", list + "appsec http://127.0.0.1:7422 k {\nbody_memory 1kB\n}", "", "body memory 1000"},
		{"an AppSec with no authority", list + "appsec https://127.0.0.1:7422 k {\ntls {DIR}/none.crt\n}", "", "appsec 1: tls: open "},
		{"an AppSec with a certificate and no TLS", list + "appsec http://127.0.0.1:7422 k {\ntls {DIR}/a.crt {DIR}/a.key\n}", "", "appsec: AppSec: "},
		{"an invalid contact", list + "contact nowhere", "", "nowhere"},
		{"an invalid colour", list + "accent reddish", "", "reddish"},
		{"no page", list, "tocsin {\npage {DIR}/none.html\n}", "page: open "},
		{"a page that cannot be executed", list, "tocsin {\npage {DIR}/bad.html\n}", "NoSuchField"},
		{"a directory as page", list, "tocsin {\npage {DIR}\n}", "page: "},
	} {
		t.Run(row.name, func(t *testing.T) {
			h.t = t
			err := h.validate(globals(row.global) + "http://{ADDR} {\ntocsin\n" + row.site + "\nrespond ok\n}")
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("got %v, want %q in it", err, row.want)
			}
			if n := references(); len(n) != 0 {
				t.Errorf("references %v", n)
			}
		})
	}
	h.t = t
	if err := h.validate(globals("") + "http://{ADDR} {\ntocsin\n}"); err != nil {
		t.Errorf("the directive without the global option looks for abuse: %v", err)
	}
}

// Mistakes that are possible only in JSON.
func TestProvisionErrorsOfJSON(t *testing.T) {
	h := newHost(t)
	for _, row := range []struct{ app, matcher, want string }{
		{`{"sources":[{"source":"blocklist"}]}`, `{}`, "blocklist 1: path is required"},
		{`{"sources":[{"source":"blocklist","path":"a","action":"none"}]}`, `{}`, "action"},
		{`{"sources":[{"source":"blocklist","path":"a"}],"fallback":"none"}`, `{}`, "fallback"},
		{`{"sources":[{"source":"blocklist","path":"a"}],"startup":"ajar"}`, `{}`, "startup"},
		{`{"sources":[{"source":"blocklist","path":"a"}]}`, `{"actions":["none"]}`, "actions"},
		{`{"sources":[{"source":"blocklist","path":"a"}]}`, `{"actions":["block"]}`, "actions"},
		{`{"sources":[{"source":"lapi","url":"http://127.0.0.1:1","key":"k","interval":-1}]}`, `{}`, "interval"},
		{`{"sources":[{"source":"lapi","url":"http://127.0.0.1:1","key":"k","mode":"push"}]}`, `{}`, "mode: \"push\""},
		{`{"sources":[{"source":"lapi","url":"http://127.0.0.1:1","key":"k","mode":"live","failure":"close"}]}`, `{}`, "failure: \"close\""},
		{`{"sources":[{"source":"lapi","url":"http://127.0.0.1:1","key":"k","metrics":"0s"}]}`, `{}`, "metrics: 0s"},
		{`{"sources":[{"source":"lapi","url":"http://127.0.0.1:1","key":"k","machine":"m"}]}`, `{}`, "both a name and a password"},
		{`{"sources":[{"source":"blocklist","path":"http://127.0.0.1:1/a","page_size":-1}]}`, `{}`, "blocklist 1: page_size: -1: must be greater than 0"},
		{`{"sources":[{"source":"blocklist","path":"a"}],"log_ip":"some"}`, `{}`, "log_ip"},
		{`{"sources":[{"source":"blocklist","path":"a"}],"nat64":["2001:db8::/33"]}`, `{}`, "nat64: NAT64 prefix 2001:db8::/33: want 32, 40"},
		{`{"sources":[{"source":"blocklist","path":"a"}],"nat64":["x"]}`, `{}`, "nat64: \"x\" is not a prefix"},
		{`{"sources":[{"source":"blocklist","path":"a"}],"challenge":{"off":true,"ttl":60000000000}}`, `{}`, "challenge: off cannot be combined with other fields: remove off or the other fields"},
		{`{"sources":[{"source":"blocklist","path":"a"}],"challenge":{"type":"pow"}}`, `{}`, `challenge: type: this field does not exist any more: write "provider": {"name": …} or "off": true instead`},
		{`{"challenge":{"provider":{"name":"none"}}}`, `{}`, "unknown module: tocsin.challenges.none"},
		{`{"sources":[{"source":"blocklist","path":"a"}],"inspectors":[{"inspector":"appsec","key":"k"}]}`, `{}`, "appsec: url is required"},
		{`{"sources":[{"source":"blocklist","path":"a"}],"inspectors":[{"inspector":"appsec","url":"http://127.0.0.1:1","key":"k","failure":"none"}]}`, `{}`, "appsec: failure: "},
		{`{"sources":[{"source":"blocklist","path":"a"}],"inspectors":[{"inspector":"appsec","url":"http://127.0.0.1:1","key":"k","fallback":"throttle"}]}`, `{}`, `fallback: "throttle": want one of ban, captcha`},
		{`{"sources":[{"source":"blocklist","path":"a"}],"inspectors":[{"inspector":"appsec","url":"http://127.0.0.1:1","key":"k","body_over":"captcha"}]}`, `{}`, `body_over: "captcha": want one of pass, ban`},
		{`{"sources":[{"source":"blocklist","path":"a"}],"inspectors":[{"inspector":"appsec","url":"http://127.0.0.1:1","key":"k","timeout":-1}]}`, `{}`, "timeout: -1ns: must be greater than 0"},
		{`{"detect":{"scenarios":[{"name":"a b","status":[401]}]}}`, `{}`, "detect: scenario a b: want a name of up to 100 letters"},
		{`{"detect":{"scenarios":[{"name":"bare"}]}}`, `{}`, "detect: scenario bare: it has neither match, status nor capacity"},
		{`{"detect":{"scenarios":[{"name":"bare","match":[],"status":[],"capacity":0,"action":"alert"}]}}`, `{}`, "scenario bare: it has neither match, status nor capacity"},
		{`{"detect":{"scenarios":[{"name":"empty","match":[{}],"capacity":3,"leak":"1s"}]}}`, `{}`, "scenario empty: match is empty"},
		{`{"detect":{"scenarios":[{"name":"empty","match":[{"path":["/a"]},{}]}]}}`, `{}`, "scenario empty: match is empty"},
		{`{"detect":{"scenarios":[{"name":"served","status":[404,302]}]}}`, `{}`, "scenario served: status 302 without match or capacity"},
		{`{"detect":{"scenarios":[{"name":"a","capacity":3}]}}`, `{}`, "scenario a: capacity 3 needs leak"},
		{`{"detect":{"scenarios":[{"name":"a","status":[401],"capacity":-1}]}}`, `{}`, "scenario a: capacity and leak: must be greater than 0"},
		{`{"detect":{"scenarios":[{"name":"a","status":[401],"distinct":true}]}}`, `{}`, "scenario a: leak and distinct need capacity"},
		{`{"detect":{"scenarios":[{"name":"a","status":[7]}]}}`, `{}`, "scenario a: status 7: want one from 100 to 999"},
		{`{"lapi":[{"url":"http://127.0.0.1:1"}]}`, `{}`, `lapi: this field does not exist any more: write "sources": [{"source": "lapi", "url": …}]`},
		{`{"blocklists":[{"path":"a"}]}`, `{}`, `blocklists: this field does not exist any more: write "sources": [{"source": "blocklist", "path": …}]`},
		{`{"appsec":{"url":"a"}}`, `{}`, `appsec: this field does not exist any more: write "inspectors": [{"inspector": "appsec", "url": …}]`},
		{`{"sources":[{"source":"blocklist","path":"a"}],"inspectors":[{"inspector":"appsec","url":"http://127.0.0.1:1","key":"k"},{"inspector":"appsec"}]}`, `{}`, "appsec: url is required"},
		{`{"geoip":["a"]}`, `{}`, `geoip: this field does not exist any more: write "sources": [{"source": "geoip", "paths": […]}]`},
		{`{"sources":[{"source":"geoip"}]}`, `{}`, "geoip 1: paths: want at least one database"},
		{`{"sources":[{"source":"geoip","paths":["a"]},{"source":"geoip","paths":["b"]}]}`, `{}`, "geoip 2: given twice: write all databases into one geoip option"},
		{`{"sources":[{"source":"nonsense"}]}`, `{}`, "unknown module: tocsin.sources.nonsense"},
		{`{"no_such_option":1}`, `{}`, "no_such_option"},
	} {
		text := `{"admin":{"disabled":true},"apps":{"tocsin":` + row.app + `,"http":{"servers":{"s":{"routes":[` +
			`{"match":[{"tocsin":` + row.matcher + `}],"handle":[{"handler":"tocsin"}]}]}}}}}`
		var cfg caddy.Config
		if err := caddy.StrictUnmarshalJSON([]byte(text), &cfg); err != nil {
			t.Fatal(err)
		}
		if err := caddy.Validate(&cfg); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: got %v, want %q in it", row.app, err, row.want)
		}
	}
	if n := references(); len(n) != 0 {
		t.Errorf("%s: references %v", h.dir, n)
	}
}

// A key stays out of errors, as it stays out of the log.
func TestErrorsKeepSecrets(t *testing.T) {
	h := newHost(t)
	const secret = "not for your eyes"
	t.Setenv("TOCSIN_TEST_KEY", secret)
	err := h.validate(globals("lapi nowhere {env.TOCSIN_TEST_KEY}") + "http://{ADDR} {\ntocsin\n}")
	if err == nil || strings.Contains(err.Error(), secret) {
		t.Errorf("got %v", err)
	}
}

func TestWarnsOfLeftmostAddress(t *testing.T) {
	h := newHost(t)
	const (
		proxies = "trusted_proxies static 127.0.0.0/8"
		strict  = "trusted_proxies_strict"
		warning = "trusted_proxies without trusted_proxies_strict"
	)
	for name, row := range map[string]struct {
		without []string // lines of the servers option
		want    int
	}{
		"strict":     {nil, 0},
		"not_strict": {[]string{strict}, 1},
		"no_proxies": {[]string{proxies}, 0},
		"neither":    {[]string{strict, proxies}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			h.t = t
			text := h.withList() + "http://{ADDR} {\ntocsin\nroute /a {\ntocsin\n}\n}\n" +
				"http://127.0.0.2:{PORT} {\ntocsin\n}"
			text = strings.Replace(text, "output discard", "output file {DIR}/"+name+".log {\nroll_disabled\n}", 1)
			for _, line := range row.without {
				text = strings.Replace(text, line+"\n", "\n", 1)
			}
			if err := h.validate(text); err != nil {
				t.Fatal(err)
			}
			log, err := os.ReadFile(filepath.Join(h.dir, name+".log"))
			if err != nil && !os.IsNotExist(err) {
				t.Fatal(err)
			}
			if n := strings.Count(string(log), warning); n != row.want {
				t.Errorf("%d warnings, want %d:\n%s", n, row.want, log)
			}
		})
	}
}
