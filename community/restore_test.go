package community_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/consensus"
	"github.com/tocsin-project/tocsin/internal/storetest"
)

// A backup has the two databases of a community at some time.
type backup struct{ store, users *storetest.Memory }

func (w *town) backUp() backup { return backup{w.store.Backup(), w.users.Backup()} }

// restore restores a backup, and starts a centre with it.
func (w *town) restore(b backup) {
	w.t.Helper()
	w.store, w.users = b.store, b.users
	w.cfg.Store, w.cfg.Accounts = b.store, b.users
	w.Centre = w.open()
	w.must(w.Prepare(w.t.Context()))
	w.must(func() error { _, err := w.Follow(w.t.Context()); return err }())
}

// withRemovals founds a community that remembers removals in a file.
func withRemovals(t *testing.T) (w *town, path string) {
	path = filepath.Join(t.TempDir(), "removals")
	return found(t, func(cfg *community.Config) { cfg.Removals = community.NewRemovalFile(path) }), path
}

func TestL24ARestoreDeletesWhatIsTooOldFirst(t *testing.T) {
	for _, row := range []struct {
		name           string
		days           int
		reports, units int64
	}{
		{"a backup of yesterday", 1, 3, 1},
		{"one of two weeks ago", 15, 0, 1},
		{"one of a quarter ago", 100, 0, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := found(t, nil)
			w.all(w.vouched(3), nth(1))
			w.must(w.RunJobs(t.Context()))
			old := w.backUp()
			w.pass(time.Duration(row.days) * 24 * time.Hour)
			w.must(w.RunJobs(t.Context()))
			w.restore(old)
			f, err := w.Figures()
			w.must(err)
			if f.Reports != row.reports || f.Units != row.units {
				t.Errorf("%d reports, %d units; want %d and %d", f.Reports, f.Units, row.reports, row.units)
			}
			if h := w.Health(t.Context()); !h.OK {
				t.Errorf("health: %q", h.Problems)
			}
		})
	}
}

func TestL24WhatWasRemovedAfterTheBackupStaysRemoved(t *testing.T) {
	appeal := func(w *town) error {
		_, _, err := w.Appeal(w.t.Context(), community.AppealRequest{Unit: nth(1), Proven: true})
		return err
	}
	for _, row := range []struct {
		name   string
		remove func(w *town) error
	}{
		{"an appeal", appeal},
		{"a moderator's delisting", func(w *town) error { return w.Delist(w.t.Context(), "root", nth(1), "a mistake") }},
		{"an erasure", func(w *town) error { _, err := w.Erase(w.t.Context(), nth(1), true, ""); return err }},
	} {
		t.Run(row.name, func(t *testing.T) {
			w, _ := withRemovals(t)
			members := w.vouched(4)
			w.all(members[:3], nth(1))
			w.all(members[:3], nth(2))
			old := w.backUp()
			w.pass(time.Hour)
			w.must(row.remove(w))
			w.pass(time.Hour)
			w.restore(old)
			w.expect(nth(1), consensus.Allow)
			w.expect(nth(2), consensus.Ban)
			last := w.changes()[len(w.changes())-1]
			if last.Unit != nth(1) || last.Action != consensus.Allow {
				t.Errorf("readers do not learn of it: the last change is %+v", last)
			}
			// The evidence of the backup does not help to list it again.
			w.pass(25 * time.Hour)
			w.report(members[3], nth(1))
			w.expect(nth(1), consensus.Allow)
			// A second restart changes nothing more.
			n := len(w.changes())
			w.restore(w.backUp())
			if got := len(w.changes()); got != n {
				t.Errorf("a restart made %d changes", got-n)
			}
		})
	}
}

func TestL24ErasedDataIsErasedAgain(t *testing.T) {
	w, path := withRemovals(t)
	w.all(w.vouched(3), nth(1))
	_, _, err := w.Appeal(t.Context(), community.AppealRequest{Unit: nth(1), Text: "Not me."})
	w.must(err)
	old := w.backUp()
	w.pass(time.Hour)
	_, err = w.Erase(t.Context(), nth(1), true, "")
	w.must(err)
	w.restore(old)
	facts, err := w.Facts(t.Context(), nth(1))
	w.must(err)
	if len(facts.Reports) > 0 || len(facts.Cases) > 0 || facts.Suppressed == nil {
		t.Errorf("facts: %s", text(t, facts))
	}
	noted, err := os.ReadFile(path)
	w.must(err)
	if strings.Contains(string(noted), "93.0.0.1") {
		t.Errorf("the file names the address: %s", noted)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v; want a file for its owner only", info, err)
	}
}

func TestL24AnUnlistedAddressKeepsItsAppeal(t *testing.T) {
	w, _ := withRemovals(t)
	members := w.vouched(4)
	w.all(members[:2], nth(1))
	old := w.backUp() // two of three reports
	w.all(members[2:3], nth(1))
	w.expect(nth(1), consensus.Ban)
	_, _, err := w.Appeal(t.Context(), community.AppealRequest{Unit: nth(1), Proven: true})
	w.must(err)
	w.pass(25 * time.Hour)
	w.restore(old)
	w.report(members[3], nth(1)) // it would be the third
	w.expect(nth(1), consensus.Allow)
}

func TestL24WhoLeftStaysAway(t *testing.T) {
	w, _ := withRemovals(t)
	members := w.vouched(2)
	old := w.backUp()
	w.pass(time.Hour)
	w.must(w.Leave(t.Context(), members[0]))
	w.restore(old)
	for i, want := range []error{community.ErrDenied, nil} {
		if _, err := w.Caller(t.Context(), members[i].Login); !errors.Is(err, want) {
			t.Errorf("member %d: %v; want %v", i+1, err, want)
		}
	}
}

func TestRemovalsAreForgottenAfter90Days(t *testing.T) {
	w, path := withRemovals(t)
	w.all(w.vouched(3), nth(1))
	w.must(w.Delist(t.Context(), "root", nth(1), "a mistake"))
	for _, row := range []struct {
		days, want int
	}{{1, 1}, {88, 1}, {3, 0}} {
		w.pass(time.Duration(row.days) * 24 * time.Hour)
		w.must(w.RunJobs(t.Context()))
		all, err := community.NewRemovalFile(path).All()
		w.must(err)
		if len(all) != row.want {
			t.Errorf("%d days later: %d removals, want %d", row.days, len(all), row.want)
		}
	}
}

// A server can die while it writes a line.
func TestADamagedLineOfRemovalsCostsOnlyItself(t *testing.T) {
	path := filepath.Join(t.TempDir(), "removals")
	f := community.NewRemovalFile(path)
	one := community.Removal{At: begin, What: community.RemovedData, Hash: []byte{1}}
	for _, damage := range []string{"", `{"at":"2026-`, "nonsense\n"} {
		file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err == nil {
			_, err = file.WriteString(damage)
		}
		if err := errors.Join(err, file.Close(), f.Add(one)); err != nil {
			t.Fatal(err)
		}
	}
	all, err := f.All()
	if err != nil || len(all) != 3 || !all[2].At.Equal(begin) {
		t.Errorf("%+v, %v; want three removals", all, err)
	}
}

func TestAFailureToNoteARemovalIsAProblem(t *testing.T) {
	w := found(t, func(cfg *community.Config) {
		cfg.Removals = community.NewRemovalFile(filepath.Join(t.TempDir(), "none", "removals"))
	})
	w.all(w.vouched(3), nth(1))
	w.must(w.Delist(t.Context(), "root", nth(1), "a mistake"))
	w.expect(nth(1), consensus.Allow)
	if h := w.Health(t.Context()); h.OK || !strings.Contains(strings.Join(h.Problems, ""), "noting what was removed") {
		t.Errorf("health: %+v", h)
	}
}

func TestAServerWithAnotherSecretDoesNotStart(t *testing.T) {
	w := found(t, nil)
	w.must(w.Prepare(t.Context()))
	w.must(w.Prepare(t.Context()))
	w.cfg.Secret = []byte("another secret of thirty-two bytes")
	if err := w.open().Prepare(t.Context()); !errors.Is(err, community.ErrOtherSecret) {
		t.Errorf("error %v", err)
	}
}
