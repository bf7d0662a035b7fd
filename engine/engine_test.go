package engine

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	listed = netip.MustParseAddr("192.0.2.1")
	ban    = lookup.Decision{Prefix: netip.MustParsePrefix("192.0.2.1/32"), Action: lookup.Ban, Origin: "cscli", Reason: "test"}
)

// fake is a source whose Run a test writes.
type fake struct {
	name   string
	reads  string // its identity
	run    func(ctx context.Context, t *lookup.Table) error
	status atomic.Pointer[lookup.Status]
}

func (f *fake) Name() string { return f.name }

func (f *fake) Identity() string { return f.reads }

func (f *fake) Run(ctx context.Context, t *lookup.Table) error {
	if f.run != nil {
		return f.run(ctx, t)
	}
	<-ctx.Done()
	return ctx.Err()
}

func (f *fake) Status() lookup.Status {
	if s := f.status.Load(); s != nil {
		return *s
	}
	return lookup.Status{Stale: time.Minute}
}

// says makes a source that announces all and then waits.
func says(name string, all ...lookup.Decision) *fake {
	f := &fake{name: name}
	f.run = func(ctx context.Context, t *lookup.Table) error {
		t.Replace(name, all)
		f.status.Store(&lookup.Status{Synced: time.Now(), Stale: time.Minute})
		<-ctx.Done()
		return ctx.Err()
	}
	return f
}

func start(t *testing.T, cfg Config) *Engine {
	t.Helper()
	e, err := New(cfg)
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

func (e *Engine) stops(ip netip.Addr) bool {
	_, found := e.Lookup(context.Background(), ip)
	return found
}

func TestSourcesFeedTheTable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := start(t, Config{Sources: []Source{says("a", ban), says("b")}})
		e.Start() // starts nothing twice
		synctest.Wait()
		if !e.stops(listed) {
			t.Error("the banned address passes")
		}
		if s := e.Stats(); s.Decisions != 1 || s.Sources[0].Decisions != 1 || s.Sources[1].Decisions != 0 {
			t.Errorf("stats %+v", s)
		}
	})
}

func TestEverySourceNeedsANameOfItsOwn(t *testing.T) {
	for _, sources := range [][]Source{{&fake{name: ""}}, {&fake{name: "a"}, &fake{name: "a"}}} {
		if _, err := New(Config{Sources: sources}); err == nil {
			t.Error("no error")
		}
	}
}

func TestASourceThatReturnsOrPanicsIsStartedAgain(t *testing.T) {
	for name, end := range map[string]func() error{
		"returns": func() error { return errors.New("gave up") },
		"panics":  func() error { panic("index out of range") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				core, logs := observer.New(zap.ErrorLevel)
				runs := 0
				e := start(t, Config{Logger: zap.New(core), Sources: []Source{&fake{name: "a", run: func(ctx context.Context, t *lookup.Table) error {
					if runs++; runs < 3 {
						return end()
					}
					t.Replace("a", []lookup.Decision{ban})
					<-ctx.Done()
					return ctx.Err()
				}}}})
				<-time.After(2*(10*time.Second) + time.Second)
				if !e.stops(listed) || runs != 3 {
					t.Errorf("ran %d times, want 3", runs)
				}
				if logs.FilterMessage("a source stopped: it is started again").Len() != 2 {
					t.Errorf("logged %v", logs.All())
				}
			})
		})
	}
}

func TestEndedDecisionsAreFreed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		short := ban
		short.Until = time.Now().Add(30 * time.Second)
		e := start(t, Config{Sources: []Source{says("a", short)}})
		<-time.After(2 * time.Minute)
		if n := e.Table().Len(); n != 0 {
			t.Errorf("%d decisions held, want none", n)
		}
	})
}

func TestReady(t *testing.T) {
	for _, tc := range []struct {
		name   string
		warm   bool
		status func(now time.Time) lookup.Status
		after  time.Duration
		want   bool
	}{
		{"no sync and no snapshot", false, never, 0, false},
		{"a sync just now", false, synced, 0, true},
		{"a sync that is too old", false, synced, time.Minute, false},
		{"a failure after a good sync", false, func(now time.Time) lookup.Status {
			s := synced(now)
			s.Failures, s.Err = 3, errors.New("connection refused")
			return s
		}, 30 * time.Second, true},
		{"a snapshot stands in for the first sync", true, never, 30 * time.Second, true},
		{"a snapshot does not stand in for ever", true, never, time.Minute, false},
		{"a snapshot does not hide that syncs have stopped", true, synced, time.Minute, false},
		{"a source that never is out of date", false, func(now time.Time) lookup.Status {
			return lookup.Status{Synced: now}
		}, 1000 * time.Hour, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				source := &fake{name: "a"}
				status := tc.status(time.Now())
				source.status.Store(&status)
				cfg := Config{Sources: []Source{source}}
				if tc.warm {
					cfg.Table = new(lookup.Table)
					cfg.Synced = []SourceSync{{Name: "a", At: time.Now()}}
				}
				e := start(t, cfg)
				<-time.After(tc.after)
				if e.Ready() != tc.want || e.Stats().Ready != tc.want || e.Stats().Sources[0].Ready != tc.want {
					t.Errorf("ready is %v, want %v", e.Ready(), tc.want)
				}
			})
		})
	}
	t.Run("an engine without sources is ready", func(t *testing.T) {
		if e := start(t, Config{}); !e.Ready() {
			t.Error("it is not")
		}
	})
}

func never(time.Time) lookup.Status { return lookup.Status{Stale: time.Minute} }

func synced(now time.Time) lookup.Status { return lookup.Status{Synced: now, Stale: time.Minute} }

func TestTheSnapshotCarriesTheTableOver(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new folder", "tocsin.snap")
	cfg := func(sources ...Source) Config { return Config{Sources: sources, Snapshot: path} }

	synctest.Test(t, func(t *testing.T) {
		e := start(t, cfg(says("a", ban), says("b", ban)))
		synctest.Wait()
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
	})
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("snapshot %v, %v: want a file for its owner alone", info, err)
	}
	synctest.Test(t, func(t *testing.T) {
		e, err := New(cfg(&fake{name: "a"}))
		if err != nil {
			t.Fatal(err)
		}
		if !e.stops(listed) || !e.Ready() {
			t.Error("before the first sync the banned address passes")
		}
		if e.Table().Count("b") != 0 {
			t.Error("a source that is not configured any more is still enforced")
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	if left, _ := filepath.Glob(path + ".*"); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestTheSnapshotIsWrittenOnChangeAndOnceAMinute(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tocsin.snap")
	synctest.Test(t, func(t *testing.T) {
		e := start(t, Config{Snapshot: path})
		<-time.After(3*time.Minute + time.Second)
		if !e.Stats().Snapshot.IsZero() {
			t.Error("written without a change")
		}
		for range 50 {
			e.Table().Update("a", []lookup.Decision{ban}, nil)
			e.Table().Update("a", nil, []lookup.Decision{ban})
			<-time.After(time.Second)
		}
		if !e.Stats().Snapshot.IsZero() {
			t.Error("written before a minute has passed")
		}
		<-time.After(time.Minute)
		first := e.Stats().Snapshot
		<-time.After(time.Minute)
		if first.IsZero() || !e.Stats().Snapshot.Equal(first) {
			t.Errorf("written at %v and %v, want once", first, e.Stats().Snapshot)
		}
	})
}

func TestAnUnusableSnapshotIsNamedAndTheEngineStarts(t *testing.T) {
	dir := t.TempDir()
	damaged := filepath.Join(dir, "damaged.snap")
	if err := os.WriteFile(damaged, []byte("rubbish"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{"damaged": damaged, "a folder": dir} {
		t.Run(name, func(t *testing.T) {
			core, logs := observer.New(zap.ErrorLevel)
			e, err := New(Config{Snapshot: path, Logger: zap.New(core), Sources: []Source{&fake{name: "a"}}})
			if err != nil {
				t.Fatal(err)
			}
			if e.Ready() {
				t.Error("ready without a table")
			}
			if logs.Len() != 1 || logs.All()[0].ContextMap()["path"] != path {
				t.Errorf("logged %v", logs.All())
			}
		})
	}
}

func TestASnapshotThatCannotBeWrittenIsAnError(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	e, err := New(Config{Snapshot: filepath.Join(file, "tocsin.snap")})
	if err != nil {
		t.Fatal(err)
	}
	e.Start()
	e.Table().Update("a", []lookup.Decision{ban}, nil)
	if err := e.Close(); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("error %v, want one that names the file", err)
	}
}

func TestAWarmTableIsTakenOver(t *testing.T) {
	var table lookup.Table
	table.Update("a", []lookup.Decision{ban}, nil)
	table.Update("gone", []lookup.Decision{ban}, nil)
	e := start(t, Config{Sources: []Source{&fake{name: "a"}}, Table: table.Clone()})
	if !e.stops(listed) || e.Table().Count("gone") != 0 {
		t.Errorf("took over %+v", e.Stats())
	}
	if table.Count("gone") != 1 {
		t.Error("the other engine's table has changed")
	}
}

func TestCloseIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		e, err := New(Config{Sources: []Source{&fake{name: "a", run: func(context.Context, *lookup.Table) error {
			<-release // deaf to its context
			return nil
		}}}})
		if err != nil {
			t.Fatal(err)
		}
		e.Start()
		began := time.Now()
		err = e.Close()
		if took := time.Since(began); took != 2*time.Second || err == nil {
			t.Errorf("closed after %v with %v", took, err)
		}
		if again := e.Close(); !errors.Is(again, err) {
			t.Errorf("closed again with %v", again)
		}
		close(release)
	})
}

func TestAnEngineThatWasNeverStartedCanBeClosed(t *testing.T) {
	e, err := New(Config{Sources: []Source{says("a", ban)}})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	e.Start()
	if e.stops(listed) {
		t.Error("it was started after its end")
	}
}
