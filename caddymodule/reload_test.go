package caddymodule

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/tocsin-project/tocsin/engine"
	"github.com/tocsin-project/tocsin/lookup"
)

// Fifty reloads under load: not one request of the banned client passes, not
// one of the allowed client is stopped, and nothing is left running.
func TestReloadsUnderLoad(t *testing.T) {
	h := newHost(t)
	h.list("banned.txt", banned)
	config := func(i int) string {
		// The policy differs each time, the list of sources now and then.
		sources := "blocklist {DIR}/banned.txt\nsnapshot {DIR}/snap"
		if i%5 == 4 {
			h.list("more.txt", "203.0.113.77")
			sources += "\nblocklist {DIR}/more.txt"
		}
		return globals(sources+fmt.Sprintf("\nallow 203.0.113.%d", i)) + "http://{ADDR} {\ntocsin\nrespond ok\n}"
	}
	h.load(config(0))
	h.waitSynced()

	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	var served [2]atomic.Int64
	for i := range 4 {
		from, want := banned, http.StatusForbidden
		if i%2 == 1 {
			from, want = allowed, http.StatusOK
		}
		wg.Go(func() {
			for ctx.Err() == nil {
				a, err := h.do(h.request(http.MethodGet, from, "/"))
				if err != nil || a.status != want {
					t.Errorf("%s: %d, %v; want %d", from, a.status, err, want)
					return
				}
				served[i%2].Add(1)
			}
		})
	}
	wg.Go(func() { // an operator looks on
		for ctx.Err() == nil {
			a, err := runningApp()
			if err != nil {
				t.Error(err)
				return
			}
			if s := a.engine.status(); !s.Ready && len(s.Sources) == 1 {
				t.Errorf("not ready: %s", s.Reason)
			}
			if c := a.Check(ctx, prefix(t, banned).Addr()); c.Result != "ban" {
				t.Errorf("check: %+v", c)
			}
		}
	})
	for i := range 50 {
		before := [2]int64{served[0].Load(), served[1].Load()}
		h.load(config(i + 1))
		wait(t, func() error { // so that each config sees requests
			if n := [2]int64{served[0].Load(), served[1].Load()}; (n[0] == before[0] || n[1] == before[1]) && !t.Failed() {
				return fmt.Errorf("served %v, before %v", n, before)
			}
			return nil
		})
	}
	cancel()
	wg.Wait()
	t.Logf("banned client stopped %d times, allowed client served %d times", served[0].Load(), served[1].Load())
}

// references returns how many configs have each engine in the pool.
func references() map[*pooled]int {
	n := make(map[*pooled]int)
	engines.Range(func(k, v any) bool {
		n[v.(*pooled)], _ = engines.References(k)
		return true
	})
	return n
}

// A config that fails at whatever point leaves the running one as it was.
func TestFailedReload(t *testing.T) {
	h := newHost(t)
	good := h.withList() + "http://{ADDR} {\ntocsin\nrespond ok\n}"
	h.load(good)
	h.waitStatus(banned, http.StatusForbidden)
	running := runningEngine(t)
	for name, bad := range map[string]string{
		"before the engine is taken":         h.withList("allow nonsense") + "http://{ADDR} {\ntocsin\n}",
		"after it is taken":                  h.withList() + "http://{ADDR} {\ntocsin {\npage {DIR}/none.html\n}\n}",
		"while making another engine":        h.withList("lapi ftp://127.0.0.1 key") + "http://{ADDR} {\ntocsin\n}",
		"after another engine is made":       h.withList("blocklist {DIR}/more.txt") + "http://{ADDR} {\ntocsin {\npage {DIR}/none.html\n}\n}",
		"on start":                           h.withList() + "http://{ADDR} {\ntocsin\n}\nhttp://{ADDR}, http://192.0.2.200:1 {\nbind 192.0.2.200\n}",
		"on start, with another engine made": h.withList("blocklist {DIR}/more.txt") + "http://{ADDR} {\ntocsin\n}\nhttp://192.0.2.200:1 {\nbind 192.0.2.200\n}",
	} {
		t.Run(name, func(t *testing.T) {
			h.t = t
			if err := h.tryLoad(bad); err == nil {
				t.Fatal("the config is accepted")
			} else {
				t.Log(err)
			}
			if n := references(); len(n) != 1 || n[running] != 1 {
				t.Errorf("references %v, want one to %p", n, running)
			}
			if n := running.logs.configs(); n != 1 {
				t.Errorf("the engine has the logs of %d configs, want the running one's", n)
			}
			if a := h.get(banned, "/"); a.status != http.StatusForbidden {
				t.Errorf("banned client gets %d", a.status)
			}
			if a := h.get(allowed, "/"); a.status != http.StatusOK {
				t.Errorf("allowed client gets %d", a.status)
			}
		})
	}
	h.t = t
	h.load(good)
	if n := references(); len(n) != 1 || n[running] != 1 {
		t.Errorf("after a good reload: references %v, want one to %p", n, running)
	}
	if n := running.logs.configs(); n != 1 {
		t.Errorf("after a good reload: the engine has the logs of %d configs", n)
	}
	// The engine still works: it follows its list.
	h.list("banned.txt", banned, "192.0.2.2")
	h.waitStatus("192.0.2.2", http.StatusForbidden)
}

// A config with other sources starts with what is known of those that stay.
func TestChangedSourcesStartWarm(t *testing.T) {
	h := newHost(t)
	h.list("one.txt", banned)
	h.list("two.txt", "192.0.2.2")
	site := "http://{ADDR} {\ntocsin\nrespond ok\n}"
	h.load(globals("blocklist {DIR}/one.txt\nblocklist {DIR}/two.txt\nsnapshot off") + site)
	h.waitStatus(banned, http.StatusForbidden)
	h.waitStatus("192.0.2.2", http.StatusForbidden)
	old := runningEngine(t)

	// The list is gone, so only the old engine can know what stood in it.
	if err := os.Remove(filepath.Join(h.dir, "one.txt")); err != nil {
		t.Fatal(err)
	}
	h.load(globals("blocklist {DIR}/one.txt\nblocklist {DIR}/three.txt\nsnapshot off") + site)
	if runningEngine(t) == old {
		t.Fatal("the engine is still the old one")
	}
	if a := h.get(banned, "/"); a.status != http.StatusForbidden {
		t.Errorf("banned client gets %d", a.status)
	}
	if a := h.get("192.0.2.2", "/"); a.status != http.StatusOK {
		t.Errorf("a client banned by a list that is no longer asked for gets %d", a.status)
	}
}

// Nor does a config with another snapshot begin with an empty table.
func TestChangedSnapshotStartsWarm(t *testing.T) {
	h := newHost(t)
	site := "http://{ADDR} {\ntocsin\nrespond ok\n}"
	list := h.list("banned.txt", banned)
	for i, snapshot := range []string{"off", "{DIR}/a", "{DIR}/b", "off"} {
		h.load(globals("blocklist {DIR}/banned.txt\nsnapshot "+snapshot) + site)
		if i == 0 {
			h.waitStatus(banned, http.StatusForbidden)
			if err := os.Remove(list); err != nil {
				t.Fatal(err)
			}
		}
		if a := h.get(banned, "/"); a.status != http.StatusForbidden {
			t.Errorf("snapshot %s: banned client gets %d", snapshot, a.status)
		}
	}
}

// A reload does not open what startup closed keeps closed: the table that the
// new engine takes over is one that nothing was in sync with yet.
func TestChangedSourcesStayClosed(t *testing.T) {
	h := newHost(t)
	site := "http://{ADDR} {\ntocsin\nrespond ok\n}"
	for _, list := range []string{"one", "two", "three"} {
		h.load(globals("blocklist {DIR}/"+list+".txt\nsnapshot off\nstartup closed") + site)
		if a := h.get(allowed, "/"); a.status != http.StatusServiceUnavailable {
			t.Errorf("with list %s: %d", list, a.status)
		}
	}
	h.list("three.txt", banned)
	h.waitStatus(allowed, http.StatusOK)
	h.load(globals("blocklist {DIR}/four.txt\nsnapshot off\nstartup closed") + site)
	if a := h.get(allowed, "/"); a.status != http.StatusServiceUnavailable {
		t.Errorf("with a list that is not there, after another was: %d", a.status)
	}
	h.load(globals("blocklist {DIR}/three.txt\nsnapshot off\nstartup closed\nallow 192.0.2.99") + site)
	h.waitStatus(allowed, http.StatusOK)
}

// A settable is a source that stands as the test says.
type settable struct {
	name   string
	status atomic.Pointer[lookup.Status]
}

func (s *settable) Name() string { return s.name }

func (*settable) Run(ctx context.Context, _ *lookup.Table) error {
	<-ctx.Done()
	return ctx.Err()
}

func (s *settable) Status() lookup.Status { return *s.status.Load() }

// Only the start is closed: a source that falls behind later costs protection,
// not the site.
func TestReadyOnceIsReady(t *testing.T) {
	s := &settable{name: "settable"}
	s.status.Store(new(lookup.Status))
	e, err := engine.New(engine.Config{Sources: []engine.Source{s}})
	if err != nil {
		t.Fatal(err)
	}
	p := &pooled{Engine: e}
	if p.wasReady() {
		t.Error("ready before the first sync")
	}
	s.status.Store(&lookup.Status{Synced: time.Now()})
	if !p.wasReady() {
		t.Error("not ready after the first sync")
	}
	s.status.Store(&lookup.Status{Synced: time.Now().Add(-time.Hour), Stale: time.Minute})
	if e.Ready() || !p.wasReady() {
		t.Error("closed again by a source that fell behind")
	}
}

// What is new in the State of a config makes a new engine; policy does not.
func TestIdentity(t *testing.T) {
	h := newHost(t)
	t.Setenv("TOCSIN_TEST_KEY", "first-key")
	h.file("key", "file-key\n")
	const site = "http://{ADDR} {\ntocsin\nrespond ok\n}"
	base := "lapi http://127.0.0.1:1 {env.TOCSIN_TEST_KEY}\nlapi http://127.0.0.1:1 file:{DIR}/key\nsnapshot {DIR}/snap\n"
	load := func(tocsin, site string) *pooled {
		t.Helper()
		h.load(globals(tocsin) + site)
		return runningEngine(t)
	}
	first := load(base, site)
	same := func(what string, p *pooled) {
		t.Helper()
		if p != first {
			t.Errorf("%s makes a new engine", what)
		}
	}
	differs := func(what string, p *pooled) {
		t.Helper()
		if p == first {
			t.Errorf("%s keeps the engine", what)
		}
		first = p
	}
	same("the same config", load(base, site))
	same("another allow list", load(base+"allow private_ranges", site))
	same("another startup", load(base+"startup closed", site))
	same("a dry run", load(base, "http://{ADDR} {\ntocsin {\ndry_run\n}\n}"))
	same("a default spelled out", load(base+"fallback ban", site))
	differs("another fallback", load(base+"fallback captcha", site))
	differs("another snapshot", load(strings.Replace(base, "{DIR}/snap", "off", 1), site))
	differs("one more list", load(base+"blocklist {DIR}/a", site))
	differs("the list's action", load(base+"blocklist {DIR}/a {\naction throttle\n}", site))
	first = load(base, site)
	t.Setenv("TOCSIN_TEST_KEY", "second-key")
	differs("another key in the environment", load(base, site))
	h.file("key", "another-file-key\n")
	differs("another key in the file", load(base, site))
}

// Nothing is left in the pool when Caddy stops, and a request that comes after
// that finds nothing broken.
func TestStop(t *testing.T) {
	h := newHost(t)
	h.load(h.withList() + "http://{ADDR} {\ntocsin\nrespond ok\n}")
	h.waitStatus(banned, http.StatusForbidden)
	if err := caddy.Stop(); err != nil {
		t.Fatal(err)
	}
	if n := references(); len(n) != 0 {
		t.Errorf("references %v", n)
	}
}

// A restart finds the bans in the snapshot, before anything was synced.
func TestSnapshotHoldsFromTheFirstRequest(t *testing.T) {
	h := newHost(t)
	config := h.withList("startup closed") + "http://{ADDR} {\ntocsin\nrespond ok\n}"
	h.load(config)
	h.waitStatus(banned, http.StatusForbidden)
	if err := caddy.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(h.dir, "banned.txt")); err != nil {
		t.Fatal(err)
	}
	h.load(config)
	if a := h.get(banned, "/"); a.status != http.StatusForbidden {
		t.Errorf("banned client gets %d", a.status)
	}
	if a := h.get(allowed, "/"); a.status != http.StatusOK {
		t.Errorf("allowed client gets %d", a.status)
	}
}
