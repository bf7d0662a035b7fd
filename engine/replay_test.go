package engine

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tocsin-project/tocsin/detect"
	"github.com/tocsin-project/tocsin/event"
	"github.com/tocsin-project/tocsin/lookup"
)

// recorded is when the requests of these tests came.
var recorded = time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)

// asks is a request that came some time after the first.
func asks(after time.Duration, client, target string, status int) *event.Event {
	at := recorded.Add(after)
	return &event.Event{
		Time: at, Ended: at, Client: netip.MustParseAddr(client), Method: http.MethodGet, Target: target, Host: "site.example",
		Proto: "HTTP/1.1", UserAgent: "Mozilla/5.0", Status: status,
	}
}

// guesses is a login that fails.
func guesses(after time.Duration, client, user, password string) *event.Event {
	e := asks(after, client, "/login", http.StatusUnauthorized)
	e.Method, e.Request = http.MethodPost, http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	e.Body = []byte("user=" + user + "&password=" + password)
	return e
}

func builtin(t *testing.T) *detect.Detector {
	t.Helper()
	rules, err := detect.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	return detect.New(detect.Config{Rules: rules})
}

func replay(t *testing.T, d Detector, cfg Local) *Replay {
	t.Helper()
	r, err := NewReplay(d, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// suspicious alerts of each request to /bad, and asks for a captcha of half an hour.
type suspicious struct{}

func (suspicious) Request(ev *event.Event) []event.Alert {
	if ev.Target != "/bad" {
		return nil
	}
	a := suspicion(ev.Client.String())
	a.Prefix = event.ClientOf(ev.Client)
	a.Start, a.Stop = ev.Time, ev.Time
	return []event.Alert{a}
}

func (suspicious) Response(*event.Event) []event.Alert { return nil }

// A recorded request is judged by the time of the record.
func TestReplayDecidesInRecordedTime(t *testing.T) {
	const minute = time.Minute
	type request struct {
		at     time.Duration
		target string
		stop   lookup.Action // in force when it comes
		leads  lookup.Action // what its alert leads to
		length time.Duration
	}
	const none, captcha, ban = lookup.None, lookup.Captcha, lookup.Ban
	for _, tt := range []struct {
		name     string
		client   string
		local    Local
		requests []request
	}{
		{"a suspicion is asked, and let in after half an hour", "198.51.100.1", Local{}, []request{
			{0, "/", none, none, 0},
			{minute, "/bad", none, captcha, 30 * minute},
			{2 * minute, "/", captcha, none, 0},
			{31*minute - 1, "/", captcha, none, 0},
			{31 * minute, "/", none, none, 0},
		}},
		{"a relapse is asked for longer", "198.51.100.1", Local{}, []request{
			{0, "/bad", none, captcha, 30 * minute},
			{40 * minute, "/bad", none, captcha, 60 * minute},
			{99 * minute, "/", captcha, none, 0},
			{100 * minute, "/bad", none, captcha, 120 * minute},
			{219 * minute, "/", captcha, none, 0},
			{220 * minute, "/", none, none, 0},
		}},
		{"a day without makes a first time of it", "198.51.100.1", Local{}, []request{
			{0, "/bad", none, captcha, 30 * minute}, {25 * time.Hour, "/bad", none, captcha, 30 * minute},
		}},
		{"the operator's ban", "198.51.100.1", Local{Action: ban, Duration: time.Hour}, []request{
			{0, "/bad", none, ban, time.Hour}, {59 * minute, "/", ban, none, 0}, {60 * minute, "/bad", none, ban, 2 * time.Hour},
		}},
		{"all of a /64", "2001:db8::1", Local{}, []request{{0, "/bad", none, captcha, 30 * minute}, {minute, "/", captcha, none, 0}}},
		{"a private client is spared", "10.0.0.1", Local{}, []request{{0, "/bad", none, none, 0}, {1, "/bad", none, none, 0}}},
		{"loopback is spared", "127.0.0.1", Local{}, []request{{0, "/bad", none, none, 0}, {1, "/", none, none, 0}}},
		{"whom the operator spares", "198.51.100.1", Local{Spare: func(netip.Addr) bool { return true }}, []request{{0, "/bad", none, none, 0}, {1, "/", none, none, 0}}},
	} {
		r := replay(t, suspicious{}, tt.local)
		for i, q := range tt.requests {
			o := r.Judge(asks(q.at, tt.client, q.target, 200))
			if o.Stopped.Action != q.stop {
				t.Errorf("%s: request %d is stopped by %v, want %v", tt.name, i, o.Stopped.Action, q.stop)
			}
			if (q.target == "/bad" && q.stop == none) != (len(o.Alerts) == 1) {
				t.Errorf("%s: request %d: %d alerts", tt.name, i, len(o.Alerts))
			}
			for _, a := range o.Alerts {
				at := recorded.Add(q.at)
				if a.Decision.Action != q.leads || q.leads != none && (a.Decision.Until.Sub(at) != q.length || a.Decision.Since != at) || a.Spared != (q.leads == none) || !a.Time.Equal(at) {
					t.Errorf("%s: request %d leads to %+v", tt.name, i, a.Decision)
				}
			}
		}
	}
}

func TestReplayRefusesANonsense(t *testing.T) {
	if _, err := NewReplay(suspicious{}, Local{Duration: -1}); err == nil {
		t.Error("a duration below zero is no error")
	}
}

// A client with a captcha decision that continues is banned. A replay lets no client pass
// a challenge, so this needs two requests in progress at the same time.
func TestReplayBansWhoGoesOn(t *testing.T) {
	r := replay(t, suspicious{}, Local{})
	ev := asks(0, "198.51.100.1", "/bad", 200)
	r.Judge(ev)
	var o Outcome
	later := suspicion("198.51.100.1")
	later.Start, later.Stop = recorded.Add(time.Second), recorded.Add(time.Second)
	if !r.take(&o, []event.Alert{later}, recorded.Add(time.Second)) || o.Alerts[0].Decision.Action != lookup.Ban {
		t.Errorf("%+v, want a ban", o.Alerts)
	}
	if o := r.Judge(asks(2*time.Second, "198.51.100.1", "/", 200)); o.Stopped.Action != lookup.Ban {
		t.Errorf("stopped by %v, want a ban before the captcha", o.Stopped.Action)
	}
}

// A guard stops all unknown clients for ten minutes, and makes no decision about them.
func TestReplayGuards(t *testing.T) {
	r := replay(t, builtin(t), Local{})
	guarded := 0
	for i := range 30 {
		o := r.Judge(guesses(time.Duration(i)*time.Second, fmt.Sprintf("198.51.100.%d", i+1), fmt.Sprint("user", i), "x"))
		for _, a := range o.Alerts {
			if a.Guard && guarded == 0 {
				guarded = i + 1
				if a.Decision.Until != recorded.Add(time.Duration(i)*time.Second+10*time.Minute) || a.Decision.Prefix.IsValid() {
					t.Errorf("the guard is %+v", a.Decision)
				}
			}
		}
		if stopped := o.Stopped.Action != lookup.None; stopped != (guarded > 0 && guarded <= i) || o.Stopped.Prefix.IsValid() {
			t.Errorf("request %d: stopped by %+v", i+1, o.Stopped)
		}
	}
	if guarded != 16 {
		t.Errorf("the guard is up after %d guesses, want 16", guarded)
	}
	for _, row := range []struct {
		name  string
		event *event.Event
		want  lookup.Action
	}{
		{"another page", asks(time.Minute, "203.0.113.1", "/", 200), lookup.None},
		{"the login", guesses(time.Minute, "203.0.113.2", "a", "b"), lookup.Captcha},
		{"the login, ten minutes later", guesses(15*time.Second+10*time.Minute, "203.0.113.3", "a", "b"), lookup.None},
	} {
		if o := r.Judge(row.event); o.Stopped.Action != row.want {
			t.Errorf("%s: %v, want %v", row.name, o.Stopped.Action, row.want)
		}
	}
}

// Requests that pages of others cause lead to a guard, and to no decision.
func TestReplayOfReflectedRequests(t *testing.T) {
	r := replay(t, builtin(t), Local{})
	alerted := false
	for i, target := range []string{"/.env", "/.git/config", "/wp-config.php~", "/.aws/credentials"} {
		ev := asks(time.Duration(i)*time.Second, "198.51.100.1", target, 404)
		ev.Attribution = event.Foreign
		o := r.Judge(ev)
		for _, a := range o.Alerts {
			alerted = true
			if !a.Guard || a.Decision.Prefix.IsValid() {
				t.Errorf("%+v", a)
			}
		}
	}
	if o := r.Judge(asks(time.Minute, "198.51.100.1", "/", 200)); !alerted || o.Stopped.Action != lookup.None {
		t.Errorf("alerted is %v, and then the victim meets a %v", alerted, o.Stopped.Action)
	}
}

func TestReplayForgetsTheOldestDecision(t *testing.T) {
	r := replay(t, suspicious{}, Local{})
	r.local.held.room = 10
	for i := range 50 {
		r.Judge(asks(time.Duration(i)*time.Second, fmt.Sprintf("198.51.100.%d", i+1), "/bad", 200))
	}
	if n := r.local.held.len(); n != 10 {
		t.Errorf("%d decisions are held, want 10", n)
	}
	for client, want := range map[string]lookup.Action{"198.51.100.1": lookup.None, "198.51.100.50": lookup.Captcha} {
		if o := r.Judge(asks(time.Minute, client, "/", 200)); o.Stopped.Action != want {
			t.Errorf("%s: %v, want %v", client, o.Stopped.Action, want)
		}
	}
}

// traffic is what honest and other clients do in some hours, the same for each seed.
func traffic(seed uint64, start time.Time) []*event.Event {
	rng := rand.New(rand.NewPCG(seed, 1))
	clients := []string{"2001:db8:1:2::3", "2001:db8:1:2::4", "10.0.0.1"}
	for i := range 40 {
		clients = append(clients, fmt.Sprintf("198.51.100.%d", i+1))
	}
	secrets := []string{"/.env", "/.git/config", "/wp-config.php~", "/.aws/credentials", "/c99.php", "/wso.php"}
	var events []*event.Event
	at := start.Add(500 * time.Microsecond) // never with a tick of the engine: which comes first is chance
	for range 3000 {
		at = at.Add(time.Duration(rng.IntN(10_000)) * time.Millisecond)
		client := clients[rng.IntN(len(clients))]
		var e *event.Event
		switch rng.IntN(6) {
		case 0:
			e = asks(0, client, secrets[rng.IntN(len(secrets))], 404)
		case 1:
			e = asks(0, client, fmt.Sprintf("/%c%c", 'a'+rng.IntN(26), 'a'+rng.IntN(26)), 404)
		case 2:
			e = guesses(0, client, fmt.Sprint("user", rng.IntN(3)), fmt.Sprint(rng.IntN(1000)))
		case 3:
			e = guesses(0, fmt.Sprintf("203.0.%d.%d", rng.IntN(100), 1+rng.IntN(200)), fmt.Sprint("user", rng.IntN(50)), "leaked")
		default:
			e = asks(0, client, fmt.Sprint("/page/", rng.IntN(100)), 200)
		}
		if rng.IntN(10) == 0 {
			e.Attribution = event.Foreign
		}
		e.Time, e.Ended = at, at
		events = append(events, e)
	}
	return events
}

// inWords returns the result of a request as text: what stops it, and what its alerts
// lead to.
func inWords(d lookup.Decision) string {
	if d.Action == lookup.None {
		return "-"
	}
	return fmt.Sprint(d.Action, " ", d.Prefix, " ", d.Reason, " since ", d.Since.Unix(), " until ", d.Until.Unix())
}

func recordInWords(r Record) string {
	return fmt.Sprint(r.Time.Unix(), " ", r.Alert.Scenario, " ", r.Alert.Client, " ", inWords(r.Decision), " ", r.Guard, r.Spared)
}

// A replay comes to what an engine comes to that sees the same requests at the same
// times.
func TestReplayAgreesWithTheEngine(t *testing.T) {
	for seed := range uint64(3) {
		for name, local := range map[string]Local{"default": {}, "a ban of an hour": {Action: lookup.Ban, Duration: time.Hour}} {
			synctest.Test(t, func(t *testing.T) {
				events := traffic(seed, time.Now().UTC())
				r := replay(t, builtin(t), local)
				e := start(t, Config{Detect: builtin(t), Local: local, History: 10_000})
				var ours []string
				stops := map[lookup.Action]int{}
				for i, ev := range events {
					<-time.After(time.Until(ev.Time))
					forReplay := *ev
					o := r.Judge(&forReplay)
					for _, a := range o.Alerts {
						ours = append(ours, recordInWords(a))
					}
					theirs, found := e.Lookup(t.Context(), ev.Client)
					if !found {
						theirs = lookup.Decision{}
						d, stopped := e.Request(ev)
						switch {
						case stopped && !d.Prefix.IsValid():
							theirs = d
						case !stopped:
							e.Response(ev)
						}
					}
					synctest.Wait()
					if got, want := inWords(o.Stopped), inWords(theirs); got != want {
						t.Fatalf("seed %d, %s: request %d, %s by %v: the replay says %s, the engine %s", seed, name, i, ev.Target, ev.Client, got, want)
					}
					stops[theirs.Action]++
				}
				var history []string
				for _, a := range e.Alerts() {
					history = append(history, recordInWords(a))
				}
				if !slices.Equal(ours, history) {
					for i := range min(len(ours), len(history)) {
						if ours[i] != history[i] {
							t.Fatalf("seed %d, %s: alert %d:\nreplay %s\nengine %s", seed, name, i, ours[i], history[i])
						}
					}
					t.Fatalf("seed %d, %s: %d alerts, the engine has %d", seed, name, len(ours), len(history))
				}
				if len(history) < 10 || stops[lookup.Captcha]+stops[lookup.Ban] < 20 || stops[lookup.None] < 100 {
					t.Errorf("seed %d, %s: that was no trial: %d alerts, %v", seed, name, len(history), stops)
				}
			})
		}
	}
}

// All parts agree on which addresses are one client: alerts, decisions, guards, solved
// challenges and replays.
func TestOneAnswerToWhatOneClientIs(t *testing.T) {
	for _, row := range []struct {
		name, client, other string
		same                bool
	}{
		{"an address", "198.51.100.1", "198.51.100.2", false},
		{"a /64 of IPv6", "2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true},
		{"its neighbour", "2001:db8:1:2::1", "2001:db8:1:3::1", false},
	} {
		d := builtin(t)
		r := replay(t, d, Local{})
		var stopped Outcome
		for i := range 5 {
			stopped = r.Judge(asks(time.Duration(i)*time.Second, row.client, fmt.Sprintf("/.env.%c", 'a'+i), 404))
		}
		if got := stopped.Stopped.Prefix; got != event.ClientOf(netip.MustParseAddr(row.client)) {
			t.Errorf("%s: the decision is about %v", row.name, got)
		}
		if o := r.Judge(asks(time.Minute, row.other, "/", 200)); (o.Stopped.Action != lookup.None) != row.same {
			t.Errorf("%s: %v is stopped: %v", row.name, row.other, o.Stopped)
		}
		d.Vouch(netip.MustParseAddr(row.client), recorded)
		if got := event.ClientOf(netip.MustParseAddr(row.other)) == event.ClientOf(netip.MustParseAddr(row.client)); got != row.same {
			t.Errorf("%s: %v is the same client: %v", row.name, row.other, got)
		}
		var g guards
		a := event.Alert{Client: netip.MustParseAddr(row.client), Prefix: event.ClientOf(netip.MustParseAddr(row.client)), Reflected: true, Remediation: true}
		g.add(&a, recorded)
		ev := asks(time.Second, row.other, "/x", 200)
		ev.Attribution = event.Foreign
		if _, ok := g.find(ev, nil, ev.Time); ok != row.same {
			t.Errorf("%s: %v meets the guard: %v", row.name, row.other, ok)
		}
	}
}
