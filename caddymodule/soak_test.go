package caddymodule_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/engine"
	"github.com/tocsin-project/tocsin/internal/lapitest"
	"github.com/tocsin-project/tocsin/lapi"
	"github.com/tocsin-project/tocsin/lists"
	"github.com/tocsin-project/tocsin/lookup"
)

var (
	soakFor  = flag.Duration("soak", 0, "how long TestSoak runs; 0: two seconds")
	soakSeed = flag.Uint64("soak.seed", 0, "what TestSoak does; 0: something new each time")
)

// An engine with two Local APIs and a list file is looked into by many at once,
// while decisions come and go and everything fails now and then. What it answers
// is judged by what was true: see truth.
func TestSoak(t *testing.T) {
	leavesNothing(t)
	seed, length := *soakSeed, *soakFor
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	if length == 0 {
		length = 2 * time.Second
	}
	t.Run("", func(t *testing.T) {
		defer func() {
			if t.Failed() {
				t.Logf("to try it again: -run TestSoak -soak %v -soak.seed %d", length, seed)
			}
		}()
		s := newSoak(t, seed)
		s.run(length)
		s.settle()
		t.Logf("%d lookups judged, of which %d were stopped; %d changes, %d faults",
			s.judged.Load(), s.stopped.Load(), s.changes, s.faults)
	})
}

// A soak is one run. What it does follows from its seed, though not when.
type soak struct {
	*testing.T

	rng    *rand.Rand // of the goroutine that drives it
	seed   uint64
	truth  *truth
	engine *engine.Engine
	apis   []*upstream
	list   *listFile
	probes []netip.Addr

	changes, faults int
	judged, stopped atomic.Int64
	wrong           atomic.Pointer[error] // the first mistake

	mu     sync.Mutex
	events []string // the last ones
}

// note remembers an event, for the report of a mistake.
func (s *soak) note(who, format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.events) == 64 {
		s.events = slices.Delete(s.events, 0, 32)
	}
	s.events = append(s.events, time.Now().Format("05.000 ")+who+" "+fmt.Sprintf(format, args...))
}

// fail ends the run with its first mistake.
func (s *soak) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	err = fmt.Errorf("%w\nat %s, after\n%s", err, time.Now().Format("05.000"), strings.Join(s.events, "\n"))
	s.wrong.CompareAndSwap(nil, &err)
}

func newSoak(t *testing.T, seed uint64) *soak {
	s := &soak{T: t, seed: seed, rng: rand.New(rand.NewPCG(seed, 0)), truth: &truth{locate: locate}}
	a := s.newUpstream("a", lapitest.Old)
	b := s.newUpstream("b", lapitest.New)
	b.filters = true
	s.apis = []*upstream{a, b}
	s.list = s.newListFile()
	scopes := []lapi.Scope{"ip", "range", "country", "as"}
	s.engine = startEngine(t, engine.Config{
		Locate: locate,
		Sources: []engine.Source{
			newClient(t, lapi.Config{Name: "a", URL: a.url, Key: lapitest.DefaultKey, Resync: time.Second, Scopes: scopes}),
			newClient(t, lapi.Config{
				Name: "b", URL: b.url, Key: lapitest.DefaultKey, Resync: 2 * time.Second, Scopes: scopes,
				ScenariosNotContaining: []string{ignored},
			}),
			s.list.file,
		},
	})
	for i := range byte(addresses) {
		s.probes = append(s.probes, ipv4(i), ipv6(i%8), netip.AddrFrom4([4]byte{192, 0, 2, i * 10}),
			netip.AddrFrom4([4]byte{198, 51, 100, i}), netip.AddrFrom4([4]byte{10, 0, 0, i}))
	}
	await(t, "every source is in step", func() error {
		if !s.engine.Ready() {
			return errors.New("not ready")
		}
		return s.inStep()
	})
	return s
}

// Who and what decisions are about. Few addresses, so that they meet.
const (
	addresses = 24
	ignored   = "acme/ignored"
)

func ipv4(i byte) netip.Addr { return netip.AddrFrom4([4]byte{203, 0, 113, i}) }

func ipv6(i byte) netip.Addr { return netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 15: i}) }

// locate knows one documentation range: its halves are two countries, and the
// upper one is an autonomous system.
func locate(ip netip.Addr) (string, uint32) {
	if ip = lookup.Normalize(ip); netip.MustParsePrefix("192.0.2.0/24").Contains(ip) {
		if ip.As4()[3] < 128 {
			return "FR", 0
		}
		return "DE", 64496
	}
	return "", 0
}

// run does random things for a while.
func (s *soak) run(length time.Duration) {
	ctx, cancel := context.WithTimeout(s.Context(), length)
	defer cancel()
	var wg sync.WaitGroup
	defer wg.Wait()
	for i := range 4 {
		wg.Go(func() { s.look(ctx, rand.New(rand.NewPCG(s.seed, uint64(i)+1))) })
	}
	tick := time.NewTicker(15 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			s.step(now)
		}
		if s.wrong.Load() != nil {
			cancel()
		}
	}
}

func (s *soak) step(now time.Time) {
	for _, u := range s.apis {
		u.fail(now)
		if s.rng.IntN(2) == 0 {
			u.change()
		}
	}
	s.list.watch()
	s.list.change(now)
	if s.rng.IntN(200) == 0 {
		s.engine.Sync()
	}
}

// look looks clients up and has the answers judged.
func (s *soak) look(ctx context.Context, rng *rand.Rand) {
	tick := time.NewTicker(3 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for range 20 {
			ip := s.probes[rng.IntN(len(s.probes))]
			if rng.IntN(4) == 0 {
				ip = netip.AddrFrom16(ip.As16()) // IPv4 by its other name
			}
			g := s.truth.glance()
			d, _ := s.engine.Lookup(ctx, ip)
			s.judged.Add(1)
			if d.Action != lookup.None {
				s.stopped.Add(1)
			}
			if err := s.truth.judge(g, ip, d); err != nil {
				s.fail(err)
				return
			}
		}
		if stats := s.engine.Stats(); !stats.Ready {
			s.fail(fmt.Errorf("not ready, though everything was in step a moment ago: %+v", stats))
			return
		}
	}
}

// settle ends all faults and waits until the table is what it has to be.
func (s *soak) settle() {
	s.Helper()
	if err := s.wrong.Load(); err != nil {
		s.Fatal(*err)
	}
	for _, u := range s.apis {
		u.heal()
	}
	s.list.heal()
	await(s.T, "every source is in step again", func() error {
		for _, source := range s.engine.Stats().Sources {
			if source.Err != nil || source.Failures > 0 {
				return fmt.Errorf("%s: %d failures: %w", source.Name, source.Failures, source.Err)
			}
		}
		return s.inStep()
	})
	if s.stopped.Load() == 0 || s.stopped.Load() == s.judged.Load() || s.changes == 0 || s.faults == 0 {
		s.Error("nothing has happened")
	}
}

func (s *soak) inStep() error {
	for _, f := range s.truth.feeds {
		if err := s.truth.inStep(f, s.engine.Table()); err != nil {
			return err
		}
	}
	return nil
}

// An upstream is a fake Local API whose client is followed by the questions that
// it asks: with each one it has done with the answer before.
type upstream struct {
	*door

	soak    *soak
	feed    *feed
	filters bool // the client tells the rows of a decision apart

	dropped time.Time // when the database was lost; zero: its loss has shown
	filled  time.Time // when what is always listed was
	faulty  bool
	next    time.Time // when the state of faults changes
	cure    func()    // ends the fault

	mu      sync.Mutex
	last    *pull
	lost    time.Time // when a delta was lost for good: the next full answer tells; zero: none was
	held    int       // full answers cut short since the last whole one
	closing bool      // connections are being broken
}

// A pull is a question of the client, and what became of the answer.
type pull struct {
	at   time.Time
	full bool
	good bool // it was answered, as is right

	spoiled, lost, short bool // by faults

	// vanished: the connection broke before a byte of it. The client may have
	// asked again without knowing, and knows what it missed after the next one.
	vanished bool
}

type pullKey struct{}

func (s *soak) newUpstream(name string, g lapitest.Generation) *upstream {
	u := &upstream{door: newDoor(s.T, lapitest.Config{Generation: g}), soak: s, feed: s.truth.feed(name), cure: func() {}}
	u.serve = u
	u.fill()
	return u
}

// ServeHTTP has the fake answer, and notes what is asked and whether it did.
func (u *upstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p := &pull{at: time.Now(), full: lapitest.Startup(r)}
	u.receive(p)
	status := &statusWriter{ResponseWriter: w, code: http.StatusOK}
	u.Handler.ServeHTTP(status, r.WithContext(context.WithValue(r.Context(), pullKey{}, p)))
	u.mu.Lock() // not reached if the answer was broken off
	defer u.mu.Unlock()
	p.good = !p.spoiled && status.code == http.StatusOK
}

type statusWriter struct {
	http.ResponseWriter
	code int
}

func (w *statusWriter) WriteHeader(code int) { w.code = code; w.ResponseWriter.WriteHeader(code) }

// Unwrap is for http.ResponseController.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (u *upstream) receive(p *pull) {
	u.mu.Lock()
	defer u.mu.Unlock()
	done := u.last
	if done != nil {
		u.soak.note(u.feed.name, "has done with an answer: full %v, good %v, spoiled %v, lost %v, short %v",
			done.full, done.good, done.spoiled, done.lost, done.short)
	}
	u.last = p
	again := done != nil && done.vanished && !p.full
	p.spoiled = u.closing || again
	switch {
	case done == nil:
		return
	case done.lost:
		u.lost = done.at
	case done.short:
		u.held++
	case done.good && done.full && done.at.After(u.lost):
		u.lost, u.held = time.Time{}, 0
	}
	u.soak.truth.advance(u.feed, func(m *mark) {
		m.gap = m.gap || again || !u.lost.IsZero()
		if !u.lost.IsZero() || !done.good {
			return
		}
		m.at, m.gap = done.at, false
		if done.full {
			m.fulls = [3]time.Time{done.at, m.fulls[0], m.fulls[1]}
		}
	})
}

// spoil makes f note that the answer is not what was asked for.
func (u *upstream) spoil(f lapitest.Fault, how func(*pull)) lapitest.Fault {
	return func(w http.ResponseWriter, r *http.Request, answer http.HandlerFunc) {
		if p, ok := r.Context().Value(pullKey{}).(*pull); ok {
			u.mu.Lock()
			p.spoiled = true
			how(p)
			u.mu.Unlock()
		}
		f(w, r, answer)
	}
}

// breakOff breaks all connections. Data in transit may or may not be lost.
func (u *upstream) breakOff() {
	u.mu.Lock()
	u.closing = true
	if u.last != nil {
		u.last.spoiled, u.last.vanished, u.last.good = true, true, false
	}
	u.mu.Unlock()
	u.close()
	u.mu.Lock()
	u.closing = false
	u.mu.Unlock()
}

// readmit makes the key anew. What came before is told to it in full answers
// only, and a client that was not refused in between cannot know.
func (u *upstream) readmit() {
	u.lose(func() { u.AddKey(lapitest.DefaultKey) })
}

// lose records that deed hides updates from the client that it has not received yet.
func (u *upstream) lose(deed func()) {
	set := func(at time.Time) {
		u.mu.Lock()
		defer u.mu.Unlock()
		u.lost = at
	}
	set(time.Now().Add(time.Hour)) // no answer makes up for it meanwhile
	deed()
	set(time.Now())
}

// fill lists what is always listed, so that a few decisions more or less are
// never the most part.
func (u *upstream) fill() {
	var ds []lapitest.Decision
	for i := range 30 {
		ds = append(ds, lapitest.Decision{Value: fmt.Sprintf("10.0.0.%d", i)})
	}
	u.add(ds...)
	u.filled = time.Now()
}

// add announces ds, which are to be enforced.
func (u *upstream) add(ds ...lapitest.Decision) {
	u.soak.truth.announce(u.feed, func() []*claim {
		var made []*claim
		for i, id := range u.Add(ds...) {
			made = append(made, u.claimOf(ds[i], id))
		}
		return made
	})
}

// claimOf returns what d asks for.
func (u *upstream) claimOf(d lapitest.Decision, id int64) *claim {
	c := &claim{
		id: id, value: d.Value, typ: d.Type, length: d.Duration,
		shared: d.Origin == "CAPI" || d.Origin == "lists",
	}
	if c.typ == "" {
		c.typ = "ban"
	}
	if c.length == 0 {
		c.length = 4 * time.Hour
	}
	var err error
	c.Action, err = lookup.ParseAction(c.typ)
	if err != nil {
		c.Action = lookup.Ban // the fallback
	}
	switch d.Scope {
	case "Country":
		c.Country = strings.ToUpper(d.Value)
	case "AS":
		c.AS = 64496
	default:
		c.Prefix, err = lookup.ParsePrefix(d.Value)
		if err != nil {
			panic(err) // the soak's own
		}
	}
	// A client that tells rows apart knows what each deletion is about.
	usual := c.Target() == d.Value && (d.Scope == "") == (c.Country == "" && c.AS == 0) && c.typ == c.Action.String()
	c.odd = !usual && !u.filters
	return c
}

// change does something to the database.
func (u *upstream) change() {
	s := u.soak
	if !u.dropped.IsZero() {
		if !s.truth.glanceAt(u.feed).fulls[2].After(u.dropped) {
			return // or the guard, which waits for answers that are alike, would go on waiting
		}
		u.dropped = time.Time{}
		u.fill()
	}
	s.changes++
	listed := s.truth.pick(u.feed, func(c *claim) bool { return !strings.HasPrefix(c.value, "10.0.0.") })
	n := s.rng.IntN(100)
	if len(listed) == 0 || n < 50 && len(listed) < 40 {
		u.announce()
		return
	}
	c := listed[s.rng.IntN(len(listed))]
	same := func(o *claim) bool { return o.value == c.value && o.typ == c.typ }
	switch {
	case n < 70:
		s.truth.takeBack(u.feed, false, same, func() { u.Delete(c.value, c.typ) })
	case n < 76:
		s.truth.takeBack(u.feed, false, func(o *claim) bool { return o.value == c.value }, func() { u.Delete(c.value, "") })
	case n < 80 && c.Prefix.IsSingleIP(): // banned anew at once, maybe by another name
		s.truth.takeBack(u.feed, false, same, func() { u.Delete(c.value, c.typ) })
		value := c.Prefix.Addr().String()
		u.add(lapitest.Decision{Type: c.typ, Value: []string{value, c.Prefix.String()}[s.rng.IntN(2)]})
	case n < 84 && c.id > 0:
		s.truth.takeBack(u.feed, false, func(o *claim) bool { return o == c }, func() { u.DeleteID(c.id) })
	case n < 91:
		s.truth.takeBack(u.feed, true, same, func() { u.HardDelete(c.value, c.typ) })
	case n < 93:
		s.truth.renew(u.feed, u.Reannounce)
	case n < 96:
		u.SetGeneration(lapitest.Old + lapitest.New - u.Generation())
	case n < 97 && !u.faulty:
		u.breakOff()
		u.Restart()
		u.open()
	case n < 98 && !u.faulty:
		u.lose(func() {
			s.truth.forget(u.feed, func() {
				u.DropDatabase()
				u.AddKey(lapitest.DefaultKey)
			})
		})
		u.dropped = time.Now()
	default:
		u.addIgnored()
	}
}

// announce makes a decision or two.
func (u *upstream) announce() {
	rng := u.soak.rng
	d := lapitest.Decision{Type: []string{"ban", "ban", "captcha", "throttle"}[rng.IntN(4)], Value: ipv4(byte(rng.IntN(addresses))).String()}
	d.Origin = []string{"cscli", "crowdsec", "CAPI", "lists"}[rng.IntN(4)]
	if rng.IntN(4) == 0 {
		d.Duration = time.Second + time.Duration(rng.IntN(4000))*time.Millisecond
	}
	switch rng.IntN(20) {
	case 0:
		d.Value, d.Scope = "FR", "Country"
	case 1:
		d.Value, d.Scope = "64496", "AS"
	case 2:
		d.Value, d.Scope = "AS64496", "AS"
	case 3, 4, 5:
		d.Value = ipv6(byte(rng.IntN(8))).String()
	case 6:
		d.Value = "2001:0DB8::0" + d.Value[len(d.Value)-1:] // in capitals, and with zeros
	case 7:
		d.Value = "2001:db8::/126"
	case 8:
		d.Value = "203.0.113.5/29" // with host bits
	case 9:
		d.Value += "/32"
	case 10:
		d.Value = "::ffff:" + d.Value
	case 11, 12:
		d.Value = "203.0.113.0/29"
	case 13:
		d.Value, d.Scope = "203.0.113.0/29", "Ip" // as lists have it
	case 14:
		d.Type = "Ban"
	case 15:
		d.Type = "tarpit"
	}
	if rng.IntN(8) > 0 {
		u.add(d)
		return
	}
	other := d
	other.Type = "captcha"
	u.add(d, other)
}

// addIgnored adds a decision that must not stop any client.
func (u *upstream) addIgnored() {
	d := lapitest.Decision{Value: "198.51.100.1"}
	switch n := u.soak.rng.IntN(4); {
	case n == 0:
		d.Simulated = true
	case n == 1:
		d.Value, d.Scope = "198.51.100.x", "Ip"
	case n == 2:
		d.Value, d.RawDuration = "198.51.100.2", "-5s"
	case u.filters:
		d.Value, d.Scenario = ipv4(1).String(), ignored
	}
	if d != (lapitest.Decision{Value: "198.51.100.1"}) {
		u.Add(d)
	}
}

// fail begins and ends faults.
func (u *upstream) fail(now time.Time) {
	if now.Before(u.next) {
		return
	}
	rng := u.soak.rng
	if u.faulty {
		u.heal()
		u.next = now.Add(time.Duration(200+rng.IntN(1500)) * time.Millisecond)
		if rng.IntN(2) == 0 {
			u.soak.engine.Sync() // so that a pause does not last
		}
		return
	}
	if u.next.IsZero() { // the first is not at once, and not for both
		u.next = now.Add(time.Duration(rng.IntN(800)) * time.Millisecond)
		return
	}
	u.faulty = true
	u.soak.faults++
	u.soak.note(u.feed.name, "fails")
	u.next = now.Add(time.Duration(50+rng.IntN(400)) * time.Millisecond)
	if rng.IntN(25) == 0 {
		u.next = now.Add(5 * time.Second)
	}
	u.begin()
}

func (u *upstream) heal() {
	u.soak.note(u.feed.name, "is well")
	u.cure()
	u.cure = func() {}
	u.faulty = false
}

// begin begins a fault of some kind.
func (u *upstream) begin() {
	rng := u.soak.rng
	u.cure = u.ClearFaults
	switch n := rng.IntN(10); {
	case n == 0:
		u.breakOff()
		u.cure = u.open
	case n == 1:
		u.RemoveKey(lapitest.DefaultKey)
		u.cure = u.readmit
	case n == 2 && u.mayBeShort():
		u.InjectWhen(lapitest.Startup, 1+rng.IntN(2), u.spoil(lapitest.Short(rng.IntN(5)), func(p *pull) { p.short = true }))
		u.soak.engine.Sync()
	case n == 3: // an answer to somebody else, in a proxy's cache
		f := []lapitest.Fault{lapitest.Raw(`{"new": null, "deleted": null}`), lapitest.GiantString(1 << 20)}[rng.IntN(2)]
		delta := func(r *http.Request) bool { return !lapitest.Startup(r) }
		u.InjectWhen(delta, 1+rng.IntN(2), u.spoil(f, func(p *pull) { p.lost = true }))
	case n == 4: // slow, or compressed, and good all the same
		released := make(chan struct{})
		u.InjectAlways([]lapitest.Fault{lapitest.Gzip(), trickle(released)}[rng.IntN(2)])
		u.cure = func() { u.ClearFaults(); close(released) }
	case n == 5:
		u.Inject(u.spoil(vanish, func(p *pull) { p.vanished = true }))
	default:
		released := make(chan struct{})
		faults := u.breakages(released)
		f := u.spoil(faults[rng.IntN(len(faults))], func(*pull) {})
		if rng.IntN(2) == 0 {
			u.Inject(f)
		} else {
			u.InjectAlways(f)
		}
		u.cure = func() { u.ClearFaults(); close(released) }
	}
}

// mayBeShort reports whether a full answer that is cut short is known for one,
// for it is much smaller than what is in force, and the first in a row.
func (u *upstream) mayBeShort() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.held == 0 && u.dropped.IsZero() && u.soak.truth.glanceAt(u.feed).fulls[0].After(u.filled)
}

// breakages are the faults that leave no good answer.
func (u *upstream) breakages(released <-chan struct{}) []lapitest.Fault {
	wait := http.Header{"Retry-After": {"1"}}
	html := http.Header{"Content-Type": {"text/html"}}
	return []lapitest.Fault{
		lapitest.Status(500, nil, "database is locked"), lapitest.Status(502, html, "<html>"), lapitest.Status(200, html, "<html>"),
		lapitest.Status(401, nil, ""), lapitest.Status(403, nil, ""), lapitest.Status(404, nil, ""),
		lapitest.Status(429, wait, ""), lapitest.Status(302, http.Header{"Location": {"/elsewhere"}}, ""),
		lapitest.Cut(0), lapitest.Cut(u.soak.rng.IntN(2000)), lapitest.Cut(1 << 20), hang(released), stall(released),
		lapitest.Raw(""), lapitest.Raw("<html>"), lapitest.Raw(`{"new":[{"value":7}]}`), lapitest.Raw(`{"new": [oops`),
		lapitest.Trailing("{}"), lapitest.GzipBomb(64 << 20),
	}
}

// A listFile is a list whose follower is watched by its status: a look at the
// file that ends after another one has ended began after that.
type listFile struct {
	soak *soak
	feed *feed
	file *lists.File
	path string
	next time.Time
	seen time.Time // when it was last said to be in step
}

func (s *soak) newListFile() *listFile {
	l := &listFile{soak: s, feed: s.truth.feed("file"), path: filepath.Join(s.TempDir(), "list.txt")}
	var err error
	l.file, err = lists.NewFile(lists.FileConfig{Path: l.path, Name: "file", Action: lookup.Captcha, Poll: poll})
	if err != nil {
		s.Fatal(err)
	}
	l.rewrite(l.replace)
	return l
}

// watch moves the mark of the list.
func (l *listFile) watch() {
	synced := l.file.Status().Synced
	if synced.Equal(l.seen) {
		return
	}
	before := l.seen
	l.seen = synced
	l.soak.truth.advance(l.feed, func(m *mark) { m.at = before })
}

// change exchanges the file, or does it harm.
func (l *listFile) change(now time.Time) {
	if now.Before(l.next) {
		return
	}
	rng := l.soak.rng
	l.next = now.Add(time.Duration(300+rng.IntN(1200)) * time.Millisecond)
	switch n := rng.IntN(10); {
	case n < 4:
		l.rewrite(l.replace)
	case n < 6:
		l.rewrite(func(text string) error {
			if err := os.RemoveAll(l.path); err != nil {
				return err
			}
			return os.WriteFile(l.path, []byte(text), 0o600)
		})
	default:
		l.soak.faults++
		l.harm(n)
	}
}

// harm makes the file unusable. What it listed stays in force.
func (l *listFile) harm(n int) {
	err := os.RemoveAll(l.path)
	switch n {
	case 6:
		err = errors.Join(err, os.Mkdir(l.path, 0o700))
	case 7:
		err = errors.Join(err, os.WriteFile(l.path, nil, 0o600))
	case 8:
		err = errors.Join(err, os.WriteFile(l.path, []byte("<html>\n203.0.113.7\n"), 0o600))
	}
	if err != nil {
		l.soak.Error(err)
	}
}

func (l *listFile) heal() { l.rewrite(l.replace) }

// rewrite makes up a list and has it written.
func (l *listFile) rewrite(write func(text string) error) {
	l.soak.changes++
	var all []netip.Prefix
	for i := range byte(20) { // what is always listed
		all = append(all, netip.PrefixFrom(netip.AddrFrom4([4]byte{198, 51, 100, 100 + i}), 32))
	}
	for range l.soak.rng.IntN(8) {
		if p := netip.PrefixFrom(ipv4(byte(l.soak.rng.IntN(addresses))), 32); !slices.Contains(all, p) {
			all = append(all, p)
		}
	}
	var text strings.Builder
	for _, p := range all {
		fmt.Fprintln(&text, p.Addr())
	}
	l.soak.truth.rewrite(l.feed, all, lookup.Captcha, func() {
		if err := write(text.String()); err != nil {
			l.soak.Error(err)
		}
	})
}

// replace puts the file in the place of the old one, whatever that has become.
func (l *listFile) replace(text string) error {
	if info, err := os.Stat(l.path); err == nil && info.IsDir() {
		if err := os.Remove(l.path); err != nil {
			return err
		}
	}
	if err := os.WriteFile(l.path+".new", []byte(text), 0o600); err != nil {
		return err
	}
	return os.Rename(l.path+".new", l.path)
}
