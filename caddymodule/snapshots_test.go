package caddymodule

import (
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/tocsin-project/tocsin/event"
	"go.uber.org/zap"
)

// A local ban or another source does not make a source ready that was never read, over a
// restart or a reload.
func TestEachSourceHasToBeInSync(t *testing.T) {
	h := newHost(t)
	site := "http://{ADDR} {\ntocsin\nhandle /healthz {\ntocsin_ready\n}\nrespond ok\n}"
	missing := globals("blocklist {DIR}/missing.txt\nsnapshot {DIR}/snap\nstartup closed") + site
	both := globals("blocklist {DIR}/banned.txt\nblocklist {DIR}/missing.txt\nsnapshot {DIR}/snap\nstartup closed") + site
	expect := func(what string, status int, reason string) {
		t.Helper()
		if a := h.get(allowed, "/"); a.status != status {
			t.Errorf("%s: a client gets %d, want %d", what, a.status, status)
		}
		h.engineIs(func(p *pooled) {
			if s := p.status(); s.Ready != (status == http.StatusOK) || s.Reason != reason {
				t.Errorf("%s: ready %v, %q", what, s.Ready, s.Reason)
			}
		})
	}
	restart := func(config string) {
		t.Helper()
		if err := caddy.Stop(); err != nil {
			t.Fatal(err)
		}
		h.load(config)
	}
	const reason = "list:missing.txt has not been in sync yet"
	h.load(missing)
	h.engineIs(func(p *pooled) {
		p.Alert(event.Alert{Scenario: "test", Client: netip.MustParseAddr("198.51.100.77"), Remediation: true})
	})
	restart(missing)
	expect("a local ban in the snapshot", http.StatusServiceUnavailable, reason)
	h.list("banned.txt", banned)
	good := strings.Replace(both, "blocklist {DIR}/missing.txt\n", "", 1)
	restart(good)
	h.waitSynced("list:banned.txt")
	expect("a source in sync", http.StatusOK, "")
	h.load(both)
	expect("a reload that adds a source that is not there", http.StatusServiceUnavailable, reason)
	restart(both)
	expect("a restart", http.StatusServiceUnavailable, reason)
	if err := os.Remove(filepath.Join(h.dir, "banned.txt")); err != nil {
		t.Fatal(err)
	}
	restart(good)
	expect("the snapshot of the one that was in sync", http.StatusOK, "")
	h.engineIs(func(p *pooled) {
		if s := p.status().Sources[0]; !s.Synced.IsZero() || s.Carried.IsZero() || !s.Ready {
			t.Errorf("its status is %+v", s)
		}
	})
}

// engineIs calls see with the engine that runs.
func (h *host) engineIs(see func(*pooled)) { see(runningEngine(h.t)) }

// Two servers with one data folder have a snapshot each; and one whose config has
// changed while it was down starts from its last one.
func TestEachEngineHasASnapshotOfItsOwn(t *testing.T) {
	h := newHost(t)
	t.Setenv("XDG_DATA_HOME", h.dir)
	if err := os.MkdirAll(caddy.AppDataDir(), 0o700); err != nil {
		t.Fatal(err)
	}
	site := "http://{ADDR} {\ntocsin\nrespond ok\n}"
	list := h.list("banned.txt", banned)
	h.load(globals("blocklist {DIR}/banned.txt") + site)
	h.waitStatus(banned, http.StatusForbidden)
	own := runningEngine(t).snapshot
	if err := caddy.Stop(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(own); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info, err)
	}
	if err := os.Remove(list); err != nil {
		t.Fatal(err)
	}
	h.load(globals("blocklist {DIR}/banned.txt\nfallback captcha\nstartup closed") + site)
	if got := runningEngine(t).snapshot; got == own || filepath.Dir(got) != caddy.AppDataDir() {
		t.Errorf("another engine, and its snapshot is %s", got)
	}
	if a, b := h.get(banned, "/").status, h.get(allowed, "/").status; a != http.StatusForbidden || b != http.StatusOK {
		t.Errorf("after a change of the config while it was down: %d, %d", a, b)
	}
}

// The name of earlier versions is read, but no more than that.
func TestTheEarlierSnapshotIsRead(t *testing.T) {
	h := newHost(t)
	t.Setenv("XDG_DATA_HOME", h.dir)
	site := "http://{ADDR} {\ntocsin\nrespond ok\n}"
	h.list("banned.txt", banned)
	earlier := filepath.Join(caddy.AppDataDir(), earlierFile)
	h.load(globals("blocklist {DIR}/banned.txt\nsnapshot "+earlier) + site)
	h.waitStatus(banned, http.StatusForbidden)
	if err := caddy.Stop(); err != nil {
		t.Fatal(err)
	}
	before, err := os.Stat(earlier)
	if err != nil {
		t.Fatal(err)
	}
	h.list("banned.txt", "192.0.2.250") // settles for a while, since all that was there is gone
	h.load(globals("blocklist {DIR}/banned.txt") + site)
	h.waitStatus("192.0.2.250", http.StatusForbidden)
	if err := caddy.Stop(); err != nil {
		t.Fatal(err)
	}
	if after, err := os.Stat(earlier); err != nil || !after.ModTime().Equal(before.ModTime()) {
		t.Errorf("it was written: %v", err)
	}
}

func TestOldSnapshotsGo(t *testing.T) {
	dir := t.TempDir()
	make := func(name string, age time.Duration) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, time.Time{}, time.Now().Add(-age)); err != nil {
			t.Fatal(err)
		}
		return name
	}
	const day = 24 * time.Hour
	own := make("tocsin-own.snap", 90*day)
	want := []string{
		own, make("tocsin-1.snap", time.Hour), make("tocsin-2.snap", 2*day), make("tocsin.snap", 3*day),
		make("tocsin-own.snap.123", time.Minute), make("other.snap", 90*day), make("tocsin-own.snap.lock", 90*day),
	}
	make("tocsin-4.snap", 40*day)
	make("tocsin-5.snap", 41*day)
	make("tocsin-6.snap", 42*day)
	make("tocsin-own.snap.456", day)
	tidySnapshots(dir, filepath.Join(dir, own), zap.NewNop())
	var left []string
	all, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		left = append(left, e.Name())
	}
	slices.Sort(want)
	if !slices.Equal(left, want) {
		t.Errorf("left\n%q, want\n%q", left, want)
	}
	for i := range 9 {
		make("tocsin-a"+string(rune('a'+i))+".snap", time.Duration(i)*time.Hour)
	}
	tidySnapshots(dir, filepath.Join(dir, own), zap.NewNop())
	if others := otherSnapshots(dir, filepath.Join(dir, own)); len(others) != 4 {
		t.Errorf("%d others are kept", len(others))
	}
}
