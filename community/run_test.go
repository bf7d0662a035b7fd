package community_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/consensus"
)

// inBubble founds a community whose clock is that of the bubble.
func inBubble(t *testing.T, change func(*community.Config)) *town {
	return found(t, func(c *community.Config) {
		c.Now = time.Now
		if change != nil {
			change(c)
		}
	})
}

// start runs centres until the returned function is called, which waits for them.
func start(t *testing.T, all ...*community.Centre) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	for _, c := range all {
		running.Go(func() {
			if err := c.Run(ctx); !errors.Is(err, context.Canceled) {
				t.Errorf("Run: %v", err)
			}
		})
	}
	return func() {
		cancel()
		running.Wait()
	}
}

// now reports units at the time of the bubble.
func tell(t *testing.T, c *community.Centre, by community.Caller, units ...consensus.Unit) {
	t.Helper()
	var signals []community.Signal
	for _, u := range units {
		signals = append(signals, community.Signal{Unit: u, Scenario: exploit, Last: time.Now(), Count: 1})
	}
	if _, err := c.Accept(t.Context(), by, signals); err != nil {
		t.Fatal(err)
	}
}

func TestTwoServersHaveOneList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := inBubble(t, nil)
		w.cfg.Store = w.store.Open()
		other := w.open()
		members := w.vouched(4)
		defer start(t, w.Centre, other)()
		u := unit("192.0.2.7")
		tell(t, w.Centre, members[0], u)
		tell(t, other, members[1], u) // together they list it
		synctest.Wait()
		for i, c := range []*community.Centre{w.Centre, other} {
			if l, found := c.List().Get(u); !found || l.Action != consensus.Ban || c.List().Seq != 1 {
				t.Errorf("server %d: %+v, %d", i+1, l, c.List().Seq)
			}
		}
		// A caller that waits at one server learns of changes by the other.
		heard := make(chan error)
		go func() { heard <- other.Wait(t.Context(), 1) }()
		synctest.Wait()
		if _, _, err := w.Appeal(t.Context(), community.AppealRequest{Unit: u, Proven: true}); err != nil {
			t.Fatal(err)
		}
		if err := <-heard; err != nil {
			t.Error(err)
		}
		if _, found := other.List().Get(u); found {
			t.Error("the other server still lists it")
		}
		if err := other.Freeze(t.Context(), "root", true, "test"); err != nil {
			t.Fatal(err)
		}
		<-time.After(6 * time.Second)
		if !w.Frozen().On {
			t.Error("a freeze at one server is none at the other")
		}
	})
}

func TestAListingEndsOnTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := inBubble(t, nil)
		members := w.vouched(3)
		defer start(t, w.Centre)()
		u := unit("192.0.2.7")
		for _, m := range members {
			tell(t, w.Centre, m, u)
		}
		l, _ := w.List().Get(u)
		<-time.After(time.Until(l.Until) - time.Second)
		synctest.Wait()
		w.expect(u, consensus.Ban)
		<-time.After(2 * time.Second)
		synctest.Wait()
		w.expect(u, consensus.Allow)
	})
}

func TestOneOfTheServersDoesAJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := inBubble(t, nil)
		w.cfg.Store = w.store.Open()
		defer start(t, w.Centre, w.open())()
		<-time.After(3*24*time.Hour + time.Hour)
		synctest.Wait()
		heads := 0
		for _, e := range w.log() {
			if e.Action == "audit.head" {
				heads++
			}
		}
		if heads < 3 || heads > 4 {
			t.Errorf("%d heads in three days; want one a day", heads)
		}
		if h := w.Health(t.Context()); !h.OK || time.Since(h.Retention) > 25*time.Hour || time.Since(h.Followed) > 10*time.Second {
			t.Errorf("%+v", h)
		}
	})
}

func TestRunGoesOnAfterTheStoreFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := inBubble(t, nil)
		members := w.vouched(3)
		defer start(t, w.Centre)()
		synctest.Wait()
		w.store.Break(errors.New("disk full"))
		<-time.After(2 * time.Minute)
		if h := w.Health(t.Context()); h.OK || !strings.Contains(strings.Join(h.Problems, " "), "judging what is due fails since 2000-01-01") {
			t.Errorf("while it is broken: %+v", h)
		}
		if _, err := w.Accept(t.Context(), members[0], []community.Signal{{Unit: nth(1), Scenario: exploit}}); err == nil {
			t.Error("a signal is acknowledged that is not stored")
		}
		w.store.Break(nil)
		<-time.After(2 * time.Minute)
		synctest.Wait()
		if h := w.Health(t.Context()); !h.OK {
			t.Errorf("afterwards: %+v", h)
		}
		for _, m := range members {
			tell(t, w.Centre, m, nth(1))
		}
		w.expect(nth(1), consensus.Ban)
	})
}

// Anybody can read what Health says. An error of a database has hosts, users and paths.
func TestOnlyTheLogSaysWhyTheStoreFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zap.ErrorLevel)
		w := inBubble(t, func(c *community.Config) { c.Log = zap.New(core) })
		defer start(t, w.Centre)()
		synctest.Wait()
		w.store.Break(errors.New("dial db.internal as tocsin: refused"))
		for range 100 {
			<-time.After(time.Minute)
			if h := w.Health(t.Context()); h.OK || strings.Contains(strings.Join(append(h.Problems, h.Warnings...), " "), "db.internal") {
				t.Fatalf("%+v", h)
			}
		}
		got := map[string]int{}
		for _, e := range logs.All() {
			if !strings.Contains(fmt.Sprint(e.ContextMap()["error"]), "db.internal") {
				t.Errorf("a line without the reason: %v", e)
			}
			got[fmt.Sprint(e.Message, e.ContextMap()["doing"])]++
		}
		for line, n := range got {
			if n != 1 {
				t.Errorf("%d lines %q in 100 minutes, want one", n, line)
			}
		}
		if len(got) < 3 {
			t.Errorf("the log has only %v", got)
		}
	})
}

func TestPositionsOfReadersAreWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := inBubble(t, nil)
		stop := start(t, w.Centre)
		synctest.Wait()
		for i := range 100 {
			if err := w.Read(t.Context(), "bouncer", uint64(i)); err != nil {
				t.Fatal(err)
			}
		}
		stop()
		w.cfg.Store = w.store.Open()
		if seq, found, err := w.open().CursorOf(t.Context(), "bouncer"); seq != 99 || !found || err != nil {
			t.Errorf("after a restart: %d, %v, %v", seq, found, err)
		}
	})
}

func TestARestartForgetsNothing(t *testing.T) {
	w := found(t, nil)
	members := w.vouched(60)
	w.must(w.RenewStandings(t.Context()))
	for i := range 5 {
		w.all(members[:3], nth(i))
	}
	w.cfg.Store = w.store.Open()
	again := w.open()
	if _, err := again.Follow(t.Context()); err != nil {
		t.Fatal(err)
	}
	if text(t, again.List()) != text(t, w.List()) {
		t.Error("the lists differ")
	}
	// Nor a member that reports the same units: the sixth is too many.
	w.Centre = again
	for i := range 6 {
		w.all(members[:3], nth(5+i))
	}
	if f, err := w.Figures(); err != nil || f.BrakeTrips == 0 {
		t.Errorf("after a restart the brake holds %d units: %v", f.BrakeTrips, err)
	}
}
