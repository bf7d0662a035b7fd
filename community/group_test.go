package community_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/consensus"
)

// A slowStore is a store whose transactions wait, and which fails for one unit.
type slowStore struct {
	community.Store
	open    chan struct{} // nil: transactions do not wait
	batches []int         // how many reports each transaction that ended well has added
	bad     consensus.Unit
	fail    func() error // what happens with reports about bad
}

func (s *slowStore) Update(ctx context.Context, f func(community.Tx) error) error {
	if s.open != nil {
		<-s.open
	}
	added := 0
	err := s.Store.Update(ctx, func(tx community.Tx) error { return f(&slowTx{tx, s, &added}) })
	if err == nil {
		s.batches = append(s.batches, added)
	}
	return err
}

type slowTx struct {
	community.Tx
	store *slowStore
	added *int
}

func (tx *slowTx) Append(r community.Report) (uint64, bool, error) {
	if r.Unit == tx.store.bad {
		if err := tx.store.fail(); err != nil {
			return 0, false, err
		}
	}
	*tx.added++
	return tx.Tx.Append(r)
}

// A senders is members that send while a transaction of another one waits.
type senders struct {
	*town
	store   *slowStore
	members []community.Caller
	results []string
	all     sync.WaitGroup
}

func newSenders(t *testing.T, n int) *senders {
	s := &senders{store: new(slowStore), results: make([]string, n)}
	s.town = inBubble(t, func(cfg *community.Config) {
		s.store.Store = cfg.Store
		cfg.Store = s.store
		cfg.Rates = community.Rates{Batch: 600, Burst: 1000, Additions: 10_000}
	})
	s.members = s.vouched(n)
	for i, m := range s.members { // the store knows them
		s.report(m, nth(1_000_000+i))
	}
	s.store.batches, s.store.open = nil, make(chan struct{})
	return s
}

// send lets a member send units, and returns when it waits.
func (s *senders) send(ctx context.Context, i int, units ...consensus.Unit) {
	signals := make([]community.Signal, len(units))
	for k, u := range units {
		signals[k] = community.Signal{Unit: u, Scenario: exploit, Last: time.Now(), Count: 1}
	}
	s.all.Go(func() {
		defer func() {
			if recover() != nil {
				s.results[i] = "panic"
			}
		}()
		_, err := s.Accept(ctx, s.members[i], signals)
		switch {
		case err == nil:
			s.results[i] = "accepted"
		case errors.Is(err, community.ErrSuspended):
			s.results[i] = "suspended"
		default:
			s.results[i] = err.Error()
		}
	})
	synctest.Wait()
}

// units returns n units from the given one on.
func unitsFrom(first, n int) (units []consensus.Unit) {
	for i := range n {
		units = append(units, nth(first+i))
	}
	return units
}

// end lets all transactions go on, and waits for all senders.
func (s *senders) end() {
	close(s.store.open)
	s.all.Wait()
}

// expectResults compares what the senders got and what the transactions added.
func (s *senders) expectResults(results []string, added ...int) {
	s.t.Helper()
	if got, want := text(s.t, s.results), text(s.t, results); got != want {
		s.t.Errorf("results %s; want %s", got, want)
	}
	if got, want := text(s.t, s.store.batches), text(s.t, added); got != want {
		s.t.Errorf("transactions added %s reports; want %s", got, want)
	}
}

func TestBatchesThatWaitShareATransaction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSenders(t, 5)
		for i := range 5 {
			s.send(t.Context(), i, unitsFrom(10*i, 3)...)
		}
		s.end()
		s.expectResults([]string{"accepted", "accepted", "accepted", "accepted", "accepted"}, 3, 12)
	})
}

func TestAGroupIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSenders(t, 6)
		for i, n := range []int{1, 200, 300, 1, 600, 2} {
			s.send(t.Context(), i, unitsFrom(1000*i, n)...)
		}
		s.end()
		s.expectResults([]string{"accepted", "accepted", "accepted", "accepted", "accepted", "accepted"}, 1, 500, 1, 600, 2)
	})
}

func TestABatchFailsAlone(t *testing.T) {
	for _, row := range []struct {
		name string
		fail func() error
		want string
	}{
		{"an error", func() error { return errors.New("the store refuses it") }, "accepting signals: the store refuses it"},
		{"a panic", func() error { panic("a mistake") }, "panic"},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSenders(t, 4)
				s.store.bad, s.store.fail = nth(20), row.fail
				for i := range 4 {
					s.send(t.Context(), i, unitsFrom(10*i, 2)...)
				}
				s.end()
				s.expectResults([]string{"accepted", "accepted", row.want, "accepted"}, 2, 2, 2)
				s.expectReports(nth(20), 0)
				s.expectReports(nth(30), 1)
			})
		})
	}
}

// expectReports checks how many reports about a unit are stored.
func (s *senders) expectReports(u consensus.Unit, want int) {
	s.t.Helper()
	facts, err := s.Facts(s.t.Context(), u)
	s.must(err)
	if got := len(facts.Reports); got != want {
		s.t.Errorf("%v: %d reports; want %d", u, got, want)
	}
}

func TestASuspendedMemberSpoilsNoGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSenders(t, 3)
		close(s.store.open)
		s.must(s.Suspend(t.Context(), "root", s.members[1].Login, true, "test"))
		s.store.open, s.store.batches = make(chan struct{}), nil
		for i := range 3 {
			s.send(t.Context(), i, nth(i))
		}
		s.end()
		s.expectResults([]string{"accepted", "suspended", "accepted"}, 1, 1)
	})
}

func TestWhoDoesNotWaitIsNotStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSenders(t, 3)
		ctx, leave := context.WithCancel(t.Context())
		s.send(t.Context(), 0, nth(0))
		s.send(ctx, 1, nth(1))
		s.send(t.Context(), 2, nth(2))
		leave()
		synctest.Wait()
		s.end()
		s.expectResults([]string{"accepted", "accepting signals: waiting for the turn: context canceled", "accepted"}, 1, 1)
		s.expectReports(nth(1), 0)
	})
}

// Whoever stores a group may leave: it stores what others have sent.
func TestAGroupOutlivesItsLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSenders(t, 3)
		s.send(t.Context(), 0, nth(0))
		ctx, leave := context.WithCancel(t.Context())
		s.send(ctx, 1, nth(1)) // it gets the turn next
		s.send(t.Context(), 2, nth(2))
		s.store.open <- struct{}{} // the first transaction
		synctest.Wait()
		leave()
		s.end()
		s.expectResults([]string{"accepted", "accepted", "accepted"}, 1, 2)
	})
}

func TestWhoLeftBeforeIsNotStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSenders(t, 1)
		ctx, leave := context.WithCancel(t.Context())
		leave()
		s.send(ctx, 0, nth(0))
		s.end()
		s.expectResults([]string{"accepting signals: context canceled"})
		s.expectReports(nth(0), 0)
	})
}
