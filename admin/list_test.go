package admin

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/engine"
	"github.com/tocsin-project/tocsin/lookup"
)

// A listed is an app with decisions, and nothing else.
type listed struct {
	App
	engine *engine.Engine
}

func (l listed) Engine() *engine.Engine { return l.engine }

// newListed returns an app with n bans.
func newListed(tb testing.TB, n int) App {
	tb.Helper()
	table := new(lookup.Table)
	batch := table.Batch("list")
	for i := range n {
		ip := netip.AddrFrom4([4]byte{20, byte(i >> 16), byte(i >> 8), byte(i)})
		batch.Add(lookup.Decision{Prefix: netip.PrefixFrom(ip, 32), Action: lookup.Ban, Origin: fmt.Sprintf("origin %d", i%2), Reason: "scan"})
	}
	batch.Replace()
	e, err := engine.New(engine.Config{Sources: []engine.Source{source{}}, Table: table})
	if err != nil {
		tb.Fatal(err)
	}
	return listed{engine: e}
}

type source struct{}

func (source) Name() string                                   { return "list" }
func (source) Status() lookup.Status                          { return lookup.Status{} }
func (source) Run(ctx context.Context, _ *lookup.Table) error { <-ctx.Done(); return ctx.Err() }

func TestListFilters(t *testing.T) {
	a := newListed(t, 300)
	for query, want := range map[string]int{
		"":                           100,
		"limit=1000":                 300,
		"origin=origin+1&limit=1000": 150,
		"action=captcha":             0,
		"source=list&limit=7":        7,
	} {
		values, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		if err := serveList(a, w, nil, values); err != nil {
			t.Fatal(query, err)
		}
		var l List
		if err := json.Unmarshal(w.Body.Bytes(), &l); err != nil {
			t.Fatal(query, err)
		}
		if len(l.Decisions) != want || l.More != (want == 100 || want == 7) {
			t.Errorf("%s: %d decisions, more: %v; want %d", query, len(l.Decisions), l.More, want)
		}
	}
	for _, query := range []string{"limit=0", "action=none", "source=nobody"} {
		values, _ := url.ParseQuery(query)
		if err := serveList(a, httptest.NewRecorder(), nil, values); err == nil {
			t.Errorf("%s: no error", query)
		}
	}
}

// The lines of a list are what encoding/json makes of a Decision.
func TestListedDecisionsAreAnswers(t *testing.T) {
	at := time.Date(2026, 11, 29, 20, 15, 30, 600_000_000, time.FixedZone("", 3600))
	host, network := netip.MustParsePrefix("192.0.2.1/32"), netip.MustParsePrefix("2001:db8::/48")
	buf := new(bytes.Buffer)
	to := decisionWriter{to: bufio.NewWriter(buf)}
	for _, d := range []lookup.Decision{
		{},
		{Prefix: host, Action: lookup.Ban, Source: "lapi", Origin: "CAPI", Reason: "scan", Since: at, Until: at.Add(time.Hour)},
		{Prefix: network, Action: lookup.Captcha, Source: "lapi", Origin: "CAPI", Reason: "scan", Since: at},
		{Country: "fr", Action: lookup.Throttle, Source: "geo", Until: at},
		{AS: 64496, Action: lookup.Ban, Source: "geo"},
		{Country: "FR", AS: 64496, Action: lookup.Ban},
		{Prefix: host, Action: lookup.Ban, Source: "a\"b\\c", Origin: "<script>&\u2028", Reason: "\x00\xff\n日本"},
		{Prefix: netip.MustParsePrefix("::ffff:192.0.2.0/120"), Action: lookup.Ban},
	} {
		answer := NewDecision(&d)
		want, err := json.Marshal(&answer)
		if err != nil {
			t.Fatal(err)
		}
		buf.Reset()
		if err := errors.Join(to.write(&d), to.to.Flush()); err != nil {
			t.Fatal(err)
		}
		if buf.String() != string(want) {
			t.Errorf("got  %s\nwant %s", buf, want)
		}
	}
}

// A long list allocates no more than a short one.
func TestAListAllocatesNothingForADecision(t *testing.T) {
	perList := func(n int) float64 {
		a := newListed(t, n)
		return testing.AllocsPerRun(3, func() {
			if err := serveList(a, new(sink), nil, url.Values{"limit": {"1000000"}}); err != nil {
				t.Fatal(err)
			}
		})
	}
	if few, many := perList(10), perList(20_000); many > few+50 {
		t.Errorf("%v allocations for a list of 10, %v for one of 20,000", few, many)
	}
}

// A list does not depend on how many decisions there are.
func BenchmarkList(b *testing.B) {
	a := newListed(b, 1_000_000)
	for _, query := range []string{"", "origin=none", "limit=1000000"} {
		b.Run(query, func(b *testing.B) {
			values, err := url.ParseQuery(query)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if err := serveList(a, new(sink), nil, values); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// A sink is a client that wants no answer.
type sink struct{ header http.Header }

func (s *sink) Header() http.Header {
	if s.header == nil {
		s.header = http.Header{}
	}
	return s.header
}

func (*sink) WriteHeader(int)                {}
func (*sink) Write(text []byte) (int, error) { return len(text), nil }
