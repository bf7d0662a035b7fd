package community

import (
	"context"
	"encoding/hex"
	"errors"
	"sync"
)

// maxCursors is the limit of positions that wait to be written.
const maxCursors = 50_000

// cursors are read positions that are not written yet, because a transaction for each poll
// would cost too much. If the server dies, a reader gets some changes twice.
type cursors struct {
	mu      sync.Mutex
	waiting map[string]Cursor
}

// readerName returns the name of a reader in the store.
func (c *Centre) readerName(reader string) string {
	return hex.EncodeToString(c.hash(labelReader, reader)[:16])
}

// Read notes a reader's position in the list.
func (c *Centre) Read(ctx context.Context, reader string, upto uint64) error {
	c.cursors.mu.Lock()
	if c.cursors.waiting == nil {
		c.cursors.waiting = map[string]Cursor{}
	}
	c.cursors.waiting[c.readerName(reader)] = Cursor{Seq: upto, Seen: c.now()}
	full := len(c.cursors.waiting) >= maxCursors
	c.cursors.mu.Unlock()
	if full {
		return c.writeCursors(ctx)
	}
	return nil
}

// CursorOf returns a reader's position, and whether it has one.
func (c *Centre) CursorOf(ctx context.Context, reader string) (seq uint64, found bool, err error) {
	name := c.readerName(reader)
	c.cursors.mu.Lock()
	waiting, found := c.cursors.waiting[name]
	c.cursors.mu.Unlock()
	if found {
		return waiting.Seq, true, nil
	}
	err = c.view(ctx, "reading how far a reader has read", func(tx ReadTx) error {
		cursor, err := tx.Cursor(name)
		seq, found = cursor.Seq, err == nil
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		return err
	})
	return seq, found, err
}

// writeCursors writes the positions that wait.
func (c *Centre) writeCursors(ctx context.Context) error {
	c.cursors.mu.Lock()
	waiting := c.cursors.waiting
	c.cursors.waiting = nil
	c.cursors.mu.Unlock()
	if len(waiting) == 0 {
		return nil
	}
	err := c.update(ctx, "noting how far readers have read", func(w *work) error {
		for name, cursor := range waiting {
			if err := w.PutCursor(name, cursor); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		c.keepCursors(waiting)
	}
	return err
}

// keepCursors puts back positions that could not be written, unless a newer one exists.
func (c *Centre) keepCursors(unwritten map[string]Cursor) {
	c.cursors.mu.Lock()
	defer c.cursors.mu.Unlock()
	if c.cursors.waiting == nil {
		c.cursors.waiting = unwritten
		return
	}
	for name, cursor := range unwritten {
		if _, newer := c.cursors.waiting[name]; !newer && len(c.cursors.waiting) < maxCursors {
			c.cursors.waiting[name] = cursor
		}
	}
}
