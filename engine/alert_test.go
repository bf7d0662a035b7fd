package engine

import (
	"context"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tocsin-project/tocsin/event"
	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
)

const probing = "crowdsecurity/http-probing"

// about returns an alert that asks for a decision about a client, an address or
// a range.
func about(client string) event.Alert {
	p, err := lookup.ParsePrefix(client)
	if err != nil {
		panic(err)
	}
	return event.Alert{Scenario: probing, Client: p.Addr(), Prefix: p, Remediation: true}
}

func inDetail(t *testing.T, e *Engine, client string) lookup.Decision {
	t.Helper()
	d, _ := e.Lookup(context.Background(), netip.MustParseAddr(client))
	return d
}

func lasting(d lookup.Decision) time.Duration { return time.Until(d.Until).Round(time.Minute) }

func TestAnAlertIsADecisionAtOnce(t *testing.T) {
	for _, tt := range []struct {
		name   string
		local  Local
		change func(*event.Alert)
		want   lookup.Action
		length time.Duration
	}{
		{"four hours of ban by default", Local{}, func(*event.Alert) {}, lookup.Ban, 4 * time.Hour},
		{"as the config has it", Local{Action: lookup.Captcha, Duration: time.Hour}, func(*event.Alert) {}, lookup.Captcha, time.Hour},
		{"as the scenario wishes", Local{}, func(a *event.Alert) {
			a.Action, a.Duration = lookup.Captcha, time.Minute
		}, lookup.Captcha, time.Minute},
		{"the config wins over a harsher scenario", Local{Action: lookup.Captcha, Duration: time.Hour}, func(a *event.Alert) {
			a.Action, a.Duration = lookup.Ban, 4*time.Hour
		}, lookup.Captcha, time.Hour},
		{"the config wins over a milder scenario", Local{Action: lookup.Ban}, func(a *event.Alert) {
			a.Action, a.Duration = lookup.Captcha, time.Minute
		}, lookup.Ban, time.Minute},
		{"a policy wins over both", Local{Action: lookup.Captcha, Duration: time.Hour}, func(a *event.Alert) {
			a.Action, a.Duration, a.Ordered = lookup.Throttle, time.Minute, true
		}, lookup.Throttle, time.Minute},
		{"an alert that asks for nothing", Local{}, func(a *event.Alert) { a.Remediation = false }, lookup.None, 0},
		{"an action that there is not", Local{}, func(a *event.Alert) { a.Action = 99 }, lookup.Ban, 4 * time.Hour},
		{"an alert without a prefix", Local{}, func(a *event.Alert) { a.Prefix = netip.Prefix{} }, lookup.Ban, 4 * time.Hour},
		{"an alert about nobody", Local{}, func(a *event.Alert) { *a = event.Alert{Remediation: true} }, lookup.None, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := start(t, Config{Local: tt.local})
				began := time.Now()
				a := about("192.0.2.1")
				tt.change(&a)
				e.Alert(a)
				if took := time.Since(began); took != 0 {
					t.Errorf("it took %v", took)
				}
				d := inDetail(t, e, "192.0.2.1")
				if d.Action != tt.want {
					t.Fatalf("%+v, want %v", d, tt.want)
				}
				if d.Action != lookup.None && (lasting(d) != tt.length || d.Source != "local" || d.Origin != "tocsin" || d.Reason != probing) {
					t.Errorf("%+v", d)
				}
			})
		})
	}
}

func TestANetworkOfIPv6IsOneClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := start(t, Config{})
		e.Alert(about("2001:db8:1:2::/64"))
		if inDetail(t, e, "2001:db8:1:2::99").Action != lookup.Ban || inDetail(t, e, "2001:db8:1:3::99").Action != lookup.None {
			t.Errorf("%v", e.Covering(netip.MustParseAddr("2001:db8:1:2::99")))
		}
	})
}

// allowing is a source with an allowlist.
type allowing struct {
	fake
	list atomic.Pointer[[]netip.Prefix]
}

func (a *allowing) allow(prefixes ...string) {
	var list []netip.Prefix
	for _, p := range prefixes {
		list = append(list, netip.MustParsePrefix(p))
	}
	a.list.Store(&list)
}

func (a *allowing) Allowlisted(ip netip.Addr) bool {
	list := a.list.Load()
	return list != nil && slices.ContainsFunc(*list, func(p netip.Prefix) bool { return p.Contains(ip) })
}

func TestWhoIsSpared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lists := &allowing{fake: fake{name: "lapi"}}
		lists.allow("203.0.113.0/24", "2001:db8::5/128")
		r := &reporter{name: "lapi"}
		e := start(t, Config{Sources: []Source{lists}, Reporters: []Reporter{r}})
		within := about("2001:db8::/64")
		within.Client = netip.MustParseAddr("2001:db8::5")
		all := []event.Alert{within}
		for _, client := range []string{"127.0.0.1", "10.0.0.1", "192.168.0.0/24", "169.254.1.1", "100.64.1.1", "::1", "fd00::/64", "fe80::1", "203.0.113.9", "0.0.0.0"} {
			all = append(all, about(client))
		}
		for _, a := range all {
			e.Alert(a)
		}
		synctest.Wait()
		if s := e.Stats(); s.Local != 0 || s.Alerts.Spared != uint64(len(all)) || s.Alerts.Total != uint64(len(all)) || len(r.told()) != 0 {
			t.Errorf("%+v, told of %v", s, r.told())
		}
	})
	synctest.Test(t, func(t *testing.T) {
		e := start(t, Config{Local: Local{Spare: func(ip netip.Addr) bool { return ip == listed }}})
		e.Alert(about("192.0.2.1"))
		e.Alert(about("10.0.0.1"))
		if e.stops(listed) || !e.stops(netip.MustParseAddr("10.0.0.1")) {
			t.Error("the operator's choice does not count")
		}
	})
}

func TestAnAllowlistEndsWhatItForbids(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lists := &allowing{fake: fake{name: "lapi"}}
		e := start(t, Config{Sources: []Source{lists}})
		e.Alert(about("192.0.2.1"))
		<-time.After(2 * settling)
		synctest.Wait()
		lists.allow("192.0.2.0/24")
		<-time.After(30*time.Second + settling)
		synctest.Wait()
		// A lookup alone does not show it, because it skips decisions about clients on an
		// allowlist even before they end.
		if n := e.Table().Len(); n != 0 || e.Stats().Local != 0 {
			t.Errorf("%d decisions are in force", n)
		}
	})
}

// The table keeps 100,000 local decisions. One more displaces the weakest.
func TestAHundredThousandLocalDecisionsAreHeld(t *testing.T) {
	l := newLocals(Local{}, new(lookup.Table), zap.NewNop())
	for i := range 100_001 {
		ip := netip.AddrFrom4([4]byte{198, byte(i >> 16), byte(i >> 8), byte(i)})
		l.holdLocked(&local{Decision: lookup.Decision{Prefix: netip.PrefixFrom(ip, 32), Action: lookup.Ban}})
		if want := min(i+1, 100_000); l.held.len() != want {
			t.Fatalf("%d of %d decisions are held, want %d", l.held.len(), i+1, want)
		}
	}
	if len(l.displaced) != 1 {
		t.Errorf("%d decisions are displaced", len(l.displaced))
	}
}

func TestLocalDecisionsSurvive(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tocsin.snap")
	var old *lookup.Table
	synctest.Test(t, func(t *testing.T) {
		e := start(t, Config{Snapshot: path})
		e.Alert(about("192.0.2.1"))
		e.Alert(about("192.0.2.2"))
		old = e.Table().Clone()
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
	})
	for name, cfg := range map[string]Config{"a restart": {Snapshot: path}, "a change of the config": {Table: old}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := start(t, cfg)
				if !e.stops(listed) || !e.stops(netip.MustParseAddr("192.0.2.2")) {
					t.Errorf("%+v", e.Stats())
				}
				if n := e.local.held.len(); n != e.Stats().Local {
					t.Errorf("%d looked after of %d", n, e.Stats().Local)
				}
			})
		})
	}
}

func TestWhatIsOnItsWayAtTheEndIsCarriedOut(t *testing.T) {
	for range 20 { // it may be taken before the end is seen
		var table lookup.Table
		l := newLocals(Local{}, &table, zap.NewNop())
		l.holdLocked(&local{Decision: ban})
		l.orders <- order{add: []lookup.Decision{ban}}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		l.run(ctx)
		if table.Count(LocalSource) != 1 {
			t.Fatal("it is lost")
		}
	}
}

// The table follows what is held, in whatever order changes arrive that were asked for
// at about the same time.
func TestOrdersInOneBatchLeaveNothingUnheld(t *testing.T) {
	first, second := ban, ban
	second.Prefix = netip.MustParsePrefix("198.51.100.7/32")
	add := func(d lookup.Decision, gone ...lookup.Decision) order {
		return order{add: []lookup.Decision{d}, remove: append([]lookup.Decision{d}, gone...)}
	}
	for _, row := range []struct {
		name   string
		held   []lookup.Decision
		orders []order
		want   []lookup.Decision
	}{
		{"added, then displaced", []lookup.Decision{second}, []order{add(first), add(second, first)}, []lookup.Decision{second}},
		{"displaced before it is added", []lookup.Decision{second}, []order{add(second, first), add(first)}, []lookup.Decision{second}},
		{"held again before it is displaced", []lookup.Decision{first, second}, []order{add(first), add(first), add(second, first)}, []lookup.Decision{first, second}},
		{"only displaced", nil, []order{{remove: []lookup.Decision{first}}}, nil},
	} {
		for _, together := range []bool{true, false} {
			t.Run(fmt.Sprint(row.name, ", in one batch: ", together), func(t *testing.T) {
				var table lookup.Table
				l := newLocals(Local{}, &table, zap.NewNop())
				for _, d := range row.held {
					l.holdLocked(&local{Decision: d})
				}
				for _, o := range row.orders {
					if together {
						l.orders <- o
					} else {
						l.carryOut(o)
					}
				}
				l.carryOut(order{})
				for _, d := range row.want {
					if got, ok := table.Lookup(d.Prefix.Addr()); !ok || got.Source != LocalSource {
						t.Errorf("%v is not in force", d.Prefix)
					}
				}
				if n := table.Count(LocalSource); n != len(row.want) {
					t.Errorf("%d in force, %d held", n, len(row.want))
				}
			})
		}
	}
}

func TestAnAlertDoesNotWaitForTheTable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, err := New(Config{}) // at rest, nobody writes the table
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		e.Alert(about("192.0.2.1"))
		if took := time.Since(began); took > 10*time.Millisecond || e.stops(listed) {
			t.Errorf("it took %v", took)
		}
		for i := range 1024 {
			e.local.orders <- order{}
			if i == 1024-2 {
				break
			}
		}
		e.Alert(about("192.0.2.2"))
		if s := e.Stats().Alerts; s.Late != 1 || s.Decided != 1 || e.local.held.len() != 1 {
			t.Errorf("%+v", s)
		}
		e.Start()
		synctest.Wait()
		if !e.stops(listed) || e.stops(netip.MustParseAddr("192.0.2.2")) {
			t.Error("what was late is lost")
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
		began = time.Now()
		e.Alert(about("192.0.2.3"))
		if took := time.Since(began); took != 0 || e.stops(netip.MustParseAddr("192.0.2.3")) {
			t.Errorf("an engine that is closed took %v for an alert", took)
		}
	})
}

// On a busy machine, an alert may get its core back only when its time has passed. Its
// decision is lost only if the queue is full.
func TestADecisionIsNotLostToABusyMachine(t *testing.T) {
	late := make(chan time.Time)
	close(late) // as a timer that has fired
	for _, row := range []struct {
		name   string
		queued int
		want   bool
	}{
		{"an empty queue", 0, true},
		{"one place left", 1023, true},
		{"a full queue", 1024, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			for range 64 { // a choice by chance would be right in half of them
				l := newLocals(Local{}, new(lookup.Table), zap.NewNop())
				for range row.queued {
					l.orders <- order{}
				}
				if got := l.place(order{client: listed}, late); got != row.want {
					t.Fatalf("it has a place: %v, want %v", got, row.want)
				}
			}
		})
	}
}

// While the table is busy, decisions about one network leave room for those about others.
func TestOneNetworkLeavesRoomForOthersDecisions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, err := New(Config{}) // at rest, nobody writes the table
		if err != nil {
			t.Fatal(err)
		}
		e.local.shares.tellApart("2001:db8::1", "192.0.2.1")
		for i := range 1024 {
			e.Alert(about(fmt.Sprintf("2001:db8:1:%x::1", i)))
		}
		e.Alert(about("192.0.2.1"))
		if s := e.Stats().Alerts; s.Late != 1024-128 || s.Decided != 129 {
			t.Errorf("%+v", s)
		}
		e.Start()
		synctest.Wait()
		if !e.stops(listed) || !e.stops(netip.MustParseAddr("2001:db8:1:7f::1")) {
			t.Error("what waited is not in force")
		}
		e.Alert(about("2001:db8:1:400::1"))
		if !e.stops(netip.MustParseAddr("2001:db8:1:400::1")) {
			t.Error("the places that were given back are not taken again")
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestTheOldestOfEqualDecisionsMakesRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := start(t, Config{})
		e.local.held.room = 3
		for i := range 6 {
			e.Alert(about(fmt.Sprintf("192.0.2.%d", i+1)))
			e.Alert(about("192.0.2.1")) // which makes it young again
		}
		var held []string
		for d := range e.Table().All() {
			held = append(held, d.Target())
		}
		slices.Sort(held)
		if !slices.Equal(held, []string{"192.0.2.1", "192.0.2.5", "192.0.2.6"}) || e.local.held.len() != 3 {
			t.Errorf("left are %q", held)
		}
	})
}

func TestADecisionIsNotShortenedByTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := start(t, Config{})
		long, short := about("192.0.2.1"), about("192.0.2.1")
		long.Duration, short.Duration = 8*time.Hour, time.Hour
		e.Alert(long)
		<-time.After(time.Minute)
		e.Alert(short)
		if d := inDetail(t, e, "192.0.2.1"); lasting(d) != 8*time.Hour-time.Minute {
			t.Errorf("%v left", lasting(d))
		}
	})
}

func TestRelapses(t *testing.T) {
	const hour = time.Hour
	type offence struct {
		after time.Duration // the one before
		want  time.Duration // 0: not in force
	}
	for _, tt := range []struct {
		name  string
		local Local
		all   []offence
	}{
		{"nobody is remembered", Local{Escalate: -1}, []offence{{0, 4 * hour}, {5 * hour, 4 * hour}, {5 * hour, 4 * hour}}},
		{"a day by default", Local{}, []offence{{0, 4 * hour}, {5 * hour, 8 * hour}, {33 * hour, 4 * hour}}},
		{"each relapse doubles", Local{Escalate: 24 * hour}, []offence{{0, 4 * hour}, {5 * hour, 8 * hour}, {9 * hour, 16 * hour}}},
		{"up to a week", Local{Escalate: 240 * hour, Duration: 100 * hour}, []offence{{0, 100 * hour}, {101 * hour, 168 * hour}, {169 * hour, 168 * hour}}},
		{"up to a bound", Local{Escalate: 24 * hour, Longest: 10 * hour}, []offence{{0, 4 * hour}, {5 * hour, 8 * hour}, {9 * hour, 10 * hour}, {11 * hour, 10 * hour}}},
		{"a bound does not shorten", Local{Escalate: 24 * hour, Longest: hour}, []offence{{0, 4 * hour}, {5 * hour, 4 * hour}}},
		{"what happens meanwhile is no relapse", Local{Escalate: 24 * hour}, []offence{{0, 4 * hour}, {time.Minute, 4 * hour}, {time.Minute, 4 * hour}, {5 * hour, 8 * hour}}},
		{"it is forgiven in time", Local{Escalate: 24 * hour}, []offence{{0, 4 * hour}, {5 * hour, 8 * hour}, {33 * hour, 4 * hour}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := start(t, Config{Local: tt.local})
				for i, o := range tt.all {
					<-time.After(o.after)
					e.Alert(about("192.0.2.1"))
					if d := inDetail(t, e, "192.0.2.1"); lasting(d) != o.want {
						t.Errorf("offence %d: %v, want %v", i, lasting(d), o.want)
					}
				}
			})
		})
	}
}

func TestOffendersAreForgottenToMakeRoom(t *testing.T) {
	o := offenders{window: time.Hour, longest: 24 * time.Hour, room: 3}
	now := time.Now()
	prefix := func(i int) netip.Prefix { return netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}), 32) }
	for i := range 10 {
		o.sentence(prefix(0), time.Minute, false, now)
		o.sentence(prefix(i), time.Minute, false, now)
	}
	now = now.Add(2 * time.Minute)
	if o.known.len() != 3 || o.sentence(prefix(0), time.Minute, false, now) != 2*time.Minute || o.sentence(prefix(5), time.Minute, false, now) != time.Minute {
		t.Errorf("%d known", o.known.len())
	}
}

func TestTheLastAlertsAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := start(t, Config{History: 3})
		if got := e.Alerts(); len(got) != 0 {
			t.Errorf("%v", got)
		}
		for i := range 5 {
			a := about(fmt.Sprintf("192.0.2.%d", i+1))
			a.Remediation = i != 4
			e.Alert(a)
			<-time.After(time.Second)
			want := min(i+1, 3)
			if got := e.Alerts(); len(got) != want || got[want-1].Alert.Client != a.Client || !got[want-1].Time.Equal(time.Now().Add(-time.Second)) {
				t.Errorf("%+v", got)
			}
		}
		got := e.Alerts()
		if got[0].Alert.Client.String() != "192.0.2.3" || got[0].Decision.Action != lookup.Ban || got[0].Alert.Action != lookup.Ban || got[0].Alert.Duration != 4*time.Hour {
			t.Errorf("%+v", got[0])
		}
		if got[2].Decision.Action != lookup.None || got[2].Alert.Action != lookup.None {
			t.Errorf("%+v", got[2])
		}
	})
}

func TestAlertsAreCountedByScenario(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := start(t, Config{})
		for i := range 1000 + 50 {
			a := about("192.0.2.1")
			a.Scenario = fmt.Sprint("scenario ", i)
			e.Alert(a)
			e.Alert(a)
		}
		s := e.Stats().Alerts
		if len(s.Scenarios) != 1000+1 || s.Scenarios["scenario 7"] != 2 || s.Scenarios["other"] != 100 || s.Total != 2*(1000+50) {
			t.Errorf("%d scenarios, %d others, %d alerts", len(s.Scenarios), s.Scenarios["other"], s.Total)
		}
	})
}

func TestWhatClientsSendIsNotKeptWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := start(t, Config{})
		a := about("192.0.2.1")
		long := strings.Repeat("x", 1<<20)
		a.Message, a.Scenario = long, long
		for range 100 {
			a.Context = append(a.Context, event.Context{Method: long, Target: long, Host: long, UserAgent: long})
		}
		e.Alert(a)
		got := e.Alerts()[0].Alert
		size := len(got.Message) + len(got.Scenario)
		for _, c := range got.Context {
			size += len(c.Method) + len(c.Target) + len(c.Host) + len(c.UserAgent)
		}
		if size > 32<<10 || len(got.Context) != 10 || len(a.Context) != 100 || len(a.Context[99].Host) != len(long) {
			t.Errorf("%d bytes, %d requests", size, len(got.Context))
		}
		if d := inDetail(t, e, "192.0.2.1"); len(d.Reason) != 255 {
			t.Errorf("a reason of %d bytes", len(d.Reason))
		}
	})
}

func TestWhatNewRefuses(t *testing.T) {
	for name, cfg := range map[string]Config{
		"unknown action":               {Local: Local{Action: 9}},
		"is negative":                  {Local: Local{Duration: -1}},
		"queue -1":                     {Queue: -1},
		"reserved for local decisions": {Sources: []Source{&fake{name: LocalSource}}},
		"two reporters have this name": {Reporters: []Reporter{&reporter{name: "a"}, &reporter{name: "a"}}},
	} {
		if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%v, want %s", err, name)
		}
	}
}

func TestASparedClientIsToldWhy(t *testing.T) {
	for _, row := range []struct {
		client, want string
	}{
		{"127.0.0.1", "it is on this machine"},
		{"::1", "it is on this machine"},
		{"10.0.0.1", "it is in a private network"},
		{"fd00::1", "it is in a private network"},
		{"", "its address is unknown"},
		{"203.0.113.7", "it is on an allowlist of lapi"},
		{"198.51.100.1", ""},
	} {
		var told []Record
		lists := &allowing{fake: fake{name: "lapi"}}
		lists.allow("203.0.113.0/24")
		e, err := New(Config{Sources: []Source{lists}, Spared: func(r Record) { told = append(told, r) }})
		if err != nil {
			t.Fatal(err)
		}
		ip, _ := netip.ParseAddr(row.client)
		e.Alert(event.Alert{Scenario: "a", Client: ip})
		why := ""
		if len(told) == 1 {
			why = told[0].Why
		}
		if all := e.Alerts(); why != row.want || len(all) != 1 || all[0].Why != row.want || all[0].Spared != (row.want != "") {
			t.Errorf("%q: %q, want %q; %+v", row.client, why, row.want, all)
		}
	}
}
