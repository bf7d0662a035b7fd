package engine

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tocsin-project/tocsin/event"
	"github.com/tocsin-project/tocsin/lookup"
)

// suspicion is an alert that asks for a captcha of half an hour.
func suspicion(ip string) event.Alert {
	a := about(ip)
	a.Action, a.Duration, a.Start, a.Stop = lookup.Captcha, 30*time.Minute, time.Now(), time.Now()
	return a
}

// The consequences of suspicious behaviour, from the first to the last.
func TestSuspicionAsksFirst(t *testing.T) {
	const minute = time.Minute
	type step struct {
		after time.Duration // the one before
		want  lookup.Action
		until time.Duration
	}
	for _, tt := range []struct {
		name  string
		local Local
		steps []step
	}{
		{"who goes on is banned, longer each time", Local{}, []step{
			{0, lookup.Captcha, 30 * minute}, {minute, lookup.Ban, 60 * minute},
		}},
		{"what was under way is no going on", Local{}, []step{
			{0, lookup.Captcha, 30 * minute}, {0, lookup.Captcha, 30 * minute},
		}},
		{"a relapse is asked for longer", Local{}, []step{
			{0, lookup.Captcha, 30 * minute}, {40 * minute, lookup.Captcha, 60 * minute}, {90 * minute, lookup.Captcha, 120 * minute},
		}},
		{"a day without makes a first time of it", Local{}, []step{
			{0, lookup.Captcha, 30 * minute}, {25 * time.Hour, lookup.Captcha, 30 * minute},
		}},
		{"the operator's captcha stays one", Local{Action: lookup.Captcha, Duration: time.Hour}, []step{
			{0, lookup.Captcha, 60 * minute}, {minute, lookup.Captcha, 60 * minute},
		}},
		{"the operator's ban is one at once", Local{Action: lookup.Ban}, []step{{0, lookup.Ban, 30 * minute}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := start(t, Config{Local: tt.local})
				for i, s := range tt.steps {
					<-time.After(s.after)
					e.Alert(suspicion("192.0.2.1"))
					d := inDetail(t, e, "192.0.2.1")
					if d.Action != s.want || time.Until(d.Until) != s.until {
						t.Errorf("step %d: %v for %v, want %v for %v", i, d.Action, time.Until(d.Until), s.want, s.until)
					}
				}
			})
		})
	}
}

// A search that takes no notice of the challenge is banned. Somebody whose open page
// asks for the same few things again and again is not, nor is a client because of
// others' decisions.
func TestWhoIgnoresTheChallengeIsBanned(t *testing.T) {
	for _, tt := range []struct {
		name string
		page func(i int) string
		want lookup.Action
	}{
		{"a search", func(i int) string { return fmt.Sprint("/a", i) }, lookup.Ban},
		{"39 pages", func(i int) string { return fmt.Sprint("/a", i%39) }, lookup.Captcha},
		{"a page that polls", func(i int) string { return []string{"/api/news", "/api/me"}[i%2] }, lookup.Captcha},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := start(t, Config{})
				e.Alert(suspicion("192.0.2.1"))
				d := inDetail(t, e, "192.0.2.1")
				for i := range 500 {
					e.Challenged(netip.MustParseAddr("192.0.2.1"), "curl/8", d, tt.page(i), false)
				}
				if got := inDetail(t, e, "192.0.2.1"); got.Action != tt.want {
					t.Errorf("%v, want %v", got.Action, tt.want)
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		e := start(t, Config{})
		e.Table().Replace("lapi", []lookup.Decision{{Prefix: netip.MustParsePrefix("192.0.2.1/32"), Action: lookup.Captcha}})
		for i := range 100 {
			e.Challenged(netip.MustParseAddr("192.0.2.1"), "curl/8", inDetail(t, e, "192.0.2.1"), fmt.Sprint("/", i), false)
		}
		if got := inDetail(t, e, "192.0.2.1"); got.Action != lookup.Captcha {
			t.Errorf("a decision of the Local API has become a %v", got.Action)
		}
	})
}

// A knowing detector sees nothing, and knows something good of some.
type knowing struct {
	known []string // addresses
	works string   // a path
	alert []event.Alert
}

func (k *knowing) Request(*event.Event) []event.Alert {
	alerts := k.alert
	k.alert = nil
	return alerts
}
func (*knowing) Response(*event.Event) []event.Alert { return nil }
func (k *knowing) Known(ip netip.Addr, _ time.Time) bool {
	return slices.Contains(k.known, ip.String())
}
func (k *knowing) Works(ev *event.Event) bool { return ev.Target == k.works }
func (*knowing) Vouch(netip.Addr, time.Time)  {}
func (*knowing) Area(ev *event.Event) string  { return "AUTHORIZATION " + ev.Host }

func TestGuards(t *testing.T) {
	login := event.Alert{
		Scenario: "tocsin/http-login-guard", Client: netip.MustParseAddr("192.0.2.1"), Prefix: netip.MustParsePrefix("192.0.2.1/32"),
		Remediation: true, Guard: event.GuardPlace, Place: "POST site.example/login", Duration: 10 * time.Minute,
	}
	network := event.Alert{
		Scenario: "tocsin/http-probing-guard", Client: netip.MustParseAddr("2001:db8:1:2::3"), Prefix: netip.MustParsePrefix("2001:db8::/40"),
		Remediation: true, Guard: event.GuardNetwork, Duration: 10 * time.Minute,
	}
	post := func(ip, target string) event.Event {
		return event.Event{Client: netip.MustParseAddr(ip), Method: "POST", Target: target, Host: "site.example"}
	}
	area := login
	area.Place = "AUTHORIZATION site.example"
	showing := func(ip, target string) event.Event {
		e := post(ip, target)
		e.Method, e.Request = "GET", http.Header{"Authorization": {"Basic YTpi"}}
		return e
	}
	reflected := about("192.0.2.1")
	reflected.Reflected = true
	withAction := func(a event.Alert, remediation bool) event.Alert { a.Remediation = remediation; return a }
	from := func(e event.Event, a event.Attribution) event.Event { e.Attribution = a; return e }
	for _, tt := range []struct {
		name  string
		alert event.Alert
		event event.Event
		after time.Duration
		want  lookup.Action
	}{
		{"a login from anywhere wants a pass", login, post("198.51.100.9", "/login"), 0, lookup.Captcha},
		{"written otherwise, too", login, post("198.51.100.9", "//x/../LOGIN;a=b?x=y"), 0, lookup.Captcha},
		{"it ends", login, post("198.51.100.9", "/login"), 10 * time.Minute, lookup.None},
		{"who is known goes on", login, post("198.51.100.7", "/login"), 0, lookup.None},
		{"another place is open", login, post("198.51.100.9", "/comment"), 0, lookup.None},
		{"a guard that a policy makes an alert", withAction(login, false), post("198.51.100.9", "/login"), 0, lookup.None},

		{"a password of HTTP's wants a pass at any path", area, showing("198.51.100.9", "/any"), 0, lookup.Captcha},
		{"who is known shows one and goes on", area, showing("198.51.100.7", "/any"), 0, lookup.None},
		{"who shows none is not meant", area, post("198.51.100.9", "/any"), 0, lookup.None},

		{"a network of many addresses wants a pass", network, post("2001:db8:99::1", "/"), 0, lookup.Captcha},
		{"its neighbour does not", network, post("2001:db8:199::1", "/"), 0, lookup.None},

		{"what other pages send on for the client wants a pass", reflected, from(post("192.0.2.1", "/x"), event.Foreign), 0, lookup.Captcha},
		{"what the site's own pages embed for it, too", reflected, from(post("192.0.2.1", "/x"), event.Embedded), 0, lookup.Captcha},
		{"pictures do not", reflected, from(post("192.0.2.1", "/x.png"), event.Embedded), 0, lookup.None},
		{"a script that looks like a picture does", reflected, from(post("192.0.2.1", "/x.php/y.png"), event.Foreign), 0, lookup.Captcha},
		{"what works for other pages goes on", reflected, from(post("192.0.2.1", "/api/works"), event.Foreign), 0, lookup.None},
		{"what the client does itself goes on", reflected, post("192.0.2.1", "/x"), 0, lookup.None},
		{"other clients are not meant", reflected, from(post("192.0.2.2", "/x"), event.Foreign), 0, lookup.None},
		{"it ends as well", reflected, from(post("192.0.2.1", "/x"), event.Foreign), 10 * time.Minute, lookup.None},
		{"a reflected alert that asks for nothing", withAction(reflected, false), from(post("192.0.2.1", "/x"), event.Foreign), 0, lookup.None},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				told := &reporter{name: "lapi"}
				e := start(t, Config{Detect: &knowing{known: []string{"198.51.100.7"}, works: "/api/works"}, Reporters: []Reporter{told}})
				e.Alert(tt.alert)
				<-time.After(tt.after)
				tt.event.Time = time.Now()
				d, ok := e.Request(&tt.event)
				if d.Action != tt.want || ok != (tt.want != lookup.None) || d.Prefix.IsValid() {
					t.Errorf("%+v, want %v about the request", d, tt.want)
				}
				synctest.Wait()
				if _, listed := e.Lookup(t.Context(), tt.alert.Client); listed || len(told.told()) > 0 {
					t.Error("somebody is blamed")
				}
			})
		})
	}
}

// A request that trips a reflected alert before it is answered meets the guard that
// it has put up.
func TestAReflectedRequestMeetsItsOwnGuard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := about("192.0.2.1")
		a.Reflected = true
		e := start(t, Config{Detect: &knowing{alert: []event.Alert{a}}})
		ev := &event.Event{Time: time.Now(), Client: a.Client, Method: "GET", Target: "/.env", Attribution: event.Foreign}
		if d, ok := e.Request(ev); !ok || d.Action != lookup.Captcha || d.Prefix.IsValid() {
			t.Errorf("%+v, want a captcha about the request", d)
		}
	})
}

// serving knows that all places serve pages of other origins.
type serving struct{ Reputation }

func (serving) Works(*event.Event) bool { return true }

// A path that serves pages of other sites still serves them for a client with a guard,
// but not at the places where the client has done what the guard is about, and not at all
// for a ban. Otherwise a client that forges the origin of its requests would not be
// stopped.
func TestWhatAGuardOnOtherPagesExcuses(t *testing.T) {
	now := time.Unix(1e9, 0)
	client := netip.MustParseAddr("192.0.2.1")
	alert := func(place string, action lookup.Action) event.Alert {
		return event.Alert{Client: client, Prefix: netip.PrefixFrom(client, 32), Reflected: true, Places: []string{place}, Action: action, Remediation: true}
	}
	post := func(target string) *event.Event {
		return &event.Event{Time: now, Client: client, Method: "POST", Host: "site.example", Target: target, Attribution: event.Foreign}
	}
	both := alert("POST site.example/login", lookup.Captcha)
	both.Places = append(both.Places, "POST site.example/pay")
	many := make([]event.Alert, 8+1)
	for i := range many {
		many[i] = alert(fmt.Sprint("POST site.example/abused", i), lookup.Captcha)
	}
	for _, row := range []struct {
		name   string
		alerts []event.Alert
		target string
		meets  bool
	}{
		{"where it was abused", []event.Alert{alert("POST site.example/login", lookup.Captcha)}, "/login", true},
		{"elsewhere", []event.Alert{alert("POST site.example/login", lookup.Captcha)}, "/pay", false},
		{"where it was abused before", []event.Alert{alert("POST site.example/login", lookup.Captcha), alert("POST site.example/pay", lookup.Captcha)}, "/login", true},
		{"in the first of two places that one alert is about", []event.Alert{both}, "/login", true},
		{"in the second", []event.Alert{both}, "/pay", true},
		{"in neither", []event.Alert{both}, "/comment", false},
		{"a picture", []event.Alert{alert("POST site.example/login", lookup.Captcha)}, "/dot.png", false},
		{"elsewhere, after what asks for a ban", []event.Alert{alert("POST site.example/login", lookup.Ban)}, "/pay", true},
		{"a picture, after what asks for a ban", []event.Alert{alert("POST site.example/login", lookup.Ban)}, "/dot.png", true},
		{"what asks for a ban is not forgotten for what does not", []event.Alert{alert("POST site.example/login", lookup.Ban), alert("POST site.example/login", lookup.Captcha)}, "/pay", true},
		{"elsewhere, after abuse of many places", many, "/pay", true},
	} {
		var g guards
		for _, a := range row.alerts {
			g.add(&a, now)
		}
		if _, ok := g.find(post(row.target), serving{}, now); ok != row.meets {
			t.Errorf("%s: a guard is met: %v, want %v", row.name, ok, row.meets)
		}
		if _, ok := g.find(post(row.target), serving{}, now.Add(10*time.Minute)); ok {
			t.Errorf("%s: it is up for longer than it should be", row.name)
		}
	}
}

func TestGuardsAreBounded(t *testing.T) {
	var g guards
	now := time.Unix(1e9, 0)
	for i := range 16_384 + 10 {
		g.add(&event.Alert{Guard: event.GuardPlace, Place: fmt.Sprint("POST site.example/", i), Duration: time.Duration(i+1) * time.Second}, now)
	}
	if n := g.count(); n != 16_384 {
		t.Errorf("%d guards, want %d", n, 16_384)
	}
	g.sweep(now.Add(time.Hour * 24))
	if n := g.count(); n != 0 {
		t.Errorf("%d guards are left when all are over", n)
	}
}

// A pass from before does not count for a decision: each new offence makes one, and a
// source that says again what it said does not.
func TestANewOffenceBeginsTheDecisionAnew(t *testing.T) {
	const client = "192.0.2.1"
	for _, tt := range []struct {
		name string
		do   func(e *Engine)
		want bool // it begins anew
	}{
		{"an alert that began before the decision", func(e *Engine) {
			a := suspicion(client)
			a.Start = time.Now().Add(-time.Hour)
			e.Alert(a)
		}, true},
		{"an alert of another scenario", func(e *Engine) {
			a := suspicion(client)
			a.Scenario, a.Start = "another", time.Now().Add(-time.Hour)
			e.Alert(a)
		}, true},
		{"an alert whose captcha the operator wants", func(e *Engine) {
			a := suspicion(client)
			a.Ordered = true
			e.Alert(a)
		}, true},
		{"an alert about another client", func(e *Engine) { e.Alert(suspicion("192.0.2.2")) }, false},
		{"an alert that is only told of", func(e *Engine) {
			a := suspicion(client)
			a.Remediation = false
			e.Alert(a)
		}, false},
		{"nothing", func(*Engine) {}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := start(t, Config{})
				e.Alert(suspicion(client))
				was := inDetail(t, e, client)
				<-time.After(time.Minute)
				tt.do(e)
				d := inDetail(t, e, client)
				if d.Action != lookup.Captcha || d.Since.After(was.Since) != tt.want || d.Since.After(time.Now()) {
					t.Errorf("%v since %v, before since %v", d.Action, d.Since, was.Since)
				}
				if tt.want && d.Since.Before(time.Now()) {
					t.Errorf("it begins %v before the offence", time.Since(d.Since))
				}
			})
		})
	}
}
