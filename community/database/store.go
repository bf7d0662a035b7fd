package database

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/tocsin-project/tocsin/community"
)

// poll is the interval of checks for changes by other servers while a caller waits for one.
const poll = 300 * time.Millisecond

// A Store implements [community.Store].
type Store struct {
	*database
	stop    context.CancelFunc
	closed  <-chan struct{}
	running sync.WaitGroup

	mu      sync.Mutex
	last    uint64        // latest known change
	changed chan struct{} // closed when last grows
	waiting int
	wanted  chan struct{} // has a token when the first caller starts to wait
}

// Open opens a store, and makes missing tables.
func Open(ctx context.Context, place string) (*Store, error) {
	d, err := connect(ctx, place, "community")
	if err != nil {
		return nil, err
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	s := &Store{database: d, stop: stop, closed: running.Done(), changed: make(chan struct{}), wanted: make(chan struct{}, 1)}
	s.running.Go(func() { s.follow(running) })
	s.running.Go(func() { s.hear(running) })
	return s, nil
}

// Close closes the store.
func (s *Store) Close() error {
	s.stop()
	s.running.Wait()
	return s.close()
}

// Update is part of [community.Store].
func (s *Store) Update(ctx context.Context, f func(community.Tx) error) error {
	var change uint64
	err := s.update(ctx, func(session *session) error {
		w := &writer{reader: reader{session: session}}
		if err := w.load(); err != nil {
			return err
		}
		before := *w.given
		if err := f(w); err != nil {
			return err
		}
		if session.err != nil { // f ignored it
			return session.err
		}
		change = w.given.change
		return w.save(before)
	})
	if err == nil {
		s.note(change)
	}
	return err
}

// View is part of [community.Store].
func (s *Store) View(ctx context.Context, f func(community.ReadTx) error) error {
	return s.view(ctx, func(session *session) error { return f(&reader{session: session}) })
}

// Check is part of [community.Store]. It writes.
func (s *Store) Check(ctx context.Context) error {
	return s.update(ctx, func(session *session) error {
		return session.must("checking whether it can write", "UPDATE numbers SET report = report")
	})
}

// note sets the latest change, and wakes waiting callers.
func (s *Store) note(last uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if last > s.last {
		s.last = last
		close(s.changed)
		s.changed = make(chan struct{})
	}
}

// Wait is part of [community.Store].
func (s *Store) Wait(ctx context.Context, after uint64) error {
	s.count(1)
	defer s.count(-1)
	for {
		s.mu.Lock()
		last, changed := s.last, s.changed
		s.mu.Unlock()
		if ctx.Err() == nil && last > after {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("waiting for a change: %w", ctx.Err())
		case <-s.closed:
			return fmt.Errorf("waiting for a change: %s: the store is closed", s.name)
		}
	}
}

func (s *Store) count(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting += n
	if n > 0 {
		select {
		case s.wanted <- struct{}{}:
		default: // a token is there already
		}
	}
}

// follow polls for changes while a caller waits for one.
func (s *Store) follow(ctx context.Context) {
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for {
		select {
		case <-s.wanted:
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		s.mu.Lock()
		waiting := s.waiting
		s.mu.Unlock()
		if waiting > 0 {
			s.look(ctx)
		}
	}
}

// look notes the latest change. After a failure follow tries again, and Check has the reason.
func (s *Store) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	var last uint64
	if err := s.view(ctx, func(session *session) (err error) {
		last, err = (&reader{session: session}).LastChange()
		return err
	}); err == nil {
		s.note(last)
	}
}

// hear listens to other servers. If that fails, it tries again after a while; until then,
// follow finds their changes.
func (s *Store) hear(ctx context.Context) {
	for ctx.Err() == nil {
		s.listen(ctx, func() { s.look(ctx) })
		select {
		case <-time.After(5 * time.Second):
		case <-ctx.Done():
		}
	}
}
