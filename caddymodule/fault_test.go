package caddymodule_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/engine"
	"github.com/tocsin-project/tocsin/internal/lapitest"
	"github.com/tocsin-project/tocsin/lapi"
	"github.com/tocsin-project/tocsin/lists"
	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/goleak"
)

// poll is the shortest interval of a client.
const poll = 100 * time.Millisecond

// What the rows of the table below have in common.
const (
	banned   = "192.0.2.1"        // listed all the time
	widely   = "198.51.100.0/24"  // so is this range
	within   = "198.51.100.77"    // and an address in it
	fileOnly = "203.0.113.1"      // listed by the file alone, all the time
	pardoned = "192.0.2.2"        // listed, and taken back during the fault
	caught   = "2001:db8:1::/48"  // listed during the fault
	inCaught = "2001:db8:1::2"    // an address in it
	elsehow  = "192.0.2.4"        // listed during the fault by the source that is well
	innocent = "192.0.2.100"      // never listed
	mapped   = "::ffff:192.0.2.1" // banned, by its other name
)

// A fault is what goes wrong with one source of an engine.
type fault struct {
	name   string
	begin  func(s *site)
	end    func(s *site)
	says   string // part of the error that the status shows during the fault; "": it shows none
	onFile bool   // the list file is the source that it concerns
	mute   bool   // nobody can ban or unban while it lasts
}

// heldBack is what the status says of a full answer that is not believed yet.
const heldBack = "the full answer has "

// Every fault here strikes a running engine with three sources: two Local APIs,
// of which one is well, and a list file.
func TestWhatIsInForceOutlastsEveryFault(t *testing.T) {
	leavesNothing(t)
	header := func(key, value string) http.Header { return http.Header{key: {value}} }
	answers := func(name, says string, f lapitest.Fault) fault {
		return fault{
			name: name, says: says,
			begin: func(s *site) { s.lapi.InjectAlways(f) },
			end:   func(s *site) { s.lapi.ClearFaults() },
		}
	}
	// Of a full answer that is too small, the third in a row is believed.
	full := func(name string, f lapitest.Fault) fault {
		released := make(chan struct{})
		return fault{
			name: name, says: heldBack,
			begin: func(s *site) {
				s.lapi.InjectWhen(lapitest.Startup, 2, f)
				s.lapi.InjectWhen(lapitest.Startup, -1, hang(released))
				s.engine.Sync()
			},
			end: func(s *site) { s.lapi.ClearFaults(); close(released) },
		}
	}
	// What holds an answer up ends with the fault, and the connection with it.
	held := func(name string, f func(released <-chan struct{}) lapitest.Fault) fault {
		released := make(chan struct{})
		return fault{
			name:  name,
			begin: func(s *site) { s.lapi.InjectAlways(f(released)) },
			end:   func(s *site) { s.lapi.ClearFaults(); close(released) },
		}
	}
	file := func(name, says string, begin func(path string) error) fault {
		return fault{
			name: name, says: says, onFile: true,
			begin: func(s *site) { s.must(os.RemoveAll(s.path)); s.must(begin(s.path)) },
			end:   func(s *site) { s.must(os.RemoveAll(s.path)) },
		}
	}
	for _, f := range []fault{
		{
			name: "the connection is refused", says: "connection refused",
			begin: func(s *site) { s.lapi.close() },
			end:   func(s *site) { s.lapi.open() },
		},
		{
			name: "LAPI is restarted", says: "connection refused",
			begin: func(s *site) { s.lapi.close(); s.lapi.Restart() },
			end:   func(s *site) { s.lapi.open() },
		},
		{
			name: "the key is deleted, and made again", says: "status 403: \"access forbidden\"",
			begin: func(s *site) { s.lapi.RemoveKey(lapitest.DefaultKey) },
			end:   func(s *site) { s.lapi.AddKey(lapitest.DefaultKey) },
		},
		{
			name: "the database is lost, and filled again under a new key", says: "status 403: \"access forbidden\"",
			begin: func(s *site) { s.lapi.DropDatabase(); s.fill() },
			end:   func(s *site) { s.lapi.AddKey(lapitest.DefaultKey) },
		},
		answers("the connection is reset in mid-body", "unexpected EOF", lapitest.Cut(40)),
		answers("the connection is reset before a byte", "EOF", vanish),
		answers("the server fails", `status 500: "database is locked"`, lapitest.Status(500, nil, `{"message":"database is locked"}`)),
		answers("a proxy answers with its page", `status 502: "<html>`, lapitest.Status(502, header("Content-Type", "text/html"), "<html>Bad Gateway")),
		answers("a proxy answers with its page and status 200", "HTML page", lapitest.Status(200, header("Content-Type", "text/html"), "<html>Sign in")),
		answers("a proxy wants another login", "status 401: check the key", lapitest.Status(401, nil, "")),
		answers("the key is refused", "status 403: \"access forbidden\"", lapitest.Status(403, nil, `{"message":"access forbidden"}`)),
		answers("the server asks to be left alone for a second", "status 429", lapitest.Status(429, header("Retry-After", "1"), "")),
		answers("the answer is no JSON", "reading the stream", lapitest.Raw(`{"new": [oops`)),
		answers("the answer is JSON of another kind", "reading the stream", lapitest.Raw(`["a list"]`)),
		answers("there is something behind the answer", "reading the stream", lapitest.Trailing(`{"new":null}`)),
		answers("the answer is a gzip bomb", "decompresses to too many bytes", lapitest.GzipBomb(1<<30)),
		full("the full answer is empty", lapitest.Short(0)),
		full("the full answer is cut short, as valid JSON with status 200", lapitest.Short(7)),
		full("the full answer is one giant string", lapitest.GiantString(32<<20)),
		held("the server hangs without headers", hang),
		held("the server hangs in mid-body", stall),
		held("the body trickles in", trickle),

		file("the list file is deleted", "no such file", func(string) error { return nil }),
		file("the list file is turned into a directory", "not a regular file", func(path string) error { return os.Mkdir(path, 0o700) }),
		file("the list file is truncated", "shrank from 30 entries to 0", func(path string) error { return os.WriteFile(path, nil, 0o600) }),
		file("the list file loses most of its lines", "shrank from 30 entries to 1", func(path string) error { return os.WriteFile(path, []byte("203.0.113.99\n"), 0o600) }),
		file("the list file becomes an HTML page", "markup", func(path string) error { return os.WriteFile(path, []byte("<!DOCTYPE html>\n"), 0o600) }),
		file("the list file becomes a gigabyte of zeros", "binary data", func(path string) error {
			return errors.Join(os.WriteFile(path, nil, 0o600), os.Truncate(path, 1<<30))
		}),
	} {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			newSite(t).suffer(f)
		})
	}
}

// The Local API is down when the engine starts: nothing is known of it, and the
// status says so, but the list is enforced.
func TestAnEngineThatStartsAmidAFaultIsNotReady(t *testing.T) {
	leavesNothing(t)
	s := &site{T: t, lapi: newDoor(t, lapitest.Config{})}
	s.lapi.Add(lapitest.Decision{Value: banned})
	s.lapi.close()
	s.path = filepath.Join(t.TempDir(), "list.txt")
	s.writeList(fileOnly)
	file, err := lists.NewFile(lists.FileConfig{Path: s.path, Name: "file", Poll: poll})
	s.must(err)
	s.engine = startEngine(t, engine.Config{Sources: []engine.Source{
		newClient(t, lapi.Config{Name: "struck", URL: s.lapi.url, Key: lapitest.DefaultKey}), file,
	}})
	s.until("the list is in force and the status tells", func() error {
		stats := s.engine.Stats()
		struck, list := stats.Sources[0], stats.Sources[1]
		switch {
		case s.engine.Ready() || stats.Ready || struck.Ready || !struck.Synced.IsZero():
			t.Fatalf("ready without a word from the Local API: %+v", stats)
		case struck.Err == nil || !strings.Contains(struck.Err.Error(), "connection refused") || struck.Failures < 2 || struck.Next.IsZero():
			return fmt.Errorf("%+v", struck)
		case !list.Ready || list.Err != nil:
			return fmt.Errorf("%+v", list)
		}
		return s.wants(lookup.Ban, fileOnly)
	})
	if err := s.wants(lookup.None, banned, innocent); err != nil {
		t.Error(err)
	}
	s.lapi.open()
	s.until("all is well", func() error {
		if !s.engine.Ready() {
			return errors.New("not ready")
		}
		return errors.Join(s.isWell(), s.wants(lookup.Ban, banned, fileOnly), s.wants(lookup.None, innocent))
	})
}

// vanish lets the server take its answer for delivered and then drops the
// connection, as one does that dies at the wrong moment.
func vanish(_ http.ResponseWriter, r *http.Request, answer http.HandlerFunc) {
	answer(nobody{http.Header{}}, r)
	panic(http.ErrAbortHandler)
}

type nobody struct{ header http.Header }

func (n nobody) Header() http.Header       { return n.header }
func (nobody) WriteHeader(int)             {}
func (nobody) Write(p []byte) (int, error) { return len(p), nil }
func (nobody) Flush()                      {}

func hang(released <-chan struct{}) lapitest.Fault {
	return func(_ http.ResponseWriter, r *http.Request, _ http.HandlerFunc) {
		abortAt(released, r)
	}
}

func stall(released <-chan struct{}) lapitest.Fault {
	return func(w http.ResponseWriter, r *http.Request, answer http.HandlerFunc) {
		answer(nobody{http.Header{}}, r)
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"new": [{"duration":"4h","id":7`))
		_ = http.NewResponseController(w).Flush()
		abortAt(released, r)
	}
}

func abortAt(released <-chan struct{}, r *http.Request) {
	select {
	case <-released:
	case <-r.Context().Done():
	}
	panic(http.ErrAbortHandler)
}

func trickle(released <-chan struct{}) lapitest.Fault {
	return func(w http.ResponseWriter, r *http.Request, answer http.HandlerFunc) {
		drip, done := make(chan struct{}), make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			defer close(drip)
			tick := time.NewTicker(10 * time.Millisecond)
			defer tick.Stop()
			for {
				select {
				case <-tick.C:
				case <-released:
					return
				case <-done:
					return
				}
				select {
				case drip <- struct{}{}:
				case <-released:
					return
				case <-done:
					return
				}
			}
		})
		defer wg.Wait()
		defer close(done)
		lapitest.Trickle(drip)(w, r, answer)
	}
}

// A site is an engine under test with what feeds it.
type site struct {
	*testing.T

	engine *engine.Engine
	lapi   *door  // the one that faults strike
	well   *door  // the one that they do not
	path   string // of the list file

	ban, unban func(value string) // at the Local API that faults strike
	fill       func()             // what that lists all the time
}

func newSite(t *testing.T) *site {
	s := &site{T: t, lapi: newDoor(t, lapitest.Config{}), well: newDoor(t, lapitest.Config{})}
	s.ban = func(value string) { s.lapi.Add(lapitest.Decision{Value: value}) }
	s.unban = func(value string) { s.lapi.Delete(value, "") }
	s.fill = func() {
		for i := range 30 {
			s.ban(fmt.Sprintf("10.0.0.%d", i))
		}
		s.ban(banned)
		s.ban(widely)
		s.ban(pardoned)
	}
	s.fill()
	s.start(lapi.Config{URL: s.lapi.url, Key: lapitest.DefaultKey}, lapi.Config{URL: s.well.url, Key: lapitest.DefaultKey})
	return s
}

// start runs an engine and waits until it is in step.
func (s *site) start(struck, well lapi.Config) {
	s.Helper()
	s.path = filepath.Join(s.TempDir(), "list.txt")
	s.writeList(fileOnly)
	file, err := lists.NewFile(lists.FileConfig{Path: s.path, Name: "file", Poll: poll, MaxBytes: 4 << 20})
	s.must(err)
	struck.Name, well.Name = "struck", "well"
	s.engine = startEngine(s.T, engine.Config{Sources: []engine.Source{newClient(s.T, struck), newClient(s.T, well), file}})
	s.until("everything is in force", func() error {
		return errors.Join(s.wants(lookup.Ban, banned, mapped, within, fileOnly, pardoned), s.wants(lookup.None, innocent, inCaught, elsehow))
	})
}

func newClient(t *testing.T, cfg lapi.Config) *lapi.Client {
	t.Helper()
	cfg.Interval, cfg.MetricsInterval = poll, -1
	c, err := lapi.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// startEngine runs an engine until the end of the test.
func startEngine(t *testing.T, cfg engine.Config) *engine.Engine {
	t.Helper()
	e, err := engine.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	e.Start()
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

// suffer goes through f.
func (s *site) suffer(f fault) {
	stop := s.watch()
	defer stop()
	f.begin(s)
	if f.says != "" {
		s.until("the status tells", func() error { return s.tells(f) })
	}
	s.well.Add(lapitest.Decision{Value: elsehow})
	s.until("the source that is well is followed", func() error { return s.wants(lookup.Ban, elsehow) })
	change := func() { s.unban(pardoned); s.ban(caught) }
	if !f.mute {
		change()
	}
	s.engine.Sync() // to ask again and again makes nothing worse
	s.passes(5 * poll)
	if err := s.tells(f); err != nil {
		s.Error(err)
	}
	if err := s.wants(lookup.Ban, banned, mapped, within, fileOnly, elsehow); err != nil {
		s.Errorf("during the fault: %v", err)
	}
	f.end(s)
	if f.mute {
		change()
	}
	s.writeList(fileOnly, "203.0.113.2")
	s.until("all is well again", func() error {
		return errors.Join(
			s.wants(lookup.Ban, inCaught, banned, within, fileOnly, elsehow, "203.0.113.2"),
			s.wants(lookup.None, pardoned, innocent), s.isWell())
	})
}

// watch looks the same clients up over and over, until stop is called.
func (s *site) watch() (stop func()) {
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
			}
			err := errors.Join(s.wants(lookup.Ban, banned, mapped, within, fileOnly), s.wants(lookup.None, innocent))
			if err != nil {
				s.Error(err)
				return
			}
		}
	})
	return func() { close(done); wg.Wait() }
}

// wants returns an error unless action is asked for against all of ips.
func (s *site) wants(action lookup.Action, ips ...string) error {
	for _, ip := range ips {
		if d, _ := s.engine.Lookup(context.Background(), netip.MustParseAddr(ip)); d.Action != action {
			return fmt.Errorf("%s gets %v, want %v", ip, d.Action, action)
		}
	}
	return nil
}

// tells returns an error unless the status shows f, in the right place.
func (s *site) tells(f fault) error {
	struck := "struck"
	if f.onFile {
		struck = "file"
	}
	stats := s.engine.Stats()
	if !stats.Ready || !s.engine.Ready() {
		return errors.New("not ready, though everything was in step a moment ago")
	}
	for _, source := range stats.Sources {
		switch text := fmt.Sprint(source.Err); {
		case source.Name != struck || f.says == "":
			if source.Err != nil || source.Failures > 0 {
				return fmt.Errorf("%s is well, but has %d failures: %w", source.Name, source.Failures, source.Err)
			}
		case !strings.Contains(text, f.says):
			return fmt.Errorf("%s: the error is %s, want %s", source.Name, text, f.says)
		case source.Failures == 0 && f.says != heldBack:
			return fmt.Errorf("%s: no failures, but the error %w", source.Name, source.Err)
		}
	}
	return nil
}

// isWell returns an error unless the status shows no failure.
func (s *site) isWell() error {
	for _, source := range s.engine.Stats().Sources {
		if source.Err != nil || source.Failures > 0 || !source.Ready || time.Since(source.Synced) > time.Minute {
			return fmt.Errorf("%+v", source)
		}
	}
	return nil
}

// writeList puts a list in the place of the file, as careful writers do.
func (s *site) writeList(ips ...string) {
	s.Helper()
	var text strings.Builder
	for i := len(ips); i < 30; i++ {
		fmt.Fprintf(&text, "203.0.113.%d\n", 100+i)
	}
	for _, ip := range ips {
		fmt.Fprintln(&text, ip)
	}
	s.must(os.WriteFile(s.path+".new", []byte(text.String()), 0o600))
	s.must(os.Rename(s.path+".new", s.path))
}

func (s *site) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// until waits for a state, for a while.
func (s *site) until(what string, ok func() error) {
	s.Helper()
	await(s.T, what, ok)
}

// leavesNothing checks that at the end of t, parallel rows included, no goroutine
// is left that was not there before.
func leavesNothing(t *testing.T) {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { await(t, "nothing is left", func() error { return goleak.Find(before) }) })
}

func await(t *testing.T, what string, ok func() error) {
	t.Helper()
	limit := time.NewTimer(30 * time.Second)
	defer limit.Stop()
	tick := time.NewTicker(poll / 10)
	defer tick.Stop()
	for {
		err := ok()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-limit.C:
			t.Fatalf("waited in vain until %s: %v", what, err)
		}
	}
}

// passes waits for d.
func (s *site) passes(d time.Duration) { <-time.After(d) }

// A door is the way to a fake Local API: a socket of its own, that can be closed
// and opened again and is never somebody else's meanwhile.
type door struct {
	*lapitest.Handler

	tb      testing.TB
	url     string
	path    string
	serve   http.Handler // what is behind it; default: the fake
	srv     *http.Server
	serving sync.WaitGroup
}

func newDoor(tb testing.TB, cfg lapitest.Config) *door {
	tb.Helper()
	// The name of a test can be longer than that of a socket may be.
	dir, err := os.MkdirTemp("", "lapi")
	if err != nil {
		tb.Fatal(err)
	}
	d := &door{Handler: lapitest.NewHandler(cfg), tb: tb, path: filepath.Join(dir, "sock")}
	d.url = "unix://" + d.path
	d.serve = d.Handler
	d.open()
	tb.Cleanup(func() { d.close(); os.RemoveAll(dir) })
	return d
}

func (d *door) open() {
	d.tb.Helper()
	if err := os.RemoveAll(d.path); err != nil {
		d.tb.Fatal(err)
	}
	l, err := net.Listen("unix", d.path)
	if err != nil {
		d.tb.Fatal(err)
	}
	// So that a connection is refused while it is closed.
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { d.serve.ServeHTTP(w, r) })}
	d.srv = srv
	d.serving.Go(func() { _ = srv.Serve(l) }) // it ends by close only
}

// close breaks all connections and lets in no more.
func (d *door) close() {
	_ = d.srv.Close() // closes listener and connections; nothing to be done about an error
	d.serving.Wait()
}

// The same with CrowdSec itself, where it is at hand.
func TestWhatIsInForceOutlastsFaultsOfTheRealServer(t *testing.T) {
	if testing.Short() {
		t.Skip("the real server takes seconds")
	}
	leavesNothing(t)
	for _, f := range []struct {
		name, says string
		mute       bool
		begin, end func(api *lapitest.RealServer, s *site)
	}{
		{
			"the server is killed, the connection refused, and the server started again", "connection refused", true,
			func(api *lapitest.RealServer, _ *site) { api.Kill() },
			func(api *lapitest.RealServer, _ *site) { api.Restart() },
		},
		{
			"the key is deleted, and made again", "status 403: \"access forbidden\"", false,
			func(api *lapitest.RealServer, _ *site) { api.DeleteBouncer(lapitest.DefaultBouncer) },
			func(api *lapitest.RealServer, _ *site) { api.AddBouncer(lapitest.DefaultBouncer, api.Key) },
		},
		{
			"the database is lost, and filled again under a new key", "status 403: \"access forbidden\"", false,
			func(api *lapitest.RealServer, s *site) { api.DropDatabase(""); s.fill() },
			func(api *lapitest.RealServer, _ *site) {
				api.AddBouncer(lapitest.DefaultBouncer, lapitest.DefaultKey)
			},
		},
	} {
		t.Run(f.name, func(t *testing.T) {
			api := lapitest.Real(t)
			s := &site{T: t, well: newDoor(t, lapitest.Config{})}
			s.ban = func(value string) { api.Ban(value, "4h") }
			s.unban = api.Delete
			s.fill = func() { s.ban(banned); s.ban(widely); s.ban(pardoned) }
			s.fill()
			s.start(lapi.Config{URL: api.URL, Key: api.Key}, lapi.Config{URL: s.well.url, Key: lapitest.DefaultKey})
			s.suffer(fault{
				name: f.name, says: f.says, mute: f.mute,
				begin: func(*site) { f.begin(api, s) },
				end:   func(*site) { f.end(api, s) },
			})
		})
	}
}

// The transport sends a question again, unasked, if an open connection breaks
// before the first byte of the answer. The server has told by then.
func TestADeltaLostWithItsConnectionIsMadeUpFor(t *testing.T) {
	s := newSite(t)
	s.lapi.Inject(vanish)
	s.ban(caught)
	s.until("the ban is in force", func() error { return s.wants(lookup.Ban, inCaught) })
}
