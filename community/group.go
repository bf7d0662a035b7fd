package community

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/tocsin-project/tocsin/consensus"
)

// A batch has the signals of one call of [Centre.Accept].
type batch struct {
	by      Caller
	reports []Report

	// The result. Only the goroutine that stores the batch may use it until done is closed.
	known  int
	notice string
	err    error
	alone  bool // its group failed: the caller has to store it in a transaction of its own
	done   chan struct{}
}

const (
	// maxGroup is the limit of reports in the transaction of a group; one batch may have more.
	maxGroup = 500
	// groupTime is the time limit of that transaction. It does not end with a caller, because
	// it stores what others sent, too.
	groupTime = 30 * time.Second
)

// A queue has the batches that wait for a transaction.
type queue struct {
	mu      sync.Mutex
	waiting []*batch
}

func (q *queue) add(b *batch) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = append(q.waiting, b)
}

// remove removes a batch, unless a goroutine has taken it already.
func (q *queue) remove(b *batch) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = slices.DeleteFunc(q.waiting, func(other *batch) bool { return other == b })
}

// take removes the next group, in the order of arrival.
func (q *queue) take() []*batch {
	q.mu.Lock()
	defer q.mu.Unlock()
	n, reports := 0, 0
	for n < len(q.waiting) && (n == 0 || reports+len(q.waiting[n].reports) <= maxGroup) {
		reports += len(q.waiting[n].reports)
		n++
	}
	group := slices.Clone(q.waiting[:n])
	q.waiting = slices.Delete(q.waiting, 0, n)
	return group
}

// commit stores a batch and judges its units. Batches that wait for the turn at the same time
// share the next transaction, because a commit waits for the disk. None waits for others to
// come. If the transaction fails, each batch of the group gets its own, so that no member can
// spoil what others send.
func (c *Centre) commit(ctx context.Context, b *batch) error {
	const what = "accepting signals"
	if err := ctx.Err(); err != nil {
		return doing(what, err)
	}
	b.done = make(chan struct{})
	c.queue.add(b)
	select {
	case <-b.done:
	case c.turn <- struct{}{}:
		c.lead(ctx, what, b)
	case <-ctx.Done():
		c.queue.remove(b)
		return fmt.Errorf("%s: waiting for the turn: %w", what, ctx.Err())
	}
	if b.alone {
		if err := c.update(ctx, what, b.store); err != nil {
			return err
		}
	}
	return b.err
}

// store stores the reports of a batch, judges their units, and sets the result. An error ends
// the transaction.
func (b *batch) store(w *work) error {
	b.known, b.notice, b.err = 0, "", nil
	if w.standing.of[b.by.ID].State == consensus.Suspended {
		b.err = doing("accepting signals", ErrSuspended)
		return nil
	}
	for _, r := range b.reports {
		fresh, err := w.accept(r)
		if err != nil {
			return err
		}
		if !fresh {
			b.known++
		}
	}
	b.notice = w.notice(b.by)
	return nil
}

// lead stores groups until one had the batch of the caller, who has the turn.
func (c *Centre) lead(ctx context.Context, what string, own *batch) {
	defer func() { <-c.turn }()
	for {
		select {
		case <-own.done:
			return
		default:
			c.commitGroup(ctx, what, own, c.queue.take())
		}
	}
}

// commitGroup stores a group in one transaction.
func (c *Centre) commitGroup(ctx context.Context, what string, own *batch, group []*batch) {
	shared := len(group) > 1 || group[0] != own
	ok := false // each batch has its result
	defer func() {
		if shared {
			if r := recover(); r != nil { // whose signals caused it panics again, alone
				c.cfg.Log.Error("storing signals of some members at once", zap.Any("panic", r))
			}
		}
		for _, b := range group {
			b.alone = !ok
			close(b.done)
		}
	}()
	if shared {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), groupTime)
		defer cancel()
	}
	err := c.write(ctx, what, func(w *work) error {
		for _, b := range group {
			if err := b.store(w); err != nil {
				return err
			}
		}
		return nil
	})
	switch {
	case err == nil:
		ok = true
	case len(group) == 1:
		ok, group[0].err = true, err
	}
}
