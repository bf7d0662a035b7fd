package lapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/event"
	"github.com/tocsin-project/tocsin/internal/lapitest"
	"github.com/tocsin-project/tocsin/lookup"
)

// crowdOf returns alerts about n clients.
func crowdOf(n int) []event.Alert {
	alerts := make([]event.Alert, n)
	for i := range alerts {
		alerts[i] = about(fmt.Sprintf("198.51.%d.%d", 100+i/250, 1+i%250))
	}
	return alerts
}

// report reports alerts, checks the counts, and returns the error.
func (s *scene) report(alerts []event.Alert, taken, refused int) error {
	s.Helper()
	t, r, err := s.client.Report(s.Context(), alerts)
	if t != taken || r != refused || err == nil && t+r != len(alerts) {
		s.Errorf("%d taken, %d refused, want %d, %d; %v", t, r, taken, refused, err)
	}
	return err
}

// alertPushes returns the requests with alerts.
func (s *scene) alertPushes() (all []lapitest.Request) {
	for _, r := range s.Requests() {
		if r.Path == alertsPath {
			all = append(all, r)
		}
	}
	return all
}

// faultFor injects a fault for pushes with an alert about a client whose address
// contains value.
func (s *scene) faultFor(value string, n int, f lapitest.Fault) {
	s.InjectWhen(lapitest.Path(alertsPath), n, func(w http.ResponseWriter, r *http.Request, answer http.HandlerFunc) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			s.Error(err)
		}
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		if strings.Contains(string(body), `"value":"`+value) {
			f(w, r, answer)
			return
		}
		answer(w, r)
	})
}

func TestAnAlertBecomesABan(t *testing.T) {
	playFiltered(t, withMachine, func(s *scene) {
		s.run()
		if err := s.report([]event.Alert{about("192.0.2.1"), about("2001:db8:1:2::/64")}, 2, 0); err != nil {
			t.Error(err)
		}
		s.poll()
		s.want("192.0.2.1", lookup.Ban)
		s.want("2001:db8:1:2::99", lookup.Ban)
		d, _ := s.table.Lookup(addr("192.0.2.1"))
		if left := time.Until(d.Until); d.Origin != "crowdsec" || d.Reason != "crowdsecurity/http-probing" || left < 4*time.Hour-time.Minute {
			t.Errorf("%+v", d)
		}
	})
}

func TestABanOfAnAlertThatWaitedIsAsLong(t *testing.T) {
	playFiltered(t, withMachine, func(s *scene) {
		late := about("192.0.2.1")
		s.after(24 * time.Hour)
		s.run()
		_ = s.report([]event.Alert{late}, 1, 0)
		s.poll()
		s.want("192.0.2.1", lookup.Ban)
	})
}

func TestAlertsGoInBatches(t *testing.T) {
	playFiltered(t, withMachine, func(s *scene) {
		_ = s.report(nil, 0, 0)
		if len(s.Requests()) != 0 {
			t.Error("something was sent for nothing")
		}
		_ = s.report(crowdOf(120), 120, 0)
		if n := len(s.alertPushes()); n != 3 || len(s.Alerts()) != 120 || s.logins() != 1 {
			t.Errorf("%d pushes, %d alerts, %d logins", n, len(s.Alerts()), s.logins())
		}
	})
}

func TestTheLoginNamesTheScenarios(t *testing.T) {
	cfg := withMachine
	cfg.Scenarios = func() []string { return []string{"crowdsecurity/http-probing", "", "me/\x00mine"} }
	playFiltered(t, cfg, func(s *scene) {
		if err := s.client.Heartbeat(s.Context()); err != nil {
			t.Error(err)
		}
		if got := s.Scenarios(lapitest.DefaultMachine); len(got) != 2 || got[0] != "crowdsecurity/http-probing" || got[1] != "me/mine" {
			t.Errorf("%q", got)
		}
		if n := s.Heartbeats(lapitest.DefaultMachine); n != 1 {
			t.Errorf("%d heartbeats", n)
		}
	})
}

func TestReportsSurviveARestartOfTheServer(t *testing.T) {
	playFiltered(t, withMachine, func(s *scene) {
		_ = s.report(crowdOf(1), 1, 0)
		s.Restart() // all tokens become invalid
		_ = s.report(crowdOf(1), 1, 0)
		s.after(2 * time.Hour) // also after two hours
		_ = s.report(crowdOf(1), 1, 0)
		if n := s.logins(); n != 3 || len(s.Alerts()) != 3 {
			t.Errorf("%d logins, %d alerts", n, len(s.Alerts()))
		}
	})
}

// A server that refuses a request may close the connection before it has read the body.
func TestATokenThatIsRefusedByHangingUpIsRenewed(t *testing.T) {
	playFiltered(t, withMachine, func(s *scene) {
		_ = s.report(crowdOf(1), 1, 0)
		void := s.alertPushes()[0].Header.Get("Authorization")
		s.Restart()
		s.InjectWhen(func(r *http.Request) bool { return r.Header.Get("Authorization") == void }, -1,
			func(http.ResponseWriter, *http.Request, http.HandlerFunc) { panic(http.ErrAbortHandler) })
		if err := s.report(crowdOf(50), 0, 0); err == nil {
			t.Error("no error")
		}
		_ = s.report(crowdOf(50), 50, 0)
	})
}

func TestWhoIsNeverReported(t *testing.T) {
	playWith(t, lapitest.Config{}, withMachine, func(s *scene) {
		s.allow("203.0.113.0/24")
		s.run()
		for _, client := range []string{
			"127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.1.1", "100.64.0.1", "0.0.0.0", "224.0.0.1",
			"::1", "fe80::1", "fd00::1", "fd00::/64", "::ffff:10.0.0.1", "203.0.113.7",
		} {
			_ = s.report([]event.Alert{about(client)}, 0, 1)
		}
		_ = s.report([]event.Alert{{Scenario: "about nobody"}}, 0, 1)
		if len(s.alertPushes()) != 0 {
			t.Error("something was sent")
		}
		// The other alerts are reported in between.
		_ = s.report([]event.Alert{about("10.0.0.1"), about("192.0.2.1"), about("127.0.0.1"), about("192.0.2.2"), about("::1")}, 2, 3)
	})
}

func TestAlertsThatTheServerDropsAreCounted(t *testing.T) {
	playWith(t, lapitest.Config{}, withMachine, func(s *scene) {
		s.allow("198.51.100.2/32") // the client does not know it yet
		_ = s.report(crowdOf(3), 2, 1)
		if n := s.logs.FilterMessageSnippet("CrowdSec has dropped alerts").Len(); n != 1 {
			t.Errorf("said %d times", n)
		}
	})
}

func TestADecisionIsNotForcedOnAnAllowlist(t *testing.T) {
	cfg := withMachine
	cfg.Decide = true
	playFiltered(t, cfg, func(s *scene) {
		old := s.Generation() == lapitest.Old // which has no allowlists
		captcha := about("192.0.2.1")
		captcha.Action, captcha.Duration = lookup.Captcha, 30*time.Minute
		s.run()
		s.allow("192.0.2.77/32") // a new entry
		if !old {
			_ = s.report([]event.Alert{captcha, about("192.0.2.77"), about("192.0.2.0/24")}, 1, 2)
		} else {
			_ = s.report([]event.Alert{captcha}, 1, 0)
		}
		s.poll()
		s.want("192.0.2.1", lookup.Captcha)
		s.want("192.0.2.77", lookup.None)
		if !old {
			s.InjectWhen(lapitest.Path(allowlistsPath), -1, lapitest.Status(502, nil, ""))
			if err := s.report([]event.Alert{captcha}, 0, 0); err == nil {
				t.Error("a decision is forced on a server whose allowlists nobody knows")
			}
		}
	})
}

const invalid = `{"message":"validation failure list:\n0.capacity in body is required"}`

func TestOneBadAlertCostsNoOther(t *testing.T) {
	for name, fault := range map[string]lapitest.Fault{
		"malformed, by the words":   lapitest.Status(500, nil, invalid),
		"malformed, by other words": lapitest.Status(500, nil, `{"message":"ent: validator failed for field \"Event.serialized\""}`),
		"malformed, by the code":    lapitest.Status(400, nil, `{"message":"json: cannot unmarshal"}`),
		"too large":                 lapitest.Status(413, nil, "<html>"),
	} {
		t.Run(name, func(t *testing.T) {
			playFiltered(t, withMachine, func(s *scene) {
				s.faultFor("198.51.100.7", -1, fault)
				if err := s.report(crowdOf(60), 59, 1); err != nil {
					t.Error(err)
				}
				if len(s.Alerts()) != 59 || len(s.alertPushes()) != 52 {
					t.Errorf("%d alerts in %d pushes", len(s.Alerts()), len(s.alertPushes()))
				}
				if n := s.logs.FilterMessageSnippet("CrowdSec refuses an alert").Len(); n != 1 {
					t.Errorf("said %d times", n)
				}
			})
		})
	}
}

func TestAMalformedAlertAloneIsGivenUp(t *testing.T) {
	playFiltered(t, withMachine, func(s *scene) {
		s.faultFor("198.51.100.1", -1, lapitest.Status(500, nil, invalid))
		if err := s.report(crowdOf(1), 0, 1); err != nil {
			t.Error(err)
		}
	})
}

func TestWhoIsNotReportedIsDealtWithWhateverHappens(t *testing.T) {
	playFiltered(t, withMachine, func(s *scene) {
		s.InjectWhen(lapitest.Path(alertsPath), 1, lapitest.Status(502, nil, ""))
		alerts := []event.Alert{about("10.0.0.1"), about("192.0.2.1"), about("127.0.0.1"), about("192.0.2.2")}
		if err := s.report(alerts, 0, 1); err == nil {
			t.Error("no error")
		}
		_ = s.report(alerts[1:], 2, 1)
	})
}

const busy = `{"message":"unable to insert bulk: database is locked"}`

// A busy database fails at random, and no alert is the cause.
func TestABusyDatabaseLosesNothing(t *testing.T) {
	playFiltered(t, withMachine, func(s *scene) {
		left := crowdOf(60)
		for n := 0; len(left) > 0; n++ {
			s.ClearFaults()
			s.InjectWhen(lapitest.Path(alertsPath), 1+n%2, lapitest.Status(500, nil, busy))
			taken, refused, err := s.client.Report(s.Context(), left)
			if refused != 0 || n > 60 {
				t.Fatalf("%d refused after %d reports: %v", refused, n, err)
			}
			left = left[taken:]
			if len(left) == 10 { // one batch that fails each time
				break
			}
		}
		s.ClearFaults()
		_ = s.report(left, len(left), 0)
	})
}

func TestAnAlertThatTheServerAlwaysFailsAtIsGivenUpInTheEnd(t *testing.T) {
	playFiltered(t, withMachine, func(s *scene) {
		s.faultFor("198.51.100.7", -1, lapitest.Status(500, nil, busy))
		for range 5 - 1 {
			if err := s.report(crowdOf(10), 0, 0); err == nil {
				t.Error("no error")
			}
		}
		if err := s.report(crowdOf(10), 9, 1); err != nil {
			t.Error(err)
		}
		if err := s.report(crowdOf(10), 0, 0); err == nil {
			t.Error("the next one is given up at once")
		}
	})
}

func TestAnAlertAtTheEndThatTheServerFailsAtWaitsForAnother(t *testing.T) {
	playFiltered(t, withMachine, func(s *scene) {
		s.faultFor("198.51.100.3", -1, lapitest.Status(500, nil, busy))
		for range 5 - 1 {
			_ = s.report(crowdOf(3), 0, 0)
		}
		_ = s.report(crowdOf(3), 2, 0)
		_ = s.report(crowdOf(3)[2:], 0, 0)
		_ = s.report(append(crowdOf(3)[2:], about("192.0.2.1")), 1, 1)
		if len(s.Alerts()) != 3 {
			t.Errorf("%d alerts", len(s.Alerts()))
		}
	})
}

func TestAFailureOfTheServerLosesNothing(t *testing.T) {
	for name, tt := range map[string]struct {
		fault  lapitest.Fault
		pushes int
	}{
		"its database is busy":  {lapitest.Status(500, nil, busy), 1},
		"a gateway":             {lapitest.Status(502, nil, "<html>"), 1},
		"too many":              {lapitest.Status(429, nil, ""), 1},
		"it hangs":              {lapitest.Hang(), 1},
		"it refuses the token":  {lapitest.Status(401, nil, ""), 2},
		"a page":                {lapitest.Raw("<html>"), 1},
		"no list":               {lapitest.Status(201, nil, `{"message":"ok"}`), 1},
		"a list, but not taken": {lapitest.Status(200, nil, `["1"]`), 1},
		"an endless answer":     {lapitest.GiantString(1 << 20), 1},
	} {
		t.Run(name, func(t *testing.T) {
			playFiltered(t, withMachine, func(s *scene) {
				s.InjectWhen(lapitest.Path(alertsPath), -1, tt.fault)
				start := time.Now()
				err := s.report(crowdOf(60), 0, 0)
				if err == nil || strings.Contains(err.Error(), lapitest.DefaultPassword) {
					t.Error(err)
				}
				if d := time.Since(start); (d == 30*time.Second) != (name == "it hangs") || d > 30*time.Second || len(s.alertPushes()) != tt.pushes {
					t.Errorf("%d pushes in %v", len(s.alertPushes()), d)
				}
				s.ClearFaults()
				_ = s.report(crowdOf(60), 60, 0)
			})
		})
	}
}

func TestARefusedLoginIsNoRefusalOfAlerts(t *testing.T) {
	for _, code := range []int{400, 401, 403, 413, 422, 500} {
		playFiltered(t, withMachine, func(s *scene) {
			s.InjectWhen(lapitest.Path(loginPath), -1, lapitest.Status(code, nil, invalid))
			if err := s.report(crowdOf(2), 0, 0); err == nil || !strings.Contains(err.Error(), "logging in as machine testmachine") {
				t.Error(err)
			}
			if len(s.alertPushes()) != 0 {
				t.Error("something was sent")
			}
		})
	}
}

func TestAnAnswerCutShortIsAnAnswer(t *testing.T) {
	playFiltered(t, withMachine, func(s *scene) {
		s.InjectWhen(lapitest.Path(alertsPath), 1, lapitest.Cut(3))
		_ = s.report(crowdOf(2), 2, 0)
		if len(s.Alerts()) != 2 || len(s.alertPushes()) != 1 {
			t.Errorf("%d alerts in %d pushes", len(s.Alerts()), len(s.alertPushes()))
		}
	})
}

func TestAReportEndsWithItsContext(t *testing.T) {
	playFiltered(t, withMachine, func(s *scene) {
		s.InjectWhen(lapitest.Path(alertsPath), -1, lapitest.Hang())
		ctx, cancel := context.WithTimeout(s.Context(), time.Second)
		defer cancel()
		start := time.Now()
		if _, _, err := s.client.Report(ctx, crowdOf(2)); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

func TestReportWithoutAMachine(t *testing.T) {
	playWith(t, lapitest.Config{}, Config{}, func(s *scene) {
		if err := s.report(crowdOf(1), 0, 0); !errors.Is(err, ErrNoMachine) {
			t.Error(err)
		}
		_, err := s.client.Register(s.Context())
		if beat := s.client.Heartbeat(s.Context()); !errors.Is(beat, ErrNoMachine) || !errors.Is(err, ErrNoMachine) {
			t.Error(beat, err)
		}
	})
}

const registrationToken = "registration-token-0123456789abcdef"

var newcomer = Config{Machine: Machine{Name: "edge", Password: "a password of its own", Register: true}}

func TestAMachineRegistersItself(t *testing.T) {
	playFiltered(t, newcomer, func(s *scene) {
		err := s.report(crowdOf(1), 0, 0)
		if err == nil || !strings.Contains(err.Error(), "registered, but not validated: run `cscli machines validate edge` on the server") {
			t.Error(err)
		}
		s.after(time.Minute)
		_ = s.report(crowdOf(1), 0, 0)
		if n := registrations(s); n != 1 {
			t.Errorf("%d registrations within a minute", n)
		}
		s.Validate("edge")
		_ = s.report(crowdOf(1), 1, 0)
		if a := s.Alerts(); len(a) != 1 || a[0].Machine != "edge" {
			t.Errorf("%v", a)
		}
		s.RemoveMachine("edge")
		s.Restart()
		s.after(10 * time.Minute)
		_ = s.report(crowdOf(1), 0, 0)
		if n := registrations(s); n != 2 {
			t.Errorf("%d registrations of a machine that was lost", n)
		}
	})
}

func registrations(s *scene) (n int) {
	for _, r := range s.Requests() {
		if r.Path == "/v1/watchers" {
			n++
		}
	}
	return n
}

func TestARegistrationTokenLetsInAtOnce(t *testing.T) {
	cfg := newcomer
	cfg.Machine.Token = registrationToken
	playWith(t, lapitest.Config{RegistrationToken: registrationToken}, cfg, func(s *scene) {
		_ = s.report(crowdOf(1), 1, 0)
		if ok, err := s.client.Register(s.Context()); !ok || err != nil || registrations(s) != 1 {
			t.Errorf("a machine that is let in is registered again: %v, %v", ok, err)
		}
	})
}

func TestRegister(t *testing.T) {
	withToken := newcomer
	withToken.Machine.Token = registrationToken
	stranger := Config{Machine: Machine{Name: lapitest.DefaultMachine, Password: "a wrong one"}}
	for _, tt := range []struct {
		name      string
		cfg       Config
		server    lapitest.Config
		validated bool
		want      string // part of the error; "": no error
	}{
		{"no token", newcomer, lapitest.Config{}, false, ""},
		{"a token", withToken, lapitest.Config{RegistrationToken: registrationToken}, true, ""},
		{"another token", withToken, lapitest.Config{RegistrationToken: "other"}, false, "does not accept the registration token"},
		{"a token for a server that knows none", withToken, lapitest.Config{Generation: lapitest.Old}, false, ""},
		{"a name that is taken", stranger, lapitest.Config{}, false, "the name is in use"},
		{"a machine that may log in", withMachine, lapitest.Config{}, true, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			playWith(t, tt.server, tt.cfg, func(s *scene) {
				ok, err := s.client.Register(s.Context())
				if ok != tt.validated || (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
					t.Errorf("%v, %v", ok, err)
				}
				for _, l := range s.logs.All() {
					if strings.Contains(shown(l), registrationToken) || strings.Contains(shown(l), tt.cfg.Machine.Password) {
						t.Errorf("a secret stands in the log: %s", shown(l))
					}
				}
			})
		})
	}
}

func TestMachinesAreChecked(t *testing.T) {
	for want, m := range map[string]Machine{
		"both a name and a password":          {Name: "a"},
		"needs a name":                        {Register: true},
		"a registration token needs register": {Name: "a", Password: "b", Token: registrationToken},
		"want 32 to 255":                      {Name: "a", Password: "b", Register: true, Token: "short"},
	} {
		if _, err := New(Config{URL: "http://h", Key: "k", Machine: m}); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "short") {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// realMachine follows a real CrowdSec and reports to it.
func realMachine(t *testing.T) *real {
	cfg := withMachine
	cfg.Scenarios = func() []string { return []string{"crowdsecurity/http-probing"} }
	cfg.Locate = func(netip.Addr) Place { return Place{Country: "FR", AS: 64496, ASName: "Example"} }
	return followRealWith(t, cfg)
}

// report reports alerts, and repeats those for which 1.4.6 was too busy.
func (r *real) report(alerts []event.Alert, taken, refused int) {
	r.Helper()
	r.until("the alerts are dealt with", func() bool {
		t, f, err := r.client.Report(r.Context(), alerts)
		taken, refused, alerts = taken-t, refused-f, alerts[t+f:]
		return err == nil
	})
	if taken != 0 || refused != 0 {
		r.Errorf("too few by %d taken, %d refused", taken, refused)
	}
}

func TestRealReport(t *testing.T) {
	r := realMachine(t)
	late := about("192.0.2.1")
	late.Stop = late.Stop.Add(-5 * time.Hour)
	onlyAlert, captcha := about("192.0.2.2"), about("192.0.2.3")
	onlyAlert.Remediation, onlyAlert.Simulated, captcha.Action = false, true, lookup.Captcha
	hostile := about("192.0.2.4")
	for i := range hostile.Context {
		c := &hostile.Context[i]
		c.Target, c.UserAgent = "/"+strings.Repeat("<\"\x00\xff", 10_000), strings.Repeat("\u2028&\\", 5000)
	}
	r.report([]event.Alert{late, onlyAlert, captcha, hostile, about("10.0.0.1"), about("2001:db8:1:2::/64")}, 5, 1)
	r.untilAction("192.0.2.1", lookup.Ban)
	r.untilAction("192.0.2.4", lookup.Ban)
	r.untilAction("2001:db8:1:2::77", lookup.Ban)
	r.untilAction("192.0.2.2", lookup.None)
	r.untilAction("192.0.2.3", lookup.None)

	var alerts []struct {
		Scenario  string
		Hash      string `json:"scenario_hash"`
		Version   string `json:"scenario_version"`
		Count     int    `json:"events_count"`
		Simulated bool
		Source    struct {
			Scope, Value, CN string
			AS               string `json:"as_number"`
			ASName           string `json:"as_name"`
		}
		Events []struct {
			Meta []struct{ Key, Value string }
		}
	}
	if err := json.Unmarshal([]byte(r.Cscli("alerts", "list", "-a", "-o", "json")), &alerts); err != nil {
		t.Fatal(err)
	}
	about := map[string]bool{}
	for _, a := range alerts {
		about[a.Source.Value] = true
	}
	if len(about) != 5 { // some may be stored twice, if the server was busy
		t.Fatalf("alerts about %d clients in the list", len(about))
	}
	for _, a := range alerts {
		if a.Scenario != "crowdsecurity/http-probing" || len(a.Hash) != 64 || a.Version != "0.4" || a.Count != 11 || len(a.Events) != 2 || len(a.Events[0].Meta) < 5 {
			t.Errorf("%+v", a)
		}
		if a.Source.CN != "FR" || a.Source.AS != "64496" || a.Source.ASName != "Example" || a.Simulated != (a.Source.Value == "192.0.2.2") {
			t.Errorf("%+v, simulated: %v", a.Source, a.Simulated)
		}
	}
	if list := r.Cscli("decisions", "list"); !strings.Contains(list, "192.0.2.1") || !strings.Contains(list, "2001:db8:1:2::/64") {
		t.Errorf("no ban in the list: %s", list)
	}
	if r.Generation() != lapitest.Old { // it has no kinds, and is the last that lists a machine's scenarios
		if list := r.Cscli("alerts", "list", "--kind", "crowdsec", "-o", "json"); strings.Count(list, `"scenario":`) < len(alerts) {
			t.Errorf("alerts of kind crowdsec: %s", list)
		}
		return
	}
	if list := r.Cscli("machines", "list", "-o", "json"); !strings.Contains(list, `"scenarios": "crowdsecurity/http-probing"`) {
		t.Errorf("no scenario in the list: %s", list)
	}
}

func TestRealReportSurvivesRestartsAndBatches(t *testing.T) {
	r := realMachine(t)
	r.report(crowdOf(1), 1, 0)
	r.Kill()
	if n, f, err := r.client.Report(t.Context(), crowdOf(2)); n != 0 || f != 0 || err == nil {
		t.Errorf("%d, %d, %v from a server that is gone", n, f, err)
	}
	r.Restart() // the token becomes invalid
	r.report(crowdOf(120), 120, 0)
	r.until("all bans", func() bool { return r.table.Count("lapi") == 120 })
	if err := r.client.Heartbeat(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestRealDecisionsRideAlong(t *testing.T) {
	cfg := withMachine
	cfg.Decide = true
	r := followRealWith(t, cfg)
	captcha := about("192.0.2.1")
	captcha.Action, captcha.Duration = lookup.Captcha, 90*time.Minute
	r.report([]event.Alert{captcha}, 1, 0)
	r.untilAction("192.0.2.1", lookup.Captcha)
	d, _ := r.table.Lookup(addr("192.0.2.1"))
	if left := time.Until(d.Until); d.Origin != "tocsin" || left > 90*time.Minute || left < 85*time.Minute {
		t.Errorf("%+v", d)
	}
}

func TestRealRegister(t *testing.T) {
	r := followRealWith(t, newcomer)
	r.until("the machine is registered", func() bool {
		_, _, err := r.client.Report(t.Context(), crowdOf(1))
		return err != nil && strings.Contains(err.Error(), "registered, but not validated")
	})
	r.Cscli("machines", "validate", "edge")
	r.report(crowdOf(1), 1, 0)
	if ok, err := r.client.Register(t.Context()); !ok || err != nil {
		t.Error(ok, err)
	}
}
