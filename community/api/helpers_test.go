package api_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/community/api"
	"github.com/tocsin-project/tocsin/consensus"
)

// start is when all tests begin, unless they have real servers.
var start = time.Date(2026, 11, 30, 10, 0, 0, 0, time.UTC)

const site = "https://blocklist.example.org"

// A centre is the least that the protocols need of one: it believes what tests tell it.
type centre struct {
	mu       sync.Mutex
	now      time.Time // zero: time.Now
	about    community.About
	accounts map[string]*account // by login
	listed   map[consensus.Unit]community.Listing
	changes  []community.Change
	purged   int // changes that are not kept any more
	list     *community.List
	cursors  map[string]uint64
	accepted []community.Signal
	answered []community.Answer
	health   community.Health
	checks   int   // of the health
	err      error // of what needs the store
}

type account struct {
	key, password string
	role          community.Role
	suspended     bool
}

func newCentre() *centre {
	return &centre{
		now:   start,
		about: community.About{Name: "example", Site: site, Terms: "2026-11"},
		accounts: map[string]*account{
			"reader":    {"reader-key", "reader-password", community.Reader, false},
			"member":    {"member-key", "member-password", community.Reporter, false},
			"suspended": {"suspended-key", "suspended-password", community.Reporter, true},
		},
		listed: map[consensus.Unit]community.Listing{}, cursors: map[string]uint64{},
		health: community.Health{OK: true, Retention: start},
	}
}

// put lists a unit for some time, or takes it off with Allow.
func (c *centre) put(unit string, as consensus.Remediation, last time.Duration) {
	c.putListing(community.Listing{Unit: prefix(unit), Action: as, Behaviour: "http:bruteforce", Until: c.clock().Add(last), Surety: consensus.One})
}

func (c *centre) putListing(l community.Listing) {
	c.mu.Lock()
	defer c.mu.Unlock()
	was := c.listed[l.Unit].Action
	c.listed[l.Unit] = l
	if l.Action == consensus.Allow {
		delete(c.listed, l.Unit)
	}
	c.changes = append(c.changes, community.Change{Seq: uint64(len(c.changes)) + 1, At: c.clock(), Listing: l, Was: was})
	c.list = nil
}

func prefix(unit string) netip.Prefix {
	u, err := consensus.ParseUnit(unit)
	if err != nil {
		panic(err)
	}
	return u
}

func (c *centre) clock() time.Time {
	if c.now.IsZero() {
		return time.Now()
	}
	return c.now
}

// pass lets time pass.
func (c *centre) pass(d time.Duration) { c.now = c.now.Add(d) }

func (c *centre) About() community.About { return c.about }

func (c *centre) Derive(label string) []byte {
	mac := hmac.New(sha256.New, []byte("a secret of the test"))
	mac.Write([]byte(label))
	return mac.Sum(nil)
}

func (c *centre) Health(ctx context.Context) community.Health {
	c.checks++
	if ctx.Err() != nil {
		return community.Health{Problems: []string{ctx.Err().Error()}}
	}
	return c.health
}

func (c *centre) who(match func(login string, a *account) bool) (community.Caller, error) {
	if c.err != nil {
		return community.Caller{}, c.err
	}
	for login, a := range c.accounts {
		switch {
		case !match(login, a):
		case a.suspended:
			return community.Caller{}, community.ErrSuspended
		default:
			return community.Caller{Login: login, Role: a.role}, nil
		}
	}
	return community.Caller{}, community.ErrDenied
}

func (c *centre) Key(_ context.Context, key string, _ netip.Addr) (community.Caller, error) {
	return c.who(func(_ string, a *account) bool { return a.key == key })
}

func (c *centre) Login(_ context.Context, login, password string, _ netip.Addr) (community.Caller, error) {
	if login == "storm" {
		return community.Caller{}, community.TooManyError{Retry: 90 * time.Second}
	}
	return c.who(func(l string, a *account) bool { return l == login && a.password == password })
}

func (c *centre) Caller(_ context.Context, login string) (community.Caller, error) {
	return c.who(func(l string, _ *account) bool { return l == login })
}

func (c *centre) Join(_ context.Context, code, name, terms string, _ netip.Addr) (login, key string, err error) {
	switch {
	case code != "invitation":
		err = community.ErrDenied
	case terms != c.about.Terms:
		err = community.ErrTerms
	case name == "":
		err = community.ErrInvalid
	default:
		login, key = "m1", "new-key"
	}
	return login, key, err
}

func (c *centre) Enlist(_ context.Context, code, login, password, terms string, _ netip.Addr) error {
	switch {
	case code != "invitation":
		return community.ErrDenied
	case terms != c.about.Terms:
		return community.ErrTerms
	case c.accounts[login] != nil:
		return community.ErrTaken
	}
	c.accounts[login] = &account{password: password, role: community.Reporter}
	return nil
}

func (c *centre) Accept(_ context.Context, _ community.Caller, signals []community.Signal) (community.Accepted, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return community.Accepted{}, c.err
	}
	var out community.Accepted
	for i, s := range signals {
		if s.Unit == prefix("192.0.2.66") {
			out.Refused = append(out.Refused, community.Refusal{Index: i, Reason: "too old"})
			continue
		}
		out.Accepted++
		c.accepted = append(c.accepted, s)
	}
	return out, nil
}

func (c *centre) Questions(context.Context, community.Caller) (community.Questions, error) {
	return community.Questions{ID: "q1", Units: []consensus.Unit{prefix("192.0.2.1")}, Until: start}, c.err
}

func (c *centre) Answer(_ context.Context, _ community.Caller, _ string, answers []community.Answer) error {
	c.answered = append(c.answered, answers...)
	return c.err
}

func (c *centre) StandingOf(context.Context, community.Caller) (community.Standing, error) {
	return community.Standing{State: consensus.Vouched, Trust: 850_000, Why: []string{"young"}, Own: []consensus.Unit{prefix("192.0.2.7")}}, c.err
}

func (c *centre) List() *community.List {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.list == nil && len(c.changes) > 0 {
		entries := make([]community.Listing, 0, len(c.listed))
		for _, l := range c.listed {
			entries = append(entries, l)
		}
		last := c.changes[len(c.changes)-1]
		c.list = community.NewList(last.Seq, last.At, entries)
	}
	return c.list
}

func (c *centre) Changes(_ context.Context, after uint64, limit int) ([]community.Change, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.err != nil:
		return nil, c.err
	case after < uint64(c.purged), after > uint64(len(c.changes)):
		return nil, community.ErrNotFound
	}
	return c.changes[after:min(uint64(len(c.changes)), after+uint64(limit))], nil
}

func (c *centre) Read(_ context.Context, reader string, upto uint64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cursors[reader] = upto
	return c.err
}

func (c *centre) CursorOf(_ context.Context, reader string) (uint64, bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	seq, ok := c.cursors[reader]
	return seq, ok, c.err
}

// A door is a handler that is asked without a network.
type door struct {
	t       testing.TB
	centre  *centre
	handler *api.Handler
	logs    *observer.ObservedLogs
}

func open(t testing.TB, change ...func(*api.Config)) *door {
	t.Helper()
	return openAt(t, newCentre(), change...)
}

func openAt(t testing.TB, c *centre, change ...func(*api.Config)) *door {
	t.Helper()
	core, logs := observer.New(zapcore.DebugLevel)
	// Most tests ask more than a member would in no time at all.
	cfg := api.Config{Centre: c, Now: c.clock, PerSecond: 1e6, Burst: 1e6, Log: zap.New(core)}
	for _, f := range change {
		f(&cfg)
	}
	h, err := api.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return &door{t, c, h, logs}
}

// A header of a request.
type header struct{ name, value string }

func key(k string) header    { return header{"X-Api-Key", k} }
func bearer(k string) header { return header{"Authorization", "Bearer " + k} }

func (d *door) do(method, target, body string, headers ...header) *httptest.ResponseRecorder {
	d.t.Helper()
	r := httptest.NewRequestWithContext(d.t.Context(), method, target, strings.NewReader(body))
	r.RemoteAddr = "198.51.100.7:1234"
	for _, h := range headers {
		r.Header.Set(h.name, h.value)
	}
	w := httptest.NewRecorder()
	d.handler.ServeHTTP(w, r)
	return w
}

func (d *door) get(target string, headers ...header) *httptest.ResponseRecorder {
	d.t.Helper()
	return d.do("GET", target, "", headers...)
}

// body returns the body of an answer that must be a success.
func (d *door) body(w *httptest.ResponseRecorder) string {
	d.t.Helper()
	if w.Code >= 300 {
		d.t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	return w.Body.String()
}

// token logs in.
func (d *door) token(login string) string {
	d.t.Helper()
	var out struct{ Token string }
	read(d.t, d.body(d.do("POST", "/v3/watchers/login", `{"machine_id":"`+login+`","password":"`+login+`-password"}`)), &out)
	return out.Token
}

func read(t testing.TB, body string, v any) {
	t.Helper()
	if err := json.NewDecoder(bytes.NewReader([]byte(body))).Decode(v); err != nil {
		t.Fatalf("%v in %.300s", err, body)
	}
}

func equal[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s\n got: %v\nwant: %v", what, got, want)
	}
}

var errStore = errors.New("the disk is full")

func status(t testing.TB, what string, w *httptest.ResponseRecorder, want int) {
	t.Helper()
	if w.Code != want {
		t.Errorf("%s: status %d, want %d: %.300s", what, w.Code, want, w.Body)
	}
	var e struct{ Message string }
	if want >= http.StatusBadRequest && (json.Unmarshal(w.Body.Bytes(), &e) != nil || e.Message == "") {
		t.Errorf("%s: the error has no message: %.300s", what, w.Body)
	}
}

type apiConfig = api.Config

// clientOf takes the address of a client from a header.
func clientOf(r *http.Request) netip.Addr {
	ip, _ := netip.ParseAddr(r.Header.Get("X-Client"))
	return ip
}
