package engine

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// A snapshot stands in for the sources that it says were in sync, and for no others.
func TestASnapshotStandsInForWhatWasInSync(t *testing.T) {
	only := func(name, reads string) []Source { return []Source{&fake{name: name, reads: reads}} }
	for _, row := range []struct {
		name   string
		before func(e *Engine) // an engine that follows a, at one; nil: there was none
		sync   bool            // a was in sync then
		later  time.Duration
		after  []Source
		want   bool
	}{
		{"nothing", nil, false, 0, only("a", "one"), false},
		{"a local ban alone", func(e *Engine) { e.Alert(about("192.0.2.9")) }, false, 0, only("a", "one"), false},
		{"a sync", nil, true, 0, only("a", "one"), true},
		{"a sync and a local ban", func(e *Engine) { e.Alert(about("192.0.2.9")) }, true, 0, only("a", "one"), true},
		{"a sync of another place by this name", nil, true, 0, only("a", "two"), false},
		{"a sync of another source", nil, true, 0, only("b", "one"), false},
		{"a source more", nil, true, 0, append(only("a", "one"), only("b", "two")...), false},
		{"a source that no snapshot can stand in for", nil, true, 0, append(only("a", "one"), place{}), false},
		{"a sync of six days ago", nil, true, 6 * 24 * time.Hour, only("a", "one"), true},
		{"a sync of eight days ago", nil, true, 8 * 24 * time.Hour, only("a", "one"), false},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "tocsin.snap")
				source := &fake{name: "a", reads: "one"}
				if row.sync {
					source.run = says("a").run
					source.status.Store(&lookup.Status{Synced: time.Now(), Stale: time.Minute})
				}
				e := start(t, Config{Sources: []Source{source}, Snapshot: path})
				if row.before != nil {
					row.before(e)
				}
				synctest.Wait()
				if err := e.Close(); err != nil {
					t.Fatal(err)
				}
				<-time.After(row.later)
				e = start(t, Config{Sources: row.after, Snapshot: path})
				if e.Ready() != row.want || e.Synced() != row.want {
					t.Errorf("ready %v, synced %v, want %v", e.Ready(), e.Synced(), row.want)
				}
				if got := !e.Stats().Sources[0].Carried.IsZero(); got != (row.want || len(row.after) > 1) {
					t.Errorf("the first source was in sync before: %v", got)
				}
			})
		})
	}
}

// A place is a source that no snapshot can stand in for.
type place struct{ Source }

func (place) Name() string          { return "geoip" }
func (place) Status() lookup.Status { return lookup.Status{} }

// An engine that takes over from another knows what that knew, and no more.
func TestAnEngineTakesOverWhatWasInSync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := &fake{name: "a"}, &fake{name: "b"}
		began := time.Now()
		a.status.Store(&lookup.Status{Synced: began, Stale: time.Hour})
		first := start(t, Config{Sources: []Source{a, b}})
		if first.Synced() {
			t.Error("b was not in sync")
		}
		<-time.After(time.Minute)
		second := start(t, Config{Sources: []Source{&fake{name: "a"}}, Table: first.Table().Clone(), Synced: first.Syncs()})
		third := start(t, Config{Sources: []Source{&fake{name: "b"}}, Table: second.Table().Clone(), Synced: second.Syncs()})
		if !second.Synced() || third.Synced() {
			t.Errorf("of a %v, of b %v", second.Synced(), third.Synced())
		}
		if second.Ready() || !second.Stats().Sources[0].Carried.Equal(began) {
			t.Errorf("a change of the config makes a sync younger: %+v", second.Stats().Sources[0])
		}
	})
}

// A snapshot of an earlier version does not say which sources were in sync. Its decisions
// are in force, but no source counts as synced, because an interrupted source has
// decisions as well.
func TestASnapshotOfAnEarlierVersionIsRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tocsin.snap")
	var table lookup.Table
	table.Update("a", []lookup.Decision{ban}, nil)
	table.Update(LocalSource, []lookup.Decision{ban}, nil)
	var text bytes.Buffer
	if _, err := table.WriteTo(&text); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a", "b"} {
		e := start(t, Config{Sources: []Source{&fake{name: name, reads: "one"}}, Snapshot: path})
		if e.Synced() || !e.stops(listed) {
			t.Errorf("%s: in sync %v, stops %v", name, e.Synced(), e.stops(listed))
		}
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestADamagedHeadIsNoSnapshot(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tocsin.snap")
	if err := writeFile(t.Context(), path, new(lookup.Table), []SourceSync{{Name: "a", At: time.Now()}}); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for at := range len(snapshotMagic) + 8 + 20 {
		bad := bytes.Clone(good)
		bad[at] ^= 0x40
		for _, text := range [][]byte{bad, good[:at]} {
			if err := os.WriteFile(path, text, 0o600); err != nil {
				t.Fatal(err)
			}
			e, err := New(Config{Sources: []Source{&fake{name: "a"}}, Snapshot: path})
			if err != nil || e.Synced() {
				t.Fatalf("byte %d: synced %v, error %v", at, e.Synced(), err)
			}
		}
	}
}

// Two engines on one file do not overwrite each other's, and who comes later says so.
func TestASnapshotHasOneWriter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tocsin.snap")
	first := start(t, Config{Snapshot: path, Sources: []Source{&fake{name: "a"}}})
	core, logs := observer.New(zap.WarnLevel)
	second := start(t, Config{Snapshot: path, Sources: []Source{&fake{name: "a"}}, Logger: zap.New(core)})
	second.Table().Update("a", []lookup.Decision{ban}, nil)
	if err := second.save(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err == nil || logs.Len() != 0 {
		t.Errorf("written by the second: %v; it says %v of its own process", err, logs.All())
	}
	if !IsSnapshotHeld(path) {
		t.Error("nobody has it")
	}
	if removed, err := RemoveSnapshot(path); removed || err != nil {
		t.Errorf("removed %v, error %v", removed, err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if err := second.save(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Errorf("the second does not take over: %v", err)
	}
	if err := second.Close(); err != nil || IsSnapshotHeld(path) {
		t.Errorf("still held; %v", err)
	}
	if removed, err := RemoveSnapshot(path); !removed || err != nil {
		t.Errorf("removed %v, error %v", removed, err)
	}
	if left, _ := filepath.Glob(path + "*"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

const lockedPath = "TOCSIN_TEST_LOCK"

// A lock that another process has is met with a warning, and falls free with it.
func TestAnotherProcessHasTheSnapshot(t *testing.T) {
	if path := os.Getenv(lockedPath); path != "" {
		if _, err := lockFile(path + lockSuffix); err != nil {
			t.Fatal(err)
		}
		_, _ = os.Stdout.WriteString("locked\n")
		select {} // until it is killed
	}
	path := filepath.Join(t.TempDir(), "tocsin.snap")
	cmd := exec.Command(os.Args[0], "-test.run=^TestAnotherProcessHasTheSnapshot$")
	cmd.Env = append(os.Environ(), lockedPath+"="+path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	word := make([]byte, 7)
	if _, err := out.Read(word); err != nil || string(word) != "locked\n" {
		t.Fatalf("%q, %v", word, err)
	}
	core, logs := observer.New(zap.WarnLevel)
	e := start(t, Config{Snapshot: path, Logger: zap.New(core)})
	e.Table().Update("a", []lookup.Decision{ban}, nil)
	for range 2 {
		if err := e.save(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if n := logs.FilterMessageSnippet("another process").FilterField(zap.Int("pid", cmd.Process.Pid)).Len(); n != 1 {
		t.Errorf("said %d times: %v", n, logs.All())
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Fatal(err)
	}
	if err := e.save(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		t.Error("not written once the other is gone")
	}
}
