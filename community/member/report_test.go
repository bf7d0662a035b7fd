package member

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tocsin-project/tocsin/community/protocol"
	"github.com/tocsin-project/tocsin/event"
	"github.com/tocsin-project/tocsin/lookup"
)

const hubHash = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

var morning = time.Date(2026, 11, 30, 8, 15, 42, 123456789, time.FixedZone("CET", 3600))

// charge is an alert with all that an alert can have.
func charge(ip string) event.Alert {
	addr := netip.MustParseAddr(ip)
	return event.Alert{
		Kind: "waf", Scenario: "crowdsecurity/http-probing", Version: "0.4", Hash: hubHash, Message: ip + " probes for /secret/path on intranet.example",
		Client: addr, Prefix: event.ClientOf(addr), Place: "POST intranet.example/login", Places: []string{"GET intranet.example/secret"},
		Start: morning, Stop: morning.Add(90 * time.Second), Count: 11, Capacity: 10, Leak: 10 * time.Second,
		Remediation: true, Action: lookup.Ban, Duration: 4 * time.Hour, Ordered: true, Labels: map[string]string{"behavior": "http:scan", "own": "secret label"},
		Context: []event.Context{{
			Time: morning, Method: "BREW", Target: "/secret/path", Query: "token=hunter2", Host: "intranet.example", Status: 404, UserAgent: "Mozilla/5.0 (secret agent)",
			Rule: "acme/secret-rule", Message: "secret finding", Zones: "ARGS.secret",
		}},
	}
}

// This is every byte that a community gets of an alert.
func TestWhatLeavesThisServer(t *testing.T) {
	c := new(centre)
	m := c.join(t, func(cfg *Config) { cfg.Agent = "tocsin/0.1.0" })
	own := charge("2001:db8:1:2:3:4:5:6")
	own.Scenario, own.Hash, own.Count, own.Stop = "tocsin/http-exploit", "", 1, own.Start
	taken, refused, err := m.Report(t.Context(), []event.Alert{charge("203.0.113.7"), own})
	if taken != 2 || refused != 0 || err != nil {
		t.Fatalf("%d, %d, %v", taken, refused, err)
	}
	want := `{"signals":[` +
		`{"address":"203.0.113.7","scenario":"crowdsecurity/http-probing","hash":"` + hubHash + `","first":"2026-11-30T07:15:00Z","last":"2026-11-30T07:17:00Z","count":8},` +
		`{"address":"2001:db8:1:2::/64","scenario":"tocsin/http-exploit","first":"2026-11-30T07:15:00Z","last":"2026-11-30T07:15:00Z","count":1}]}`
	if len(c.bodies) != 1 || c.bodies[0] != want {
		t.Errorf("sent\n%s, want\n%s", c.bodies, want)
	}
	h := c.headers[0]
	for name := range h {
		switch name {
		case "User-Agent", "Accept", "Content-Type", "Authorization", "Content-Length":
		default:
			t.Errorf("a header %s: %v", name, h[name])
		}
	}
	if len(c.asked) != 1 || c.asked[0] != "POST /api/v1/signals" || h.Get("User-Agent") != "tocsin/0.1.0" {
		t.Errorf("%v %v", c.asked, h)
	}
}

func TestWhichAlertsAreSent(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(*event.Alert)
		kept   string // the count of why it is not sent; empty: it is sent
	}{
		{"a ban", func(*event.Alert) {}, ""},
		{"a challenge", func(a *event.Alert) { a.Action = lookup.Captcha }, ""},
		{"a decision that the receiver chooses", func(a *event.Alert) { a.Action, a.Duration = lookup.None, 0 }, ""},
		{"no decision", func(a *event.Alert) { a.Remediation = false }, "alerts_uncertain"},
		{"another site's page sent the requests", func(a *event.Alert) { a.Reflected = true }, "alerts_uncertain"},
		{"perhaps another site's page did", func(a *event.Alert) { a.Mild = true }, "alerts_uncertain"},
		{"a crawler, perhaps", func(a *event.Alert) { a.Unproven, a.Mild = true, true }, "alerts_uncertain"},
		{"simulated", func(a *event.Alert) { a.Simulated = true }, "alerts_uncertain"},
		{"a place that many attack", func(a *event.Alert) { a.Guard = event.GuardPlace }, "alerts_uncertain"},
		{"a network", func(a *event.Alert) { a.Guard = event.GuardNetwork }, "alerts_uncertain"},
		{"a wider range", func(a *event.Alert) { a.Prefix = netip.MustParsePrefix("203.0.113.0/24") }, "alerts_not_public"},
		{"another address than the client's", func(a *event.Alert) { a.Prefix = netip.MustParsePrefix("198.51.100.1/32") }, "alerts_not_public"},
		{"no range, only a client", func(a *event.Alert) { a.Prefix = netip.Prefix{} }, ""},
		{"no client, only a range", func(a *event.Alert) { a.Client = netip.Addr{} }, ""},
		{"nobody", func(a *event.Alert) { a.Client, a.Prefix = netip.Addr{}, netip.Prefix{} }, "alerts_not_public"},
		{"a private client", func(a *event.Alert) { a.Client, a.Prefix = netip.MustParseAddr("10.0.0.1"), netip.Prefix{} }, "alerts_not_public"},
		{"a client of a carrier", func(a *event.Alert) { a.Client, a.Prefix = netip.MustParseAddr("100.64.0.1"), netip.Prefix{} }, "alerts_not_public"},
		{"a client of Teredo", func(a *event.Alert) {
			a.Client = netip.MustParseAddr("2001:0:1:2:3:4:5:6")
			a.Prefix = event.ClientOf(a.Client)
		}, "alerts_not_public"},
		{"a client of 6to4", func(a *event.Alert) {
			a.Client = netip.MustParseAddr("2002:cb00:7107::1")
			a.Prefix = event.ClientOf(a.Client)
		}, ""},
		{"a scenario of the operator", func(a *event.Alert) { a.Scenario, a.Hash = "intranet/login-of-bob", "" }, "alerts_own_scenario"},
		{"a scenario of the operator without an author", func(a *event.Alert) { a.Scenario, a.Hash = "bob", "" }, "alerts_own_scenario"},
		{"an invalid name", func(a *event.Alert) { a.Scenario = "crowdsecurity/x y" }, "alerts_own_scenario"},
		{"a long name", func(a *event.Alert) { a.Scenario = "crowdsecurity/" + strings.Repeat("x", 200) }, "alerts_own_scenario"},
		{"an invalid hash", func(a *event.Alert) { a.Hash = "hunter2" }, "alerts_own_scenario"},
		{"tocsin's own scenario", func(a *event.Alert) { a.Scenario, a.Hash = "tocsin/waf-attacks", "" }, ""},
	} {
		c := new(centre)
		m := c.join(t)
		a := charge("203.0.113.7")
		row.change(&a)
		taken, refused, err := m.Report(t.Context(), []event.Alert{a})
		sent := c.did("POST /api/v1/signals") == 1
		if sent != (row.kept == "") || taken+refused != 1 || (taken == 1) != sent || err != nil {
			t.Errorf("%s: sent %v, %d taken, %d refused, error %v", row.name, sent, taken, refused, err)
		}
		if row.kept != "" && m.Counts()[row.kept] != 1 {
			t.Errorf("%s: %v", row.name, m.Counts())
		}
	}
}

// A server behind this one may refuse a client because of the same list. What this one then
// sees is no evidence.
func TestTheCommunityIsNotToldItsOwnWords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, table := new(centre), new(lookup.Table)
		m := c.join(t)
		before := time.Now()
		<-time.After(time.Minute)
		c.list("203.0.113.7", "ban", time.Now().Add(time.Hour))
		c.list("203.0.113.8", "captcha", time.Now().Add(time.Hour))
		polled(t, m, table)
		table.Update("lapi", []lookup.Decision{{Prefix: netip.MustParsePrefix("203.0.113.9/32"), Action: lookup.Ban}}, nil)
		<-time.After(time.Minute)
		for _, row := range []struct {
			name, ip string
			start    time.Time
			sent     bool
		}{
			{"banned by the community before it began", "203.0.113.7", time.Now(), false},
			{"it began before", "203.0.113.7", before, true},
			{"challenged by the community", "203.0.113.8", time.Now(), true},
			{"banned by another source", "203.0.113.9", time.Now(), true},
			{"another client", "203.0.113.10", time.Now(), true},
		} {
			a := charge(row.ip)
			a.Start, a.Stop = row.start, time.Now()
			taken, _, err := m.Report(t.Context(), []event.Alert{a})
			if (taken == 1) != row.sent || err != nil {
				t.Errorf("%s: %d sent, %v", row.name, taken, err)
			}
		}
		if n := m.Counts()["alerts_echo"]; n != 1 {
			t.Errorf("%d echoes, want 1", n)
		}
	})
}

// batchOf returns n alerts about n addresses.
func batchOf(n int) []event.Alert {
	all := make([]event.Alert, n)
	for i, ip := range addresses(n) {
		all[i] = charge(ip)
	}
	return all
}

func TestBatchesAreSmall(t *testing.T) {
	c := new(centre)
	taken, refused, err := c.join(t).Report(t.Context(), batchOf(600))
	if taken != 600 || refused != 0 || err != nil || len(c.bodies) != 3 {
		t.Fatalf("%d taken, %d refused, %v, %d batches", taken, refused, err, len(c.bodies))
	}
	for i, body := range c.bodies {
		var sent protocol.SignalsRequest
		if err := json.Unmarshal([]byte(body), &sent); err != nil || len(sent.Signals) > 250 || len(body) > 1<<20 {
			t.Errorf("batch %d: %v, %d signals, %d bytes", i, err, len(sent.Signals), len(body))
		}
	}
}

func TestWhatBecomesOfReports(t *testing.T) {
	alerts := batchOf(4)
	alerts[1].Mild = true
	for _, row := range []struct {
		name           string
		code           int
		answer         protocol.SignalsAnswer
		taken, refused int
		failed         bool
		asks           int
	}{
		{"all accepted", 200, protocol.SignalsAnswer{Accepted: 3}, 3, 1, false, 1},
		{"all known", 200, protocol.SignalsAnswer{Known: 3}, 3, 1, false, 1},
		{"one refused", 200, protocol.SignalsAnswer{Accepted: 2, Refused: []protocol.Refusal{{Index: 1, Reason: "no"}}}, 2, 2, false, 1},
		{"refusals that are none", 200, protocol.SignalsAnswer{Refused: []protocol.Refusal{{Index: -1}, {Index: 9}, {Index: 2}, {Index: 2}}}, 2, 2, false, 1},
		{"the batch is malformed, and each of it", 400, protocol.SignalsAnswer{}, 0, 4, false, 5},
		{"too large", 413, protocol.SignalsAnswer{}, 0, 4, false, 5},
		{"a broken centre", 500, protocol.SignalsAnswer{}, 0, 0, true, 1},
		{"a gateway", 502, protocol.SignalsAnswer{}, 0, 0, true, 1},
		{"too many", 429, protocol.SignalsAnswer{}, 0, 0, true, 1},
		{"a refused key", 401, protocol.SignalsAnswer{}, 0, 0, true, 1},
		{"not found", 404, protocol.SignalsAnswer{}, 0, 0, true, 1},
	} {
		c := &centre{answer: row.answer}
		if row.code != 200 {
			c.instead = func(w http.ResponseWriter, _ *http.Request) bool { refuse(w, row.code, "no"); return true }
		}
		taken, refused, err := c.join(t).Report(t.Context(), alerts)
		if taken != row.taken || refused != row.refused || (err != nil) != row.failed || c.did("POST") != row.asks {
			t.Errorf("%s: %d taken, %d refused, error %v, %d requests", row.name, taken, refused, err, c.did("POST"))
		}
	}
}

// Of a batch with one report that the centre cannot read, only that is lost.
func TestOneMalformedReportIsFound(t *testing.T) {
	c := new(centre)
	c.instead = func(w http.ResponseWriter, _ *http.Request) bool {
		if strings.Contains(c.bodies[len(c.bodies)-1], `"203.0.113.77"`) {
			refuse(w, http.StatusUnprocessableEntity, "signal 77")
			return true
		}
		return false
	}
	taken, refused, err := c.join(t).Report(t.Context(), batchOf(100))
	if taken != 99 || refused != 1 || err != nil || c.did("POST") > 16 {
		t.Errorf("%d taken, %d refused, %v, %d requests", taken, refused, err, c.did("POST"))
	}
}

// A failure in the middle leaves the rest to the next try.
func TestAFailureInTheMiddle(t *testing.T) {
	c := new(centre)
	c.instead = func(w http.ResponseWriter, _ *http.Request) bool {
		if len(c.bodies) == 2 {
			refuse(w, http.StatusServiceUnavailable, "busy")
			return true
		}
		return false
	}
	alerts := batchOf(300)
	alerts[0].Mild, alerts[260].Mild = true, true
	m := c.join(t)
	taken, refused, err := m.Report(t.Context(), alerts)
	if taken != 250 || refused != 1 || err == nil {
		t.Fatalf("%d taken, %d refused, %v", taken, refused, err)
	}
	taken, refused, err = m.Report(t.Context(), alerts[251:])
	if taken != 48 || refused != 1 || err != nil {
		t.Errorf("then %d taken, %d refused, %v", taken, refused, err)
	}
}

func TestTheCentreCanAskForAPause(t *testing.T) {
	for _, row := range []struct {
		header string
		want   time.Duration
	}{{"", 0}, {"30", 30 * time.Second}, {"86400", 10 * time.Minute}, {"Sat, 01 Jan 2000 00:01:00 GMT", time.Minute}} {
		synctest.Test(t, func(t *testing.T) {
			c := new(centre)
			c.instead = func(w http.ResponseWriter, _ *http.Request) bool {
				w.Header().Set("Retry-After", row.header)
				refuse(w, http.StatusTooManyRequests, "slow down")
				return true
			}
			m := c.join(t)
			began := time.Now()
			_, _, _ = m.Report(t.Context(), batchOf(1))
			c.set(func(c *centre) { c.instead = nil })
			for {
				if taken, _, err := m.Report(t.Context(), batchOf(1)); err == nil && taken == 1 {
					break
				} else if !strings.Contains(err.Error(), "pause") {
					t.Fatal(err)
				}
				<-time.After(time.Second)
			}
			if got := time.Since(began); got != row.want || c.did("POST") != 2 {
				t.Errorf("Retry-After %q: %d requests, the second after %v, want %v", row.header, c.did("POST"), got, row.want)
			}
		})
	}
}

// Whatever is in an alert, no more of it leaves than a signal may have.
func FuzzNothingElseLeaves(f *testing.F) {
	f.Add("/wp-login.php?x", "example.com", "Mozilla/5.0", "token=hunter2hunter2", "POST example.com/login", "behavior of label", "crowdsecurity/http-probing", hubHash, 3, int64(5))
	f.Add(`","count":9,"x":"`, "\x00\xff", "<script>", "a=b&c=d", "\u202e", "x", "tocsin/x", "", -1, int64(-5))
	shape := regexp.MustCompile(`^\{"signals":\[\{"address":"203\.0\.113\.7","scenario":"[A-Za-z0-9._-]{1,64}/[A-Za-z0-9._-]{1,96}"(,"hash":"[0-9a-f]{64}")?,` +
		`"first":"\d{4}-\d\d-\d\dT\d\d:\d\d:00Z","last":"\d{4}-\d\d-\d\dT\d\d:\d\d:00Z","count":(1|2|4|8|\d{2,7})\}\]\}$`)
	f.Fuzz(func(t *testing.T, path, host, agent, query, place, label, scenario, hash string, count int, seconds int64) {
		c := new(centre)
		a := charge("203.0.113.7")
		a.Scenario, a.Hash, a.Count, a.Message = scenario, hash, count, path
		a.Stop = a.Start.Add(time.Duration(seconds%1e6) * time.Second)
		a.Kind, a.Version, a.Place, a.Places, a.Labels = label, label, place, []string{place}, map[string]string{label: label}
		a.Context = []event.Context{{Method: label, Target: path, Query: query, Host: host, UserAgent: agent, Rule: label, Message: query, Zones: place}}
		_, _, err := c.join(t).Report(t.Context(), []event.Alert{a})
		if err != nil {
			t.Fatal(err)
		}
		for _, body := range c.bodies {
			if !shape.MatchString(body) {
				t.Fatalf("sent %s", body)
			}
			for _, secret := range []string{path, host, agent, query, place, label} {
				if len(secret) > 7 && strings.Contains(body, secret) && !strings.Contains(scenario+hash, secret) && !strings.Contains(fmt.Sprint(allowedWords), secret) {
					t.Fatalf("%q is in %s", secret, body)
				}
			}
		}
	})
}

// allowedWords are what every signal has, so that it is no leak.
var allowedWords = []string{`{"signals":[{"address":"203.0.113.7","scenario":"`, `","hash":"`, `","first":"2026-11-30T07:15:00Z","last":"`, `:00Z","count":`}
