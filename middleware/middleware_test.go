package middleware

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

// table returns a table with decisions written as "prefix action".
func table(t testing.TB, all ...string) *lookup.Table {
	t.Helper()
	tab := new(lookup.Table)
	tab.Replace("lapi", decisions(t, all...))
	return tab
}

// decisions reads decisions such as "192.0.2.1 ban".
func decisions(t testing.TB, all ...string) []lookup.Decision {
	t.Helper()
	var ds []lookup.Decision
	for _, s := range all {
		p, a, _ := strings.Cut(s, " ")
		prefix, err := lookup.ParsePrefix(p)
		if err != nil {
			t.Fatal(err)
		}
		action, err := lookup.ParseAction(a)
		if err != nil {
			t.Fatal(err)
		}
		ds = append(ds, lookup.Decision{Prefix: prefix, Action: action, Origin: "cscli", Reason: "manual 'ban'"})
	}
	return ds
}

func mustNew(t testing.TB, cfg Config) *Middleware {
	t.Helper()
	m, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func prefixes(ss ...string) []netip.Prefix {
	var ps []netip.Prefix
	for _, s := range ss {
		ps = append(ps, netip.MustParsePrefix(s))
	}
	return ps
}

// recorded returns a logger and its lines.
func recorded(level zapcore.Level) (*zap.Logger, *observer.ObservedLogs) {
	core, logs := observer.New(level)
	return zap.New(core), logs
}

func TestCheckDecides(t *testing.T) {
	for _, c := range []struct {
		name      string
		decisions []string
		allow     []netip.Prefix
		client    string
		want      int // status; 0: passes
	}{
		{"nobody decided anything", nil, nil, "192.0.2.1:1", 0},
		{"a decision about somebody else is none", []string{"192.0.2.2 ban"}, nil, "192.0.2.1:1", 0},
		{"a ban is a 403", []string{"192.0.2.1 ban"}, nil, "192.0.2.1:1", 403},
		{"a banned range stops its addresses", []string{"192.0.2.0/24 ban"}, nil, "192.0.2.1:1", 403},
		{"a captcha is a 403, too", []string{"192.0.2.1 captcha"}, nil, "192.0.2.1:1", 403},
		{"a throttle is a 429", []string{"192.0.2.1 throttle"}, nil, "192.0.2.1:1", 429},
		{"a wider ban beats a throttle of the address", []string{"192.0.2.0/24 ban", "192.0.2.1 throttle"}, nil, "192.0.2.1:1", 403},
		{"an IPv6 range stops its addresses", []string{"2001:db8::/64 ban"}, nil, "[2001:db8::1]:1", 403},
		{"a mapped client meets an IPv4 decision", []string{"192.0.2.1 ban"}, nil, "[::ffff:192.0.2.1]:1", 403},
		{"an IPv4 client meets a mapped decision", []string{"::ffff:192.0.2.1 ban"}, nil, "192.0.2.1:1", 403},
		{"a zone does not hide a client", []string{"fe80::1 ban"}, nil, "[fe80::1%eth0]:1", 403},
		{"an allowed client passes against a ban", []string{"192.0.2.0/24 ban"}, prefixes("192.0.2.1/32"), "192.0.2.1:1", 0},
		{"its neighbour does not", []string{"192.0.2.0/24 ban"}, prefixes("192.0.2.1/32"), "192.0.2.2:1", 403},
		{"a mapped client meets the allow list", []string{"192.0.2.1 ban"}, prefixes("192.0.2.0/24"), "[::ffff:192.0.2.1]:1", 0},
		{"an IPv4 client meets a mapped allow list", []string{"192.0.2.1 ban"}, prefixes("::ffff:192.0.2.0/120"), "192.0.2.1:1", 0},
		{"host bits in the allow list do no harm", []string{"192.0.2.1 ban"}, prefixes("192.0.2.77/24"), "192.0.2.1:1", 0},
		{"a client without an address passes", []string{"0.0.0.0/0 ban", "::/0 ban"}, nil, "@", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := mustNew(t, Config{Lookup: in(table(t, c.decisions...)), Allow: c.allow})
			got := 0
			if s := m.Check(from(c.client)); s != nil {
				got = s.Status
			}
			if got != c.want {
				t.Errorf("Check of %s: status %d, want %d", c.client, got, c.want)
			}
		})
	}
}

func TestCheckJudgesOddDecisions(t *testing.T) {
	for _, c := range []struct {
		name   string
		action lookup.Action
		want   int
	}{
		{"a decision to do nothing is none", lookup.None, 0},
		{"an action that nobody knows is a ban", lookup.Ban + 7, 403},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := mustNew(t, Config{Lookup: func(context.Context, netip.Addr) (lookup.Decision, bool) {
				return lookup.Decision{Action: c.action}, true
			}})
			s := m.Check(from("192.0.2.1:1"))
			if c.want == 0 && s != nil || c.want != 0 && (s == nil || s.Status != c.want) {
				t.Errorf("got %+v, want status %d", s, c.want)
			}
			if n := m.Counters().Snapshot().Stopped[lookup.Ban]; n != uint64(c.want/403) {
				t.Errorf("%d bans counted", n)
			}
		})
	}
}

func TestCheckNormalizesWhatTheCallersFuncSays(t *testing.T) {
	m := mustNew(t, Config{
		Lookup: func(_ context.Context, ip netip.Addr) (lookup.Decision, bool) {
			return lookup.Decision{Action: lookup.Ban}, ip == netip.MustParseAddr("192.0.2.1")
		},
		ClientIP: func(*http.Request) netip.Addr { return netip.MustParseAddr("::ffff:192.0.2.1") },
	})
	s := m.Check(from("198.51.100.1:1"))
	if s == nil || s.Client != netip.MustParseAddr("192.0.2.1") {
		t.Errorf("got %+v, want a stop of 192.0.2.1", s)
	}
}

func TestAllowIsJudgedByTheClientAlone(t *testing.T) {
	m := mustNew(t, Config{Lookup: in(table(t, "192.0.2.1 ban")), Allow: prefixes("198.51.100.0/24")})
	r := from("192.0.2.1:1")
	for _, name := range []string{"X-Forwarded-For", "X-Real-Ip", "Forwarded", "Cf-Connecting-Ip", "True-Client-Ip", "X-Allow"} {
		r.Header.Set(name, "198.51.100.1")
	}
	if m.Check(r) == nil {
		t.Error("a banned client talked itself into the allow list by a header")
	}
}

func TestNewRefuses(t *testing.T) {
	some := in(new(lookup.Table))
	for _, c := range []struct {
		name string
		cfg  Config
		want string
	}{
		{"a missing Lookup", Config{}, "Lookup is missing"},
		{"an invalid prefix", Config{Lookup: some, Allow: append(prefixes("10.0.0.0/8"), netip.Prefix{})}, "Allow[1]"},
		{"a LogIP that there is not", Config{Lookup: some, LogIP: LogIPOff + 1}, "LogIP(3)"},
		{"a range wider than the mapped addresses", Config{Lookup: some, Allow: prefixes("::ffff:0.0.0.0/90")}, "Allow[0]: ::ffff:0.0.0.0/90"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := New(c.cfg); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

func TestHandlerLeavesTheWriterAlone(t *testing.T) {
	var w http.ResponseWriter = httptest.NewRecorder()
	var got http.ResponseWriter
	m := mustNew(t, Config{Lookup: in(new(lookup.Table))})
	r := from("192.0.2.1:1")
	m.Handler(http.HandlerFunc(func(w http.ResponseWriter, inner *http.Request) {
		got = w
		if inner != r {
			t.Error("the request was copied")
		}
	})).ServeHTTP(w, r)
	if got != w {
		t.Errorf("next got %T %p, want the server's own writer", got, got)
	}
	if len(w.Header()) != 0 {
		t.Errorf("a request that passes got headers: %v", w.Header())
	}
}

func TestHandlerHandsTheStopToBanned(t *testing.T) {
	var got *Stop
	m := mustNew(t, Config{
		Lookup: in(table(t, "192.0.2.0/24 ban")),
		Banned: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			got, _ = FromContext(r.Context())
			w.WriteHeader(http.StatusTeapot)
		}),
	})
	w := httptest.NewRecorder()
	m.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("next was called")
	})).ServeHTTP(w, from("192.0.2.1:1"))
	if w.Code != http.StatusTeapot || got == nil {
		t.Fatalf("status %d, stop %v", w.Code, got)
	}
	if got.Client.String() != "192.0.2.1" || got.Decision.Prefix.String() != "192.0.2.0/24" || got.Status != 403 {
		t.Errorf("got %+v", got)
	}
}

func TestFromContextWithoutAStop(t *testing.T) {
	if s, ok := FromContext(context.Background()); ok || s != nil {
		t.Errorf("got %v, %t", s, ok)
	}
	if s, ok := FromContext(NewContext(context.Background(), nil)); ok || s != nil {
		t.Errorf("a nil stop: got %v, %t", s, ok)
	}
}

func TestDryRunCountsAndLogsOnly(t *testing.T) {
	log, logs := recorded(zap.InfoLevel)
	m := mustNew(t, Config{Lookup: in(table(t, "192.0.2.1 ban")), DryRun: true, Logger: log, ChallengeOff: true})
	passed := 0
	h := m.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { passed++ }))
	h.ServeHTTP(httptest.NewRecorder(), from("192.0.2.1:1"))
	h.ServeHTTP(httptest.NewRecorder(), from("192.0.2.2:1"))
	if passed != 2 {
		t.Errorf("%d of 2 requests passed", passed)
	}
	want := Counts{Processed: 2, Processed4: 2, DryRun: 1, ByOrigin: []OriginCount{{Action: lookup.Ban, Origin: "cscli", DryRun: 1}}}
	if got := m.Counters().Snapshot(); !reflect.DeepEqual(got, want) {
		t.Errorf("counted %+v, want %+v", got, want)
	}
	if logs.Len() != 1 || logs.All()[0].ContextMap()["dry_run"] != true {
		t.Errorf("logged %v", logs.All())
	}
}

func TestMiddlewaresDoNotShareWhatIsNotGiven(t *testing.T) {
	tab := table(t, "192.0.2.1 ban")
	first := mustNew(t, Config{Lookup: in(tab), Allow: prefixes("192.0.2.1/32"), DryRun: true})
	second := mustNew(t, Config{Lookup: in(tab)})
	if first.Check(from("192.0.2.1:1")) != nil || second.Check(from("192.0.2.1:1")) == nil {
		t.Error("one middleware's settings reached the other")
	}
	if n := second.Counters().Snapshot(); n.Processed != 1 || n.Allowed != 0 {
		t.Errorf("the second counted %+v", n)
	}
}

func TestUnknownClientsAreWarnedOfOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, logs := recorded(zap.InfoLevel)
		m := mustNew(t, Config{Lookup: in(new(lookup.Table)), Logger: log, Server: "shop", ChallengeOff: true})
		for range 3 {
			m.Check(from("@"))
		}
		if logs.Len() != 1 {
			t.Fatalf("%d warnings for 3 requests, want 1", logs.Len())
		}
		<-time.After(59 * time.Second)
		m.Check(from("@"))
		if logs.Len() != 1 {
			t.Fatalf("%d warnings after 59 seconds, want 1", logs.Len())
		}
		<-time.After(time.Second)
		m.Check(from("@"))
		if logs.Len() != 2 {
			t.Fatalf("%d warnings after a minute, want 2", logs.Len())
		}
		e := logs.All()[1]
		if f := e.ContextMap(); e.Level != zap.WarnLevel || f["requests"] != uint64(5) || f["remote_addr"] != "@" || f["server"] != "shop" {
			t.Errorf("warned %v %v", e.Level, f)
		}
	})
}

func TestLogHasALineForEachStop(t *testing.T) {
	log, logs := recorded(zap.InfoLevel)
	m := mustNew(t, Config{Lookup: in(table(t, "192.0.2.0/24 ban")), Logger: log, Server: "shop", ChallengeOff: true})
	r := httptest.NewRequest(http.MethodPost, "http://example.com/login?password=secret", nil)
	r.RemoteAddr = "192.0.2.1:1"
	s := m.Check(r)
	m.Check(from("198.51.100.1:1"))
	if logs.Len() != 1 {
		t.Fatalf("%d lines, want 1", logs.Len())
	}
	got := logs.All()[0].ContextMap()
	for name, want := range map[string]any{
		"action": "ban", "origin": "cscli", "reason": "manual 'ban'", "source": "lapi", "prefix": "192.0.2.0/24",
		"client": "192.0.2.1", "method": "POST", "host": "example.com", "uri": "/login", "status": int64(403),
		"ref": s.Ref, "dry_run": false, "server": "shop",
	} {
		if got[name] != want {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
		delete(got, name)
	}
	if len(got) != 0 {
		t.Errorf("unexpected fields: %v", got)
	}
}

func TestLogFieldsOfTheClientAreBounded(t *testing.T) {
	log, logs := recorded(zap.InfoLevel)
	m := mustNew(t, Config{Lookup: in(table(t, "192.0.2.1 ban")), Logger: log, ChallengeOff: true})
	r := from("192.0.2.1:1")
	huge := strings.Repeat("A", 1<<20)
	r.Method, r.Host, r.URL.Path = huge, huge, "/"+huge
	m.Check(r)
	for name, v := range logs.All()[0].ContextMap() {
		if s, ok := v.(string); ok && len(s) > 300 {
			t.Errorf("%s has %d bytes", name, len(s))
		}
	}
}

func TestPassingAllocatesNothing(t *testing.T) {
	tab := crowded(listed)
	tab.Update("local", []lookup.Decision{{Prefix: netip.MustParsePrefix("198.51.100.7/32"), Action: lookup.Ban}}, nil)
	forwarded := from("10.1.2.3:4567")
	forwarded.Header.Set("X-Forwarded-For", `192.0.2.99, "[2001:db8::7]:1234", 10.1.1.1`)
	realIP := from("10.1.2.3:4567")
	realIP.Header.Set("X-Real-Ip", "203.0.113.7")
	for _, c := range []struct {
		name string
		cfg  Config
		r    *http.Request
	}{
		{"IPv4", Config{}, from("203.0.113.7:51234")},
		{"with cookies", Config{}, withCookies()},
		{"with challenges off", Config{ChallengeOff: true}, withCookies()},
		{"IPv6", Config{}, from("[2001:db8::7]:51234")},
		{"mapped", Config{}, from("[::ffff:203.0.113.7]:51234")},
		{"behind a proxy", Config{ClientIP: ForwardedFor(prefixes("10.0.0.0/8")...)}, forwarded},
		{"by a header", Config{ClientIP: Header("X-Real-IP")}, realIP},
		{"allowed against a ban", Config{Allow: prefixes("198.51.100.0/24")}, from("198.51.100.7:51234")},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.cfg.Lookup = in(tab)
			h := mustNew(t, c.cfg).Handler(bare)
			w := noResponse{http.Header{}}
			if n := testing.AllocsPerRun(200, func() { h.ServeHTTP(w, c.r) }); n != 0 {
				t.Errorf("%v allocations, want 0", n)
			}
		})
	}
}

type allowedOnes map[netip.Addr]bool

func (l allowedOnes) Contains(ip netip.Addr) bool { return l[ip] }

func TestAllowListsAreAskedAsAllowIs(t *testing.T) {
	ip := netip.MustParseAddr("192.0.2.1")
	list := allowedOnes{}
	m, err := New(Config{
		Lookup: func(context.Context, netip.Addr) (lookup.Decision, bool) {
			return lookup.Decision{Action: lookup.Ban, Prefix: netip.PrefixFrom(ip, 32)}, true
		},
		AllowLists: []AllowList{allowedOnes{}, list},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		listed bool
		status int
	}{{false, 403}, {true, 200}, {false, 403}} {
		list[ip] = row.listed
		w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = ip.String() + ":1"
		m.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})).ServeHTTP(w, r)
		if w.Code != row.status {
			t.Errorf("listed: %t: status %d; want %d", row.listed, w.Code, row.status)
		}
	}
}
