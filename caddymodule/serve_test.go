package caddymodule

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/goleak"
)

// The clients of the tests, as they stand in X-Forwarded-For.
const (
	banned  = "192.0.2.1"
	allowed = "198.51.100.1"
)

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "tocsin")
	if err != nil {
		panic(err)
	}
	// What Caddy and the module keep by default must not end up in the home of
	// whoever runs the tests.
	for _, name := range []string{"XDG_DATA_HOME", "XDG_CONFIG_HOME"} {
		if err := os.Setenv(name, dir); err != nil {
			panic(err)
		}
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// A host runs Caddyfiles in this process, one after the other, on one loopback
// port. Caddy has only one config at a time, so tests that use it do not run in
// parallel.
type host struct {
	t     testing.TB
	dir   string // for files, {DIR} in Caddyfiles
	addr  string // where it listens, {ADDR} in Caddyfiles
	admin string // where its admin endpoint does; empty: it has none
	http  *http.Client

	written  int           // files
	patience time.Duration // with CrowdSec; see patiently
}

// newHost returns a host at rest. It is stopped at the end of the test, and
// then no goroutine may be left that was not there before.
func newHost(t testing.TB) *host {
	t.Helper()
	warmUp(t)
	before := goleak.IgnoreCurrent()
	h := &host{t: t, dir: t.TempDir(), addr: freeAddr(t)}
	h.http = &http.Client{
		Transport:     &http.Transport{},
		Timeout:       20 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	t.Cleanup(func() {
		h.http.CloseIdleConnections()
		if err := caddy.Stop(); err != nil {
			t.Error(err)
		}
		// Caddy lets old servers end in their own time, after Stop.
		wait(t, func() error {
			return goleak.Find(before,
				// The lock on Caddy's storage is let go of some seconds later.
				goleak.IgnoreAnyFunction("github.com/caddyserver/certmagic.keepLockfileFresh"),
				// The real CrowdSec ends after the host.
				goleak.IgnoreAnyFunction("github.com/tocsin-project/tocsin/internal/lapitest.startProcess.func1"))
		})
	})
	return h
}

// warmUp lets Caddy start those of its goroutines that are there for good.
func warmUp(t testing.TB) {
	t.Helper()
	h := &host{t: t, dir: t.TempDir(), addr: freeAddr(t), http: new(http.Client)}
	h.load(globals("") + "\nhttp://{ADDR} {\n\trespond ok\n}\n")
	if err := caddy.Stop(); err != nil {
		t.Fatal(err)
	}
}

// freeAddr returns an address on which nobody listens. Its port is below those
// that systems give to whoever asks for any, or it could be somebody else's
// while a test has Caddy stopped.
func freeAddr(t testing.TB) string {
	t.Helper()
	var err error
	for range 100 {
		var l net.Listener
		if l, err = net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 20_000+rand.N(12_000))); err == nil {
			defer l.Close()
			return l.Addr().String()
		}
	}
	t.Fatal(err)
	return ""
}

// globals returns global options for tests, with tocsin as the body of the
// option of that name; without body there is none.
func globals(tocsin string) string {
	if tocsin != "" {
		tocsin = "tocsin {\n" + tocsin + "\n}"
	}
	return `{
	admin off
	persist_config off
	auto_https off
	storage file_system {DIR}/storage
	log {
		output discard
	}
	servers {
		protocols h1 h2c
		trusted_proxies static 127.0.0.0/8
		trusted_proxies_strict
	}
	` + tocsin + `
}
`
}

// list writes a blocklist and returns its path.
func (h *host) list(name string, lines ...string) string {
	h.t.Helper()
	return h.file(name, strings.Join(lines, "\n")+"\n")
}

// file writes a file at one blow, and has it look old. What was written just now
// is read again after a while, since it could have changed within a tick of the
// file system's clock; and then what a test has put into the table is lost.
func (h *host) file(name, text string) string {
	h.t.Helper()
	path := filepath.Join(h.dir, name)
	draft := path + ".draft"
	h.written++
	old := time.Now().Add(-time.Hour + time.Duration(h.written)*time.Second)
	for _, err := range []error{
		os.WriteFile(draft, []byte(text), 0o600), os.Chtimes(draft, old, old), os.Rename(draft, path),
	} {
		if err != nil {
			h.t.Fatal(err)
		}
	}
	return path
}

// json returns what a Caddyfile stands for.
func (h *host) json(caddyfile string) []byte {
	h.t.Helper()
	_, port, _ := net.SplitHostPort(h.addr)
	text := strings.NewReplacer("{DIR}", h.dir, "{ADDR}", h.addr, "{PORT}", port).Replace(caddyfile)
	if h.admin != "" {
		text = strings.Replace(text, "admin off", "admin "+h.admin, 1)
	}
	cfg, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(text), nil)
	if err != nil {
		h.t.Fatalf("%v\n%s", err, text)
	}
	return cfg
}

// load makes Caddy run a Caddyfile.
func (h *host) load(caddyfile string) {
	h.t.Helper()
	if err := h.tryLoad(caddyfile); err != nil {
		h.t.Fatal(err)
	}
}

func (h *host) tryLoad(caddyfile string) error {
	h.t.Helper()
	return h.loadJSON(h.json(caddyfile))
}

// loadJSON makes Caddy run a config, and returns when no other answers any more:
// Caddy itself only sees to it that the old servers are about to stop listening,
// and a connection at rest may be answered by one of them until that is gone.
func (h *host) loadJSON(cfg []byte) error {
	h.t.Helper()
	defer h.http.CloseIdleConnections()
	defer wait(h.t, func() error {
		_, port, _ := net.SplitHostPort(h.addr)
		if n := caddy.ListenerUsage("tcp", net.JoinHostPort("", port)); n > 1 {
			return fmt.Errorf("%d configs listen", n)
		}
		return nil
	})
	return caddy.Load(cfg, true)
}

// An answer is what a client got.
type answer struct {
	status int
	header http.Header
	body   string
}

// request returns a request of the client with address from.
func (h *host) request(method, from, path string) *http.Request {
	h.t.Helper()
	r, err := http.NewRequest(method, "http://"+h.addr+path, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	if from != "" {
		r.Header.Set("X-Forwarded-For", from)
	}
	return r
}

// do sends r and returns the answer. A connection that ends without one is no
// answer, and r is sent again on another, as browsers do: on a reload Caddy, with
// or without this module, drops connections that it has not read from yet.
func (h *host) do(r *http.Request) (answer, error) {
	resp, err := h.http.Do(r)
	for tries := 1; dropped(err) && tries < 5; tries++ {
		if r.GetBody != nil {
			r.Body, _ = r.GetBody() // of what is in memory: no error
		}
		resp, err = h.http.Do(r)
	}
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, string(body)}, err
}

func dropped(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET)
}

// get returns what the client with address from gets at path.
func (h *host) get(from, path string) answer {
	h.t.Helper()
	a, err := h.do(h.request(http.MethodGet, from, path))
	if err != nil {
		h.t.Fatal(err)
	}
	return a
}

// waitStatus waits until the client with address from gets status.
func (h *host) waitStatus(from string, status int) {
	h.t.Helper()
	wait(h.t, h.patiently(func() error {
		if got := h.get(from, "/").status; got != status {
			return fmt.Errorf("%s gets %d, want %d", from, got, status)
		}
		return nil
	}))
}

// wait waits until ok returns nil, for a while.
func wait(t testing.TB, ok func() error) {
	t.Helper()
	limit := time.NewTimer(30 * time.Second)
	defer limit.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ok()
		if err == nil {
			return
		}
		select {
		case <-limit.C:
			t.Fatalf("waited too long: %v", err)
		case <-tick.C:
		}
	}
}

// waitBody waits until the client with address from gets body.
func (h *host) waitBody(from, body string) {
	h.t.Helper()
	wait(h.t, func() error {
		if got := h.get(from, "/").body; got != body {
			return fmt.Errorf("%s gets %q, want %q", from, got, body)
		}
		return nil
	})
}

// runningEngine returns the engine that runs, which has to be the only one.
func runningEngine(t testing.TB) *pooled {
	t.Helper()
	var all []*pooled
	engines.Range(func(_, v any) bool {
		all = append(all, v.(*pooled))
		return true
	})
	if len(all) != 1 {
		t.Fatalf("%d engines in the pool, want 1", len(all))
	}
	return all[0]
}

// waitSynced waits until the sources with these names were read, or all sources
// if there are none, and their status says so. That a client is stopped tells less:
// the status comes after the table, and the table may come from an engine before.
func (h *host) waitSynced(names ...string) {
	h.t.Helper()
	wait(h.t, func() error {
		for _, s := range runningEngine(h.t).Stats().Sources {
			if !s.Live && s.Synced.IsZero() && (len(names) == 0 || slices.Contains(names, s.Name)) {
				return fmt.Errorf("%s has not been in sync yet", s.Name)
			}
		}
		return nil
	})
}

// logged returns an error unless one line of a log has all of want in it.
func logged(h *host, name string, want ...string) error {
	text, err := os.ReadFile(filepath.Join(h.dir, name))
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(text)) {
		found := true
		for _, w := range want {
			found = found && strings.Contains(line, w)
		}
		if found {
			return nil
		}
	}
	return fmt.Errorf("no line with %q in %s", want, text)
}

func prefix(t testing.TB, s string) netip.Prefix {
	t.Helper()
	p, err := lookup.ParsePrefix(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
