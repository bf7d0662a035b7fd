package storetest

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/consensus"
)

// Memory is a store and the accounts beside it, in memory. It is as slow as it is simple: for
// tests only.
type Memory struct {
	*memory
	closed chan struct{}
	once   sync.Once // closes it
}

// memory is what all handles share.
type memory struct {
	writing chan struct{} // holds one token while there is a writer
	mu      sync.RWMutex  // of all below
	broken  error
	changed chan struct{} // closed at the next change of the list

	reports  map[uint64]community.Report
	byUnit   map[consensus.Unit][]uint64 // numbers of reports, ascending
	ordinary map[voice]community.Ordinary
	records  map[consensus.Unit]community.Record
	changes  map[uint64]community.Change
	cursors  map[string]community.Cursor
	members  map[consensus.MemberID]community.Member
	credits  []consensus.Credit
	faults   []consensus.Fault
	cases    map[uint64]community.Case
	silenced map[string]time.Time // until when, by the hash of a unit
	audit    map[uint64]community.Entry
	settings map[string][]byte
	last     numbers

	accounts    map[string]community.Account
	invitations []community.Invitation
}

// A voice is a member that says something of a unit.
type voice struct {
	unit   consensus.Unit
	member consensus.MemberID
}

// numbers are the latest ones that were given.
type numbers struct {
	report, version, change, incident, entry uint64
	purged                                   uint64 // the latest change that is no more there
}

var errClosed = errors.New("the store is closed")

// NewMemory returns an empty store.
func NewMemory() *Memory {
	return &Memory{closed: make(chan struct{}), memory: &memory{
		writing:  make(chan struct{}, 1),
		changed:  make(chan struct{}),
		reports:  map[uint64]community.Report{},
		byUnit:   map[consensus.Unit][]uint64{},
		ordinary: map[voice]community.Ordinary{},
		records:  map[consensus.Unit]community.Record{},
		changes:  map[uint64]community.Change{},
		cursors:  map[string]community.Cursor{},
		members:  map[consensus.MemberID]community.Member{},
		cases:    map[uint64]community.Case{},
		silenced: map[string]time.Time{},
		audit:    map[uint64]community.Entry{},
		settings: map[string][]byte{},
		accounts: map[string]community.Account{},
	}}
}

// Open returns another handle of the same data, as a second server has one, or the same server
// after a restart.
func (m *Memory) Open() *Memory { return &Memory{closed: make(chan struct{}), memory: m.memory} }

// Backup returns a copy of the data as it is now.
func (m *Memory) Backup() *Memory {
	m.mu.RLock()
	defer m.mu.RUnlock()
	b := NewMemory()
	b.byUnit = maps.Clone(m.byUnit)
	for unit, seqs := range b.byUnit {
		b.byUnit[unit] = slices.Clone(seqs)
	}
	b.reports, b.ordinary, b.records, b.changes = maps.Clone(m.reports), maps.Clone(m.ordinary), maps.Clone(m.records), maps.Clone(m.changes)
	b.cursors, b.members, b.cases, b.silenced = maps.Clone(m.cursors), maps.Clone(m.members), maps.Clone(m.cases), maps.Clone(m.silenced)
	b.audit, b.settings, b.accounts = maps.Clone(m.audit), maps.Clone(m.settings), maps.Clone(m.accounts)
	b.credits, b.faults, b.invitations = slices.Clone(m.credits), slices.Clone(m.faults), slices.Clone(m.invitations)
	b.last = m.last
	return b
}

// Break makes all that follows fail with err, on all handles; nil mends it.
func (m *Memory) Break(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.broken = err
}

// Close closes this handle.
func (m *Memory) Close() error {
	m.once.Do(func() { close(m.closed) })
	return nil
}

// fault returns why nothing works. m.mu is held.
func (m *Memory) fault(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case <-m.closed:
		return errClosed
	default:
		return m.broken
	}
}

// Check is part of [community.Store].
func (m *Memory) Check(ctx context.Context) error {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.fault(ctx)
}

// View is part of [community.Store].
func (m *Memory) View(ctx context.Context, f func(community.ReadTx) error) error {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if err := m.fault(ctx); err != nil {
		return err
	}
	return f(reading{m.memory})
}

// Update is part of [community.Store].
func (m *Memory) Update(ctx context.Context, f func(community.Tx) error) error {
	select {
	case m.writing <- struct{}{}:
		defer func() { <-m.writing }()
	case <-ctx.Done():
		return ctx.Err()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.fault(ctx); err != nil {
		return err
	}
	tx := &writing{reading: reading{m.memory}}
	before := m.last
	committed := false
	defer func() { // also if f panics
		if !committed {
			tx.rollback()
			m.last = before
		}
	}()
	if err := f(tx); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	committed = true
	if m.last.change > before.change {
		close(m.changed)
		m.changed = make(chan struct{})
	}
	return nil
}

// Wait is part of [community.Store].
func (m *Memory) Wait(ctx context.Context, after uint64) error {
	m.mu.RLock()
	last, changed, err := m.last.change, m.changed, m.fault(ctx)
	m.mu.RUnlock()
	if err != nil || last > after {
		return err
	}
	select {
	case <-changed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-m.closed:
		return errClosed
	}
}
