package engine

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tocsin-project/tocsin/event"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// reporter is one that takes everything unless a test says otherwise.
type reporter struct {
	name   string
	report func(ctx context.Context, alerts []event.Alert) (taken, refused int, err error)

	mu    sync.Mutex
	calls int
	all   []event.Alert // that were taken
}

func (r *reporter) Name() string { return r.name }

func (r *reporter) Report(ctx context.Context, alerts []event.Alert) (taken, refused int, err error) {
	r.mu.Lock()
	r.calls++
	r.mu.Unlock()
	taken = len(alerts)
	if r.report != nil {
		taken, refused, err = r.report(ctx, alerts)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, alerts[:max(0, min(taken, len(alerts)))]...)
	return taken, refused, err
}

// told returns the clients of the alerts that the reporter got.
func (r *reporter) told() (clients []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range r.all {
		clients = append(clients, a.Client.String())
	}
	return clients
}

func (r *reporter) called() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.calls
}

func client(i int) string { return fmt.Sprintf("198.51.%d.%d", 100+i/250, 1+i%250) }

// alarm raises alerts about clients, by their numbers.
func (e *Engine) alarm(from, to int) {
	for i := from; i < to; i++ {
		e.Alert(about(client(i)))
	}
}

// wantTold checks that the reporter got the alerts about the clients with these numbers,
// in order.
func wantTold(t *testing.T, r *reporter, from, to int) {
	t.Helper()
	got := r.told()
	if len(got) != to-from {
		t.Fatalf("told of %d clients, want %d", len(got), to-from)
	}
	for i := range got {
		if got[i] != client(from+i) {
			t.Fatalf("alert %d is about %s, want %s", i, got[i], client(from+i))
		}
	}
}

func TestAlertsAreReportedAsTheyCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := &reporter{name: "a"}, &reporter{name: "b"}
		e := start(t, Config{Reporters: []Reporter{a, b}})
		began := time.Now()
		e.alarm(0, 250)
		synctest.Wait()
		if time.Since(began) != 0 {
			t.Error("somebody waited")
		}
		wantTold(t, a, 0, 250)
		wantTold(t, b, 0, 250)
		s := e.Stats().Reporters
		if len(s) != 2 || s[0].Name != "a" || s[0].Sent != 250 || s[0].Queued != 0 || s[0].Dropped != 0 || s[0].Err != nil || s[0].Last.IsZero() {
			t.Errorf("%+v", s)
		}
		if got := a.all[0]; got.Action.String() != "ban" || got.Duration != 4*time.Hour {
			t.Errorf("the reporter does not hear what was decided: %+v", got)
		}
	})
}

var errDown = errors.New("connection refused")

func TestNothingIsLostWhileNobodyListens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zap.InfoLevel)
		var up atomic.Bool
		r := &reporter{name: "lapi", report: func(_ context.Context, alerts []event.Alert) (int, int, error) {
			if !up.Load() {
				return 0, 0, errDown
			}
			return len(alerts), 0, nil
		}}
		e := start(t, Config{Reporters: []Reporter{r}, Logger: zap.New(core)})
		for i := range 200 {
			e.alarm(i, i+1)
			<-time.After(10 * time.Second)
		}
		if s := e.Stats().Reporters[0]; s.Queued != 200 || s.Sent != 0 || !errors.Is(s.Err, errDown) {
			t.Errorf("%+v", s)
		}
		if n := r.called(); n < 50 || n > 300 {
			t.Errorf("%d tries in 2,000 seconds", n)
		}
		up.Store(true)
		<-time.After(2 * (30 * time.Second))
		synctest.Wait()
		wantTold(t, r, 0, 200)
		if n := logs.FilterMessageSnippet("alerts cannot be reported").Len(); n != 1 {
			t.Errorf("said %d times that it fails", n)
		}
		if n := logs.FilterMessageSnippet("alerts can be reported again").Len(); n != 1 {
			t.Errorf("said %d times that it works", n)
		}
	})
}

func TestAFullQueueDropsTheOldest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan error)
		r := &reporter{name: "lapi", report: func(_ context.Context, alerts []event.Alert) (int, int, error) {
			if err := <-release; err != nil {
				return 0, 0, err
			}
			return len(alerts), 0, nil
		}}
		e := start(t, Config{Reporters: []Reporter{r}, Queue: 10})
		e.alarm(0, 1)
		synctest.Wait() // the first is at the reporter, who hangs
		began := time.Now()
		e.alarm(1, 31)
		if time.Since(began) != 0 {
			t.Error("somebody waited")
		}
		if s := e.Stats().Reporters[0]; s.Queued != 10 || s.Dropped != 21 {
			t.Errorf("%+v", s)
		}
		release <- errDown
		synctest.Wait()
		if s := e.Stats().Reporters[0]; s.Queued != 10 || s.Dropped != 21 {
			t.Errorf("%+v", s)
		}
		e.alarm(31, 32) // now the first, whose report failed, is the oldest
		if s := e.Stats().Reporters[0]; s.Queued != 10 || s.Dropped != 22 {
			t.Errorf("%+v", s)
		}
		release <- nil
		synctest.Wait()
		wantTold(t, r, 22, 32)
	})
}

// A client that floods the site from many addresses drops alerts about itself from the
// queue, and none about others, however old.
func TestAFloodOfAlertsDropsItsOwn(t *testing.T) {
	for _, row := range []struct{ name, other, flood string }{
		{"of a /16", "192.0.2.1", "198.51.%d.%d"},
		{"of a /32 of IPv6", "2001:db8::1", "2001:db9:%x:%x::1"},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var up atomic.Bool
				r := &reporter{name: "lapi", report: func(_ context.Context, alerts []event.Alert) (int, int, error) {
					if !up.Load() {
						return 0, 0, errDown
					}
					return len(alerts), 0, nil
				}}
				e := start(t, Config{Reporters: []Reporter{r}, Queue: 100})
				e.Alert(about(row.other))
				for i := range 1000 {
					e.Alert(about(fmt.Sprintf(row.flood, i/250, 1+i%250)))
				}
				synctest.Wait()
				if s := e.Stats().Reporters[0]; s.Queued != 100 || s.Dropped != 901 {
					t.Errorf("%+v", s)
				}
				up.Store(true)
				<-time.After(time.Minute)
				told := r.told()
				if len(told) != 100 || told[0] != row.other || told[99] != fmt.Sprintf(row.flood, 3, 250) {
					t.Errorf("told of %d: %v", len(told), told)
				}
			})
		})
	}
}

func TestPartsOfABatch(t *testing.T) {
	for _, tt := range []struct {
		name                    string
		taken, refused          int
		err                     error
		sent, unwanted, waiting int
	}{
		{"some are refused", 7, 3, nil, 7, 3, 0},
		{"some are dealt with, and then it fails", 4, 2, errDown, 4, 2, 4},
		{"a reporter that does not say what became of some", 4, 0, nil, 4, 6, 0},
		{"a reporter that has taken more than there were", 99, 99, nil, 10, 0, 0},
		{"a reporter that has refused more than there were", 4, 99, errDown, 4, 6, 0},
		{"a reporter with less than none", -5, -5, errDown, 0, 0, 10},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var sizes []int
				r := &reporter{name: "lapi"}
				r.report = func(_ context.Context, alerts []event.Alert) (int, int, error) {
					if sizes = append(sizes, len(alerts)); len(sizes) == 1 {
						return tt.taken, tt.refused, tt.err
					}
					return len(alerts), 0, nil
				}
				e, err := New(Config{Reporters: []Reporter{r}})
				if err != nil {
					t.Fatal(err)
				}
				for i := range 10 {
					e.outboxes[0].put(about(client(i)))
				}
				e.Start()
				synctest.Wait()
				s := e.Stats().Reporters[0]
				if s.Sent != uint64(tt.sent) || s.Refused != uint64(tt.unwanted) || s.Queued != tt.waiting {
					t.Errorf("%+v", s)
				}
				<-time.After(30 * time.Second)
				synctest.Wait()
				if want := tt.waiting; want > 0 && (len(sizes) != 2 || sizes[1] != want) {
					t.Errorf("tries with %v alerts", sizes)
				}
				if err := e.Close(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// Whatever a reporter does, every alert is in exactly one place, and those that
// it has taken are in order.
func TestEveryAlertIsAccountedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rnd, pace := rand.New(rand.NewPCG(1, 2)), rand.New(rand.NewPCG(3, 4))
		r := &reporter{name: "lapi", report: func(ctx context.Context, alerts []event.Alert) (int, int, error) {
			select {
			case <-time.After(time.Duration(rnd.IntN(3000)) * time.Millisecond):
			case <-ctx.Done():
				return 0, 0, ctx.Err()
			}
			switch n := rnd.IntN(len(alerts) + 1); rnd.IntN(4) {
			case 0:
				return len(alerts), 0, nil
			case 1:
				return n, len(alerts) - n, nil
			case 2:
				panic("index out of range")
			default:
				return n, 0, errDown
			}
		}}
		e := start(t, Config{Reporters: []Reporter{r}, Queue: 50})
		const total = 3000
		for i := range total {
			e.alarm(i, i+1)
			<-time.After(time.Duration(pace.IntN(200)) * time.Millisecond)
		}
		synctest.Wait()
		s := e.Stats().Reporters[0]
		if s.Sent+s.Refused+s.Dropped+uint64(s.Queued) != total || s.Queued > 50 || s.Dropped == 0 || s.Sent == 0 || s.Refused == 0 {
			t.Errorf("%+v", s)
		}
		last := ""
		seen := map[string]int{}
		for i := range total {
			seen[client(i)] = i
		}
		for _, c := range r.told() {
			if last != "" && seen[c] <= seen[last] {
				t.Fatalf("%s is told after %s", c, last)
			}
			last = c
		}
	})
}

func TestWhatIsLeftIsReportedAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &reporter{name: "lapi"}
		e, err := New(Config{Reporters: []Reporter{r}})
		if err != nil {
			t.Fatal(err)
		}
		var up atomic.Bool
		r.report = func(_ context.Context, alerts []event.Alert) (int, int, error) {
			if !up.Load() {
				return 0, 0, errDown
			}
			return len(alerts), 0, nil
		}
		e.Start()
		e.alarm(0, 250)
		synctest.Wait()
		up.Store(true) // while the reporter waits to try again
		if err := e.Close(); err != nil {
			t.Error(err)
		}
		wantTold(t, r, 0, 250)
	})
}

func TestTheEndIsBoundedWhateverReportersDo(t *testing.T) {
	for _, tt := range []struct {
		name   string
		report func(ctx context.Context, alerts []event.Alert) (int, int, error)
		most   time.Duration
		lost   int
	}{
		{"one that hangs", func(ctx context.Context, _ []event.Alert) (int, int, error) {
			<-ctx.Done()
			return 0, 0, ctx.Err()
		}, 1500 * time.Millisecond, 250},
		{"one that fails", func(context.Context, []event.Alert) (int, int, error) { return 0, 0, errDown }, 0, 250},
		{"one that needs its time", func(_ context.Context, alerts []event.Alert) (int, int, error) {
			<-time.After(900 * time.Millisecond) // and does not hear that time is up
			return len(alerts), 0, nil
		}, 1800 * time.Millisecond, 50},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				core, logs := observer.New(zap.WarnLevel)
				r := &reporter{name: "lapi", report: tt.report}
				e, err := New(Config{Reporters: []Reporter{r}, Logger: zap.New(core)})
				if err != nil {
					t.Fatal(err)
				}
				for i := range 250 {
					e.outboxes[0].put(about(client(i)))
				}
				e.Start()
				synctest.Wait()
				began := time.Now()
				err = e.Close()
				if took := time.Since(began); took > tt.most || err != nil {
					t.Errorf("closed after %v with %v", took, err)
				}
				if s := e.Stats().Reporters[0]; s.Dropped != uint64(tt.lost) || s.Queued != 0 {
					t.Errorf("%+v", s)
				}
				said := logs.FilterMessageSnippet("alerts were lost: they could not be reported before the end")
				if (said.Len() == 1) != (tt.lost > 0) {
					t.Errorf("said %d times", said.Len())
				}
			})
		})
	}
}

// beating is a reporter with a heart.
type beating struct {
	reporter
	beats atomic.Int32
	well  atomic.Bool
}

func (b *beating) Heartbeat(context.Context) error {
	b.beats.Add(1)
	if b.well.Load() {
		return nil
	}
	return errors.New("login refused")
}

func TestHeartbeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zap.InfoLevel)
		r := &beating{reporter: reporter{name: "lapi"}}
		e := start(t, Config{Reporters: []Reporter{r}, Logger: zap.New(core)})
		synctest.Wait()
		if s := e.Stats().Reporters[0]; r.beats.Load() != 1 || s.Err == nil || !strings.Contains(s.Err.Error(), "login refused") {
			t.Errorf("%d beats, %+v", r.beats.Load(), s)
		}
		<-time.After(10*time.Minute + time.Second)
		r.well.Store(true)
		<-time.After(time.Minute)
		synctest.Wait()
		if s := e.Stats().Reporters[0]; r.beats.Load() != 12 || s.Err != nil {
			t.Errorf("%d beats, %+v", r.beats.Load(), s)
		}
		if logs.Len() != 2 {
			t.Errorf("%d lines: %v", logs.Len(), logs.All())
		}
	})
}
