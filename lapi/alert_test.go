package lapi

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/tocsin-project/tocsin/event"
	"github.com/tocsin-project/tocsin/lookup"
)

// about returns an alert about a client: an address or a range.
func about(client string) event.Alert {
	p, err := lookup.ParsePrefix(client)
	if err != nil {
		panic(err)
	}
	return event.Alert{
		Scenario: "crowdsecurity/http-probing", Version: "0.4", Hash: strings.Repeat("ab", 32), Message: "probing by " + client,
		Client: p.Addr(), Prefix: p, Start: time.Now().Add(-time.Minute), Stop: time.Now(), Count: 11, Capacity: 10, Leak: 10 * time.Second,
		Remediation: true, Action: lookup.Ban, Duration: 4 * time.Hour,
		Context: []event.Context{
			{Time: time.Now(), Method: "GET", Target: "/wp-config.php?password=secret", Host: "example.com", Status: 404, UserAgent: "curl/8"},
			{Time: time.Now(), Method: "GET", Target: "/.env", Host: "example.com", Status: 404, UserAgent: "curl/8"},
		},
	}
}

func inJSONForm(t *testing.T, a event.Alert, decide bool) string {
	t.Helper()
	text, err := json.Marshal(newPushed(&a, time.Date(2026, 11, 23, 12, 0, 0, 5, time.UTC), disclosure{decide: decide}))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestAnAlertTellsWhereItsClientIs(t *testing.T) {
	for _, row := range []struct {
		name, about string
		at          Place
		want        string
		events      string
	}{
		{
			"all of it", "192.0.2.1",
			Place{"FR", 64496, "Example"},
			`"ip":"192.0.2.1","cn":"FR","as_number":"64496","as_name":"Example"}`,
			`{"key":"IsoCode","value":"FR"},{"key":"ASNNumber","value":"64496"},{"key":"ASNOrg","value":"Example"}`,
		},
		{"a range of IPv6", "2001:db8:1:2::/64", Place{Country: "FR"}, `"range":"2001:db8:1:2::/64","cn":"FR"}`, `{"key":"IsoCode","value":"FR"}`},
		{"nowhere", "192.0.2.1", Place{}, `"ip":"192.0.2.1"}`, ""},
		{"a name to break terminals", "192.0.2.1", Place{ASName: "a\x1b[31mb\u202e"}, `"as_name":"a[31mb"`, ""},
	} {
		a := about(row.about)
		tell := disclosure{locate: func(ip netip.Addr) Place {
			if ip != a.Prefix.Addr() {
				t.Errorf("%s: asked where %s is", row.name, ip)
			}
			return row.at
		}}
		text, err := json.Marshal(newPushed(&a, time.Now(), tell))
		if err != nil || !strings.Contains(string(text), row.want) || !strings.Contains(string(text), row.events) {
			t.Errorf("%s: %s, want %s and %s; %v", row.name, text, row.want, row.events, err)
		}
	}
}

func TestTheFormOfAnAlert(t *testing.T) {
	base := about("192.0.2.1")
	for _, tt := range []struct {
		name   string
		change func(*event.Alert)
		decide bool
		want   []string
		not    []string
	}{
		{
			"an address", func(*event.Alert) {}, false,
			[]string{`"source":{"scope":"Ip","value":"192.0.2.1","ip":"192.0.2.1"}`, `"remediation":true`, `"kind":"crowdsec"`, `"simulated":false`, `"leakspeed":"10s"`, `"scenario_version":"0.4"`, `"events_count":11,`},
			[]string{"decisions"},
		},
		{"a network of IPv6", func(a *event.Alert) {
			a.Prefix, a.Client = netip.MustParsePrefix("2001:db8:1:2::/64"), addr("2001:db8:1:2::5")
		}, false, []string{`"source":{"scope":"Range","value":"2001:db8:1:2::/64","ip":"2001:db8:1:2::5","range":"2001:db8:1:2::/64"}`}, nil},
		{"a client without a prefix, mapped into IPv6", func(a *event.Alert) {
			a.Prefix, a.Client = netip.Prefix{}, addr("::ffff:192.0.2.9")
		}, false, []string{`"scope":"Ip","value":"192.0.2.9"`}, nil},
		{
			"the context, without queries and hosts", func(*event.Alert) {}, false,
			[]string{`{"key":"target_uri","value":"[\"/wp-config.php\",\"/.env\"]"}`, `{"key":"user_agent","value":"[\"curl/8\"]"}`, `{"key":"http_path","value":"/.env"}`},
			[]string{"secret", "password", "example.com"},
		},
		{"an alert that waited ends when it is sent, or its ban would be short", func(a *event.Alert) {
			a.Stop = a.Stop.Add(-20 * time.Hour)
		}, false, []string{`"stop_at":"2026-11-23T12:00:00Z"`}, nil},
		{"one that asks for no decision ends when it ended", func(a *event.Alert) {
			a.Remediation, a.Stop = false, time.Date(2026, 11, 22, 1, 2, 3, 0, time.UTC)
		}, true, []string{`"stop_at":"2026-11-22T01:02:03Z"`, `"remediation":false`}, []string{"decisions"}},
		{"one of a scenario that is simulated", func(a *event.Alert) {
			a.Remediation, a.Action, a.Duration, a.Simulated = false, lookup.None, 0, true
		}, true, []string{`"simulated":true`, `"remediation":false`}, []string{"decisions"}},
		{
			"what a rule of the WAF has found", func(a *event.Alert) {
				*a = event.Alert{
					Kind: "waf", Scenario: "own/rule", Message: "WAF block: own/rule from 192.0.2.1 (tocsin)", Client: a.Client, Prefix: a.Prefix,
					Start: a.Start, Stop: a.Stop, Count: 1, Capacity: 1,
					Context: []event.Context{{
						Time: a.Stop, Method: "GET", Target: "/x", Query: "a=secret", Host: "example.com", UserAgent: "curl/8",
						Rule: "own/rule", Message: "A hole", Zones: "REQUEST_FILENAME,ARGS_GET.a",
					}},
				}
			}, true,
			[]string{
				`"kind":"waf","scenario":"own/rule","scenario_hash":"","scenario_version":"","message":"WAF block: own/rule from 192.0.2.1 (tocsin)","capacity":1,"leakspeed":"","events_count":1`,
				`"meta":[{"key":"service","value":"appsec"},{"key":"source_ip","value":"192.0.2.1"},{"key":"rule_name","value":"own/rule"},{"key":"message","value":"A hole"},{"key":"uri","value":"/x"},{"key":"matched_zones","value":"REQUEST_FILENAME,ARGS_GET.a"}]`,
				`{"key":"name","value":"[\"own/rule\"]"},{"key":"msg","value":"[\"A hole\"]"},{"key":"matched_zones","value":"[\"REQUEST_FILENAME,ARGS_GET.a\"]"}`,
				`"remediation":false`,
			},
			[]string{"decisions", "secret", "example.com"},
		},
		{"a captcha asks for no ban", func(a *event.Alert) { a.Action = lookup.Captcha }, false, []string{`"remediation":false`}, nil},
		{"a captcha that brings its decision", func(a *event.Alert) { a.Action = lookup.Captcha }, true, []string{
			`"remediation":true`, `"decisions":[{"origin":"tocsin","type":"captcha","scope":"Ip","value":"192.0.2.1","duration":"4h0m0s","scenario":"crowdsecurity/http-probing"}]`,
		}, nil},
		{"an alert that leaves the answer open", func(a *event.Alert) { a.Action, a.Duration = lookup.None, 0 }, true, []string{`"remediation":true`}, []string{"decisions"}},
		{
			"an alert without anything has every key all the same", func(a *event.Alert) { *a = event.Alert{Client: addr("192.0.2.1")} }, false,
			[]string{`"events":[]`, `"scenario_hash":""`, `"leakspeed":"0s"`, `"start_at":"2026-11-23T12:00:00Z"`},
			[]string{"null"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := base
			tt.change(&a)
			text := inJSONForm(t, a, tt.decide)
			for _, want := range tt.want {
				if !strings.Contains(text, want) {
					t.Errorf("%s\nlacks %s", text, want)
				}
			}
			for _, not := range tt.not {
				if strings.Contains(text, not) {
					t.Errorf("%s\nhas %s", text, not)
				}
			}
		})
	}
}

func TestOnlyThePathOfATargetIsTold(t *testing.T) {
	for target, want := range map[string]string{
		"/a/b?x=1":                      "/a/b",
		"/a#b":                          "/a",
		"?x=1":                          "",
		"*":                             "*",
		"http://user:pw@host/a?b":       "/a",
		"https://user:pw@host":          "/",
		"//host/a":                      "//host/a",
		"/redirect/http://host/a":       "/redirect/http://host/a",
		"/a\x1b[31m\u202ered\x00\x7f":   "/a[31mred",
		"/\xff\xfe":                     "/\ufffd\ufffd",
		"/" + strings.Repeat("<", 1000): "/" + strings.Repeat("<", (2048-1)/6),
	} {
		if got := path(target); got != want {
			t.Errorf("%q: %q, want %q", target, got, want)
		}
	}
}

// FuzzAlert checks that the API accepts the alert about any client: nothing is too
// long, and nothing is invisible to its readers.
func FuzzAlert(f *testing.F) {
	f.Add("GET", "/a?b=secret", "curl", "x/y", "m", 3)
	f.Add("\x00\"<", "http://u:p@h/\u2028\xff", strings.Repeat("&", 5000), strings.Repeat("é", 300), "\x1b", 12)
	f.Fuzz(func(t *testing.T, method, target, agent, scenario, message string, n int) {
		a := about("192.0.2.1")
		a.Scenario, a.Message, a.Context = scenario, message, nil
		for i := range min(max(n, 0), 20) {
			a.Context = append(a.Context, event.Context{Method: method, Target: strings.Repeat("/", i) + target, UserAgent: agent, Status: n})
		}
		p := newPushed(&a, time.Now(), disclosure{decide: true})
		if len(p.Scenario) > 255 || len(p.Message) > 255 || len(p.Events) > 10 {
			t.Errorf("too long: %+v", p)
		}
		for _, e := range p.Events {
			if text, err := json.Marshal(e.Meta); err != nil || len(text) >= 8191 {
				t.Errorf("an event of %d bytes, %v", len(text), err)
			}
			wellFormed(t, e.Meta)
		}
		for _, m := range p.Meta {
			var list []string
			if err := json.Unmarshal([]byte(m.Value), &list); err != nil || len(list) == 0 || len(m.Value) > 4095 {
				t.Errorf("%s: %v of %d bytes", m.Key, err, len(m.Value))
			}
		}
		wellFormed(t, p.Meta)
	})
}

func wellFormed(t *testing.T, all []pushedMeta) {
	t.Helper()
	for _, m := range all {
		if !utf8.ValidString(m.Value) || strings.ContainsFunc(m.Value, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("%s: %q", m.Key, m.Value)
		}
		if m.Key == "http_path" && strings.ContainsAny(m.Value, "?#") {
			t.Errorf("a query is told: %q", m.Value)
		}
	}
}

func TestWhatIsToldOfARequest(t *testing.T) {
	at := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	a := event.Alert{
		Client:  netip.MustParseAddr("203.0.113.7"),
		Context: []event.Context{{Time: at, Method: "GET", Target: "/login", Query: "token=secret", Host: "intern.example.com", Status: 401}},
	}
	for _, row := range []struct {
		name        string
		tell        disclosure
		want, leave []string
	}{
		{"the least", disclosure{}, []string{`"[\"/login\"]"`}, []string{"secret", "intern"}},
		{"the query, too", disclosure{query: true}, []string{`/login?token=secret`}, []string{"intern"}},
		{"the host, too", disclosure{host: true}, []string{`intern.example.com`}, []string{"secret"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			text, err := json.Marshal(newPushed(&a, at, row.tell))
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range row.want {
				if !strings.Contains(string(text), want) {
					t.Errorf("no %s in %s", want, text)
				}
			}
			for _, leave := range row.leave {
				if strings.Contains(string(text), leave) {
					t.Errorf("%s in %s", leave, text)
				}
			}
		})
	}
}
