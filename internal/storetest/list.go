package storetest

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/consensus"
)

var listPromises = []promise{
	{"changes are numbered from 1 without gaps, also after a failure, and come back as given", func(f *fixture) {
		same(f.t, "latest change of an empty store", read(f, community.ReadTx.LastChange), 0)
		full := community.Change{
			Seq: 77, At: noon.Add(123456789),
			Listing: community.Listing{Unit: third, Action: consensus.Ban, List: consensus.TorList, Behaviour: "http:scan", Until: after(60).Add(1), Surety: 1_100_000},
			Was:     consensus.Captcha,
		}
		complete(f.t, "change", full)
		f.change(full, community.Change{At: noon, Listing: community.Listing{Unit: first}})
		refused := errors.New("refused")
		err := f.Update(f.t.Context(), func(tx community.Tx) error {
			_, err := tx.AppendChange(full)
			return errors.Join(err, refused)
		})
		if !errors.Is(err, refused) {
			f.t.Errorf("got error %v; want that of the function", err)
		}
		f.change(full)
		full.Seq = 1
		again := full
		again.Seq = 3
		all := []community.Change{full, {Seq: 2, At: noon, Listing: community.Listing{Unit: first}}, again}
		same(f.t, "latest change", read(f, community.ReadTx.LastChange), 3)
		same(f.t, "changes", f.changes(0, 9), all)
		same(f.t, "changes, two at most", f.changes(0, 2), all[:2])
		same(f.t, "changes after 2", f.changes(2, 9), all[2:])
		same(f.t, "changes after the latest", f.changes(3, 9), nil)
	}},
	{"who asks for changes above the latest needs the whole list", func(f *fixture) {
		same(f.t, "changes of an empty store", f.changes(0, 9), nil)
		f.change(community.Change{At: noon})
		absent(f, "changes", func(tx community.ReadTx) ([]community.Change, error) { return tx.Changes(2, 9) })
	}},
	{"who asks for changes that were purged needs the whole list", checkPurgedChanges},
	{"wait returns at once if there is a change already", func(f *fixture) {
		f.change(community.Change{At: noon})
		if err := f.Wait(f.t.Context(), 0); err != nil {
			f.t.Error(err)
		}
	}},
	{"wait returns the error of its context", func(f *fixture) {
		ctx, cancel := context.WithCancel(f.t.Context())
		done := make(chan error)
		go func() { done <- f.Wait(ctx, 0) }()
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			f.t.Errorf("got error %v; want that of the context", err)
		}
	}},
	{"wait returns when this or another server adds a change", checkWait},
	{"the position of a reader is replaced", func(f *fixture) {
		f.update(func(tx community.Tx) error {
			return errors.Join(
				tx.PutCursor("a", community.Cursor{Seq: 3, Seen: noon}),
				tx.PutCursor("b", community.Cursor{Seq: 9, Seen: after(1)}),
				tx.PutCursor("a", community.Cursor{Seq: 2, Seen: after(2)}))
		})
		at := read(f, func(tx community.ReadTx) (community.Cursor, error) { return tx.Cursor("a") })
		same(f.t, "position", at, community.Cursor{Seq: 2, Seen: after(2)})
		absent(f, "position", func(tx community.ReadTx) (community.Cursor, error) { return tx.Cursor("c") })
	}},
}

// change appends changes.
func (f *fixture) change(changes ...community.Change) {
	f.t.Helper()
	f.update(func(tx community.Tx) error {
		for _, c := range changes {
			if _, err := tx.AppendChange(c); err != nil {
				return err
			}
		}
		return nil
	})
}

// changes reads changes.
func (f *fixture) changes(after uint64, limit int) []community.Change {
	f.t.Helper()
	return read(f, func(tx community.ReadTx) ([]community.Change, error) { return tx.Changes(after, limit) })
}

func checkPurgedChanges(f *fixture) {
	f.change(community.Change{At: noon}, community.Change{At: after(2)}, community.Change{At: after(9)}, community.Change{At: after(2)})
	f.purge(community.Limits{Episodes: after(3)}, 9)
	for seq := range uint64(2) {
		absent(f, "changes after "+strconv.Itoa(int(seq)), func(tx community.ReadTx) ([]community.Change, error) { return tx.Changes(seq, 9) })
	}
	// The fourth is old because a clock went wrong; to purge it would leave a gap.
	same(f.t, "changes after 2", len(f.changes(2, 9)), 2)
	f.purge(community.Limits{Episodes: after(99)}, 9)
	same(f.t, "changes after 4", f.changes(4, 9), nil)
	same(f.t, "latest change when all are gone", read(f, community.ReadTx.LastChange), 4)
	f.change(community.Change{At: after(100)})
	same(f.t, "number after all are gone", f.changes(4, 9)[0].Seq, 5)
	absent(f, "changes after 3", func(tx community.ReadTx) ([]community.Change, error) { return tx.Changes(3, 9) })
}

func checkWait(f *fixture) {
	other := f.open()
	for n, writer := range []community.Store{f, other, f, other} {
		done := make(chan error, 2)
		ctx, cancel := context.WithTimeout(f.t.Context(), 10*time.Second)
		for _, s := range []community.Store{f, other} {
			go func() {
				// It may return too early.
				for err := error(nil); ; {
					if err = s.Wait(ctx, uint64(n)); err != nil {
						done <- err
						return
					}
					last, err := latest(ctx, s)
					if err != nil || last > uint64(n) {
						done <- err
						return
					}
				}
			}()
		}
		err := writer.Update(ctx, func(tx community.Tx) error {
			_, err := tx.AppendChange(community.Change{At: noon})
			return err
		})
		if err := errors.Join(err, <-done, <-done); err != nil {
			f.t.Errorf("change %d: %v", n+1, err)
		}
		cancel()
	}
}

// latest returns the number of the latest change.
func latest(ctx context.Context, s community.Store) (last uint64, err error) {
	err = s.View(ctx, func(tx community.ReadTx) (err error) {
		last, err = tx.LastChange()
		return err
	})
	return last, err
}
