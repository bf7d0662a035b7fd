package lists

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tocsin-project/tocsin/internal/follow"
	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

const (
	quiet     = follow.Quiet
	maxMoving = follow.MaxMoving
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A rig is a File that runs in a bubble of time, on a real file, with events
// that the test makes.
type rig struct {
	*File
	t      *testing.T
	path   string
	table  *lookup.Table
	events chan follow.Event
	looks  int
	logs   *observer.ObservedLogs
}

// inBubble calls test with a File on a file that holds text, in a bubble of
// time. It runs as soon as the test says so.
func inBubble(t *testing.T, text string, test func(r *rig)) {
	t.Helper()
	inBubbleWith(t, FileConfig{}, text, test)
}

func inBubbleWith(t *testing.T, cfg FileConfig, text string, test func(r *rig)) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "blocklist.txt")
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zap.DebugLevel)
		cfg.Path, cfg.MaxBytes, cfg.MaxLines, cfg.Logger = path, 1<<20, 10_000, zap.New(core)
		f, err := NewFile(cfg)
		if err != nil {
			t.Fatal(err)
		}
		r := &rig{File: f, t: t, path: path, table: new(lookup.Table), events: make(chan follow.Event), logs: logs}
		f.listen = func([]string) (follow.Watch, error) {
			return follow.Watch{
				Events: r.events,
				Arm:    func() error { r.looks++; return nil },
				Close:  func() error { return nil },
			}, nil
		}
		r.write(text)
		test(r)
	})
}

// run runs the File until the end of the test.
func (r *rig) run() {
	r.t.Helper()
	done := make(chan error, 1)
	ctx, cancel := context.WithCancel(r.t.Context())
	go func() { done <- r.Run(ctx, r.table) }()
	r.t.Cleanup(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			r.t.Errorf("Run returned %v; want the context's error", err)
		}
	})
	synctest.Wait()
}

// write makes text what the file holds, in a new file that takes its place.
func (r *rig) write(text string) {
	r.t.Helper()
	if err := os.WriteFile(r.path+".new", []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
	r.do(os.Rename(r.path+".new", r.path))
}

func (r *rig) do(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// event tells of a change and lets d pass.
func (r *rig) event(d time.Duration) {
	r.events <- follow.Event{}
	pass(d)
}

// pass lets d pass, and then whatever is to happen until then.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// holds checks that the table holds just the entries want.
func (r *rig) holds(want ...string) {
	r.t.Helper()
	var got []string
	for d := range r.table.All() {
		got = append(got, d.Prefix.String())
	}
	slices.Sort(got)
	want = slices.Sorted(slices.Values(want))
	if !slices.Equal(got, want) {
		r.t.Errorf("the table holds %d entries, %q…; want %d, %q…",
			len(got), got[:min(3, len(got))], len(want), want[:min(3, len(want))])
	}
}

// inStep checks that the table is in step with the file.
func (r *rig) inStep() {
	r.t.Helper()
	if s := r.Status(); s.Err != nil || s.Failures != 0 || s.Synced.IsZero() || !s.Ready(time.Now()) {
		r.t.Errorf("status %+v; want one in step", s)
	}
}

// outOfStep checks that the File admits not to follow the file, because of why.
func (r *rig) outOfStep(why string) {
	r.t.Helper()
	s := r.Status()
	if s.Err == nil || s.Failures == 0 || !strings.Contains(s.Err.Error(), why) || !strings.Contains(s.Err.Error(), r.path) {
		r.t.Errorf("status %+v; want an error with %q and the path", s, why)
	}
	if !s.Next.After(time.Now()) {
		r.t.Errorf("the next try is %v off", time.Until(s.Next))
	}
}

// many returns a list of n addresses from 198.51.100.0 on, as text and as
// entries.
func many(n int) (string, []string) {
	var text strings.Builder
	var entries []string
	for ip := netip.MustParseAddr("198.51.100.0"); len(entries) < n; ip = ip.Next() {
		fmt.Fprintln(&text, ip)
		entries = append(entries, ip.String()+"/32")
	}
	return text.String(), entries
}

func TestAListIsReadAtOnce(t *testing.T) {
	inBubble(t, "192.0.2.1\nrubbish\n2001:db8::/32\n", func(r *rig) {
		r.run()
		r.holds("192.0.2.1/32", "2001:db8::/32")
		r.inStep()
		if s := r.Stats(); s.Lines != 3 || s.Entries != 2 || s.Skipped != 1 || s.Bad[0].Number != 2 {
			t.Errorf("stats %+v", s)
		}
		d, ok := r.table.Lookup(netip.MustParseAddr("192.0.2.1"))
		if !ok || d.Action != lookup.Ban || d.Source != "list:blocklist.txt" || d.Origin != "lists:blocklist.txt" ||
			d.Reason != "blocklist.txt" || !d.Until.IsZero() {
			t.Errorf("decision %+v, %t", d, ok)
		}
	})
}

func TestAChangeIsReadOnceTheFileKeepsStill(t *testing.T) {
	inBubble(t, "192.0.2.1\n", func(r *rig) {
		r.run()
		for range 2 {
			for _, text := range []string{"192.0.2.2", "192.0.2.2\n192.0", "192.0.2.2\n192.0.2.33\n"} {
				r.write(text)
				r.event(quiet - time.Millisecond)
				r.holds("192.0.2.1/32")
			}
			pass(2 * quiet)
			r.holds("192.0.2.2/32", "192.0.2.33/32")
			r.inStep()

			r.write("192.0.2.1\n")
			pass(time.Minute)
			r.holds("192.0.2.1/32")
		}
	})
}

func TestAChangeDuringTheReadIsWaitedFor(t *testing.T) {
	inBubble(t, "192.0.2.1\n", func(r *rig) {
		ctx := meddler{t.Context(), func() { r.do(os.WriteFile(r.path, []byte("192.0.2.1\n192.0"), 0o600)) }}
		if wait := newFollower(r.File, r.table).look(ctx); wait != quiet {
			t.Errorf("the next look is in %v; want %v", wait, quiet)
		}
		r.holds()
		r.run()
		r.holds("192.0.2.1/32")
	})
}

// A meddler does something whenever it is asked whether it has ended, which is
// once for each piece of the file that is read.
type meddler struct {
	context.Context
	meddle func()
}

func (m meddler) Err() error {
	m.meddle()
	return nil
}

func TestAFileThatNeverKeepsStillIsReadAllTheSame(t *testing.T) {
	inBubble(t, "192.0.2.1\n", func(r *rig) {
		r.run()
		text := "192.0.2.1\n192.0.2.2\n"
		for range maxMoving / quiet {
			text += "#\n"
			r.write(text)
			r.event(quiet)
		}
		r.holds("192.0.2.1/32")
		for range 2 {
			text += "#\n"
			r.write(text)
			r.event(quiet)
		}
		r.holds("192.0.2.1/32", "192.0.2.2/32")
	})
}

func TestAChangeThatNobodyTellsOfIsSeenByPolling(t *testing.T) {
	inBubble(t, "192.0.2.1\n", func(r *rig) {
		r.run()
		r.write("192.0.2.2\n")
		pass(30*time.Second - time.Millisecond)
		r.holds("192.0.2.1/32")
		pass(time.Millisecond + quiet)
		r.holds("192.0.2.2/32")
	})
}

func TestAChangeThatLooksLikeNoneIsSeen(t *testing.T) {
	for _, row := range []struct {
		name string
		age  time.Duration // of the file, by its time stamp, before and after
		text string
		in   time.Duration
	}{
		{"the same size within a tick of the file system's clock", time.Second, "192.0.2.2\n", 2 * time.Second},
		{"another size with the time stamp of old", time.Hour, "192.0.2.2 #\n", 30*time.Second + quiet},
	} {
		t.Run(row.name, func(t *testing.T) {
			inBubble(t, "192.0.2.1\n", func(r *rig) {
				stamp := time.Now().Add(-row.age)
				r.do(os.Chtimes(r.path, stamp, stamp))
				r.run()
				r.do(os.WriteFile(r.path, []byte(row.text), 0o600))
				r.do(os.Chtimes(r.path, stamp, stamp))
				pass(row.in)
				r.holds("192.0.2.2/32")
			})
		})
	}
}

func TestAnEventWithoutAChangeLeavesTheTableAlone(t *testing.T) {
	inBubble(t, "192.0.2.1\n", func(r *rig) {
		r.run()
		version := r.table.Version()
		r.event(time.Second)
		r.write("192.0.2.1\n") // another file with the same text
		r.event(time.Second)
		if got := r.table.Version(); got != version {
			t.Errorf("version %d; want %d as before", got, version)
		}
		if n := r.logs.FilterMessage("blocklist read").Len(); n != 1 {
			t.Errorf("the list was put into force %d times; want once", n)
		}
		r.inStep()
	})
}

func TestABusyDirectoryCostsFourLooksASecond(t *testing.T) {
	inBubble(t, "192.0.2.1\n", func(r *rig) {
		r.run()
		for range 10_000 {
			r.event(time.Millisecond)
		}
		if r.looks > 1+10*4 || r.looks < 30 {
			t.Errorf("%d looks in ten seconds; want about forty", r.looks)
		}
	})
}

func TestAMissingFileIsAwaited(t *testing.T) {
	inBubble(t, "", func(r *rig) {
		r.do(os.Remove(r.path))
		r.run()
		r.outOfStep("no such file")
		if r.Status().Ready(time.Now()) {
			t.Error("ready without ever having read the list")
		}
		pass(3 * (30 * time.Second))
		if got := r.Status().Failures; got != 4 {
			t.Errorf("%d failures; want 4", got)
		}
		r.write("192.0.2.1\n")
		r.event(2 * quiet)
		r.holds("192.0.2.1/32")
		r.inStep()
	})
}

func TestTheLastGoodCopyStaysInForce(t *testing.T) {
	text, entries := many(100)
	for _, row := range []struct {
		name   string
		befall func(r *rig)
		want   string
	}{
		{"the file is gone", func(r *rig) { r.do(os.Remove(r.path)) }, "no such file"},
		{"it is a directory now", func(r *rig) { r.do(os.Remove(r.path)); r.do(os.Mkdir(r.path, 0o700)) }, "not a regular file"},
		{"it is a link to itself", func(r *rig) { r.do(os.Remove(r.path)); r.do(os.Symlink(r.path, r.path)) }, "too many levels"},
		{"it is an error page", func(r *rig) { r.write("<html>\n<p>502\n") }, "line 1: \"<html>\": markup"},
		{"it has too many bytes", func(r *rig) { r.write(text + strings.Repeat("#", 1<<20)) }, "too large"},
		{"it has too many lines", func(r *rig) { r.write(text + strings.Repeat("#\n", 10_000)) }, "too many lines"},
		{"it is empty", func(r *rig) { r.do(os.Truncate(r.path, 0)) }, "shrank from 100 entries to 0"},
		{"most of it is gone", func(r *rig) { r.do(os.Truncate(r.path, 300)) }, "shrank from 100 entries to 2"},
		{"nothing but comments is left", func(r *rig) { r.write("# to be continued\n") }, "shrank from 100 entries to 0"},
	} {
		t.Run(row.name, func(t *testing.T) {
			inBubble(t, text, func(r *rig) {
				r.run()
				row.befall(r)
				r.event(2 * quiet)
				r.holds(entries...)
				r.outOfStep(row.want)
				pass(30*time.Second - time.Second)
				r.holds(entries...)
				r.outOfStep(row.want)

				r.do(os.RemoveAll(r.path))
				r.write(text + "192.0.2.1\n")
				pass(30*time.Second + quiet)
				r.holds(slices.Concat(entries, []string{"192.0.2.1/32"})...)
				r.inStep()
			})
		})
	}
}

func TestALossIsBelievedOnceTheFileHasLainUnchanged(t *testing.T) {
	text, entries := many(100)
	inBubble(t, text, func(r *rig) {
		r.run()
		r.write("192.0.2.1\n")
		pass(30*time.Second + quiet)
		r.outOfStep("accepted after 1m0s")
		pass(time.Minute - time.Second)
		r.holds(entries...)

		r.write("192.0.2.2\n") // it was not unchanged, so the wait begins anew
		r.event(2 * quiet)
		pass(time.Minute - time.Second)
		r.holds(entries...)
		r.outOfStep("accepted after 1m0s")
		pass(2 * time.Second)
		r.holds("192.0.2.2/32")
		r.inStep()
	})
}

func TestALossThatComesAndGoesIsNotBelieved(t *testing.T) {
	text, entries := many(100)
	for _, row := range []struct {
		name      string
		meanwhile func(r *rig)
	}{
		{"the file is gone in between", func(r *rig) { r.do(os.Remove(r.path)) }},
		{"the file is no list in between", func(r *rig) { r.write("<html>\n") }},
		{"the file is whole in between", func(r *rig) { r.write(text) }},
	} {
		t.Run(row.name, func(t *testing.T) {
			inBubble(t, text, func(r *rig) {
				r.run()
				r.write("192.0.2.1\n")
				r.event(time.Minute / 2)
				row.meanwhile(r)
				r.event(time.Second)
				r.write("192.0.2.1\n")
				r.event(time.Minute / 2)
				r.holds(entries...)
				r.outOfStep("shrank from 100 entries to 1")
				pass(time.Minute/2 + time.Second)
				r.holds("192.0.2.1/32")
			})
		})
	}
}

func TestAnEmptiedListIsBelievedInTheEnd(t *testing.T) {
	text, _ := many(100)
	inBubble(t, text, func(r *rig) {
		r.run()
		r.do(os.Truncate(r.path, 0))
		r.event(2*quiet + time.Minute)
		r.holds()
		r.inStep()
	})
}

func TestAShortListMayShrinkAtOnce(t *testing.T) {
	text, entries := many(16)
	for _, row := range []struct {
		name, text string
		want       []string
	}{
		{"to one entry", "192.0.2.1\n", []string{"192.0.2.1/32"}},
		{"but not to comments alone", "# nobody\n", entries},
		{"but not to nothing at all, as a file is before it is written", "", entries},
	} {
		t.Run(row.name, func(t *testing.T) {
			inBubble(t, text, func(r *rig) {
				r.run()
				r.write(row.text)
				r.event(2 * quiet)
				r.holds(row.want...)
			})
		})
	}
}

func TestEntriesWithADuration(t *testing.T) {
	text, entries := many(100)
	const duration = time.Hour
	until := func(t *testing.T, r *rig) time.Duration {
		t.Helper()
		d, ok := r.table.Lookup(netip.MustParseAddr("198.51.100.1"))
		if !ok {
			t.Fatal("no decision")
		}
		return time.Until(d.Until)
	}
	for _, row := range []struct {
		name string
		test func(t *testing.T, r *rig)
	}{
		{"last while the file is there, without a line in the log", func(t *testing.T, r *rig) {
			for range 50 {
				pass(10 * time.Minute)
				if left := until(t, r); left < duration*3/4-30*time.Second || left > duration {
					t.Errorf("an entry ends in %v", left)
				}
			}
			if n := r.logs.FilterMessage("blocklist read").Len(); n != 1 {
				t.Errorf("%d lines in the log; want one", n)
			}
		}},
		{"are not written again at each look", func(t *testing.T, r *rig) {
			pass(5 * time.Second)
			version := r.table.Version()
			pass(duration/4 - 30*time.Second)
			if r.table.Version() != version {
				t.Error("the table was written to")
			}
		}},
		{"end when the file is gone, and the File is not ready then", func(t *testing.T, r *rig) {
			r.do(os.Remove(r.path))
			pass(duration*3/4 - time.Minute)
			r.holds(entries...)
			if !r.Status().Ready(time.Now()) {
				t.Error("not ready, though all entries are in force")
			}
			pass(duration/4 + 2*time.Minute)
			r.holds()
			if r.Status().Ready(time.Now()) {
				t.Error("ready, though all entries have ended")
			}
			r.write(text)
			pass(time.Minute)
			r.holds(entries...)
			r.inStep()
		}},
		{"that have ended are no loss", func(t *testing.T, r *rig) {
			r.do(os.Remove(r.path))
			pass(duration + time.Minute)
			r.write("192.0.2.1\n")
			pass(time.Minute)
			r.holds("192.0.2.1/32")
			r.inStep()
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			inBubbleWith(t, FileConfig{Duration: duration}, text, func(r *rig) {
				r.run()
				row.test(t, r)
			})
		})
	}
}

func TestALossIsNoticedOverARestart(t *testing.T) {
	inBubble(t, "192.0.2.1\n", func(r *rig) {
		_, entries := many(100)
		b := r.table.Batch(r.Name())
		for _, e := range entries {
			b.Add(lookup.Decision{Prefix: netip.MustParsePrefix(e), Action: lookup.Ban})
		}
		b.Replace()
		r.run()
		r.holds(entries...)
		r.outOfStep("shrank from 100 entries to 1")
	})
}

func TestTheLogTellsOfChangesOnly(t *testing.T) {
	inBubble(t, "192.0.2.1\n10.0.0.1\n", func(r *rig) {
		r.run()
		pass(5 * (30 * time.Second))
		r.do(os.Remove(r.path))
		pass(5 * (30 * time.Second))
		r.write("192.0.2.1\n")
		pass(5 * (30 * time.Second))
		var got []string
		for _, e := range r.logs.All() {
			got = append(got, e.Level.String()+" "+e.Message)
		}
		want := []string{
			"info blocklist read",
			"warn the blocklist has bad lines: they are skipped",
			"error blocklist cannot be read: the last good copy stays in force",
			"info blocklist read",
			"info blocklist is in sync again",
		}
		if !slices.Equal(got, want) {
			t.Errorf("the log says %q; want %q", got, want)
		}
	})
}

func TestWithoutEventsThePollRemains(t *testing.T) {
	for _, row := range []struct {
		name string
		give func(err error) (follow.Watch, error)
	}{
		{"there is no watch", func(err error) (follow.Watch, error) { return follow.Watch{}, err }},
		{"the watch takes no directory", func(err error) (follow.Watch, error) {
			return follow.Watch{Arm: func() error { return err }, Close: func() error { return nil }}, nil
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			inBubble(t, "192.0.2.1\n", func(r *rig) {
				r.listen = func([]string) (follow.Watch, error) { return row.give(syscall.EMFILE) }
				r.run()
				r.holds("192.0.2.1/32")
				r.write("192.0.2.2\n")
				pass(2 * (30 * time.Second))
				r.holds("192.0.2.2/32")
				r.inStep()
				if n := r.logs.FilterMessage("blocklist is polled only").Len(); n != 1 {
					t.Errorf("%d warnings; want one", n)
				}
			})
		})
	}
}
