package storetest

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/consensus"
)

var transactionPromises = []promise{
	{"an update that fails leaves nothing", func(f *fixture) {
		checkRollback(f, func(do func(tx community.Tx) error) {
			refused := errors.New("refused")
			err := f.Update(f.t.Context(), func(tx community.Tx) error { return errors.Join(do(tx), refused) })
			if !errors.Is(err, refused) {
				f.t.Errorf("got error %v; want that of the function", err)
			}
		})
	}},
	{"an update that panics leaves nothing, and stops no other", func(f *fixture) {
		checkRollback(f, func(do func(tx community.Tx) error) {
			defer func() { same(f.t, "panic", recover(), any("broken")) }()
			_ = f.Update(f.t.Context(), func(tx community.Tx) error { // it panics
				if err := do(tx); err != nil {
					f.t.Error(err)
				}
				panic("broken")
			})
		})
	}},
	{"an update whose context ends in the middle leaves nothing", func(f *fixture) {
		checkRollback(f, func(do func(tx community.Tx) error) {
			ctx, cancel := context.WithCancel(f.t.Context())
			err := f.Update(ctx, func(tx community.Tx) error {
				defer cancel()
				return do(tx)
			})
			if !errors.Is(err, context.Canceled) {
				f.t.Errorf("got error %v; want that of the context", err)
			}
		})
	}},
	{"a transaction reads what it wrote", func(f *fixture) {
		f.update(func(tx community.Tx) error {
			seq, _, err := tx.Append(report(7, first, 0))
			again, fresh, dup := tx.Append(report(7, first, 0))
			if seq != 1 || again != 1 || fresh {
				f.t.Errorf("the same report twice: got numbers %d and %d, new %t", seq, again, fresh)
			}
			reports, reading := tx.Reports(first)
			same(f.t, "reports", numbersOf(reports), []uint64{1})
			change, appending := tx.AppendChange(community.Change{At: noon})
			last, asking := tx.LastChange()
			same(f.t, "latest change", []uint64{change, last}, []uint64{1, 1})
			entry, sealing := tx.AppendAudit(community.Entry{At: noon})
			next, goingOn := tx.AppendAudit(community.Entry{At: noon})
			same(f.t, "the hash before the second entry", next.Prev, entry.Hash)
			return errors.Join(err, dup, reading, appending, asking, sealing, goingOn)
		})
	}},
	{"an update is not begun when its context has ended", func(f *fixture) {
		ctx, cancel := context.WithCancel(f.t.Context())
		cancel()
		never := func() error {
			f.t.Error("the function was called")
			return nil
		}
		err := f.Update(ctx, func(community.Tx) error { return never() })
		view := f.View(ctx, func(community.ReadTx) error { return never() })
		for _, err := range []error{err, view, f.Check(ctx), f.Wait(ctx, 0)} {
			if !errors.Is(err, context.Canceled) {
				f.t.Errorf("got error %v; want that of the context", err)
			}
		}
	}},
	{"who waits for another writer stops waiting when his context ends", func(f *fixture) {
		other := f.open()
		ctx, cancel := context.WithCancel(f.t.Context())
		f.update(func(community.Tx) error {
			done := make(chan error)
			for _, s := range []community.Store{f, other} {
				go func() {
					done <- s.Update(ctx, func(community.Tx) error { return errors.New("there were two writers") })
				}()
			}
			cancel()
			for range 2 {
				if err := <-done; !errors.Is(err, context.Canceled) {
					f.t.Errorf("got error %v; want that of the context", err)
				}
			}
			return nil
		})
	}},
	{"the error of a view is that of its function", func(f *fixture) {
		refused := errors.New("refused")
		if err := f.View(f.t.Context(), func(community.ReadTx) error { return refused }); !errors.Is(err, refused) {
			f.t.Errorf("got error %v; want that of the function", err)
		}
	}},
}

// checkRollback checks that fail, which writes and fails, leaves no trace.
func checkRollback(f *fixture, fail func(do func(tx community.Tx) error)) {
	f.fill(first, noon)
	before := f.sizes(first, second, third)
	fail(func(tx community.Tx) error {
		_, _, err := tx.Append(report(9, second, 5))
		_, voiding := tx.Void(7, "")
		_, change := tx.AppendChange(community.Change{At: after(5)})
		_, filing := tx.PutCase(community.Case{Ticket: "T"})
		_, entry := tx.AppendAudit(community.Entry{At: after(5)})
		_, _, purging := tx.Purge(community.Limits{Reports: after(1), Episodes: after(1), Cases: after(1), Cursors: after(1)}, 99)
		return errors.Join(err, voiding, change, filing, entry, purging, tx.Erase(first),
			tx.PutOrdinary(community.Ordinary{Unit: second, Member: 9, Last: noon}),
			tx.PutRecord(community.Record{Unit: second}), tx.PutRecord(community.Record{Unit: first, At: after(9)}),
			tx.PutCursor("new", community.Cursor{Seq: 9}), tx.PutMember(community.Member{ID: 9}), tx.DeleteMember(7),
			tx.AddCredit(consensus.Credit{Member: 9}), tx.AddFault(consensus.Fault{Member: 9}),
			tx.Suppress([]byte(second.String()), after(9)), tx.PutSetting("freeze", nil))
	})
	same(f.t, "sizes", f.sizes(first, second, third), before)
	r := read(f, func(tx community.ReadTx) (community.Record, error) { return tx.Record(first) })
	same(f.t, "record", r, community.Record{Unit: first, Version: 1, At: noon})
	reports := read(f, func(tx community.ReadTx) ([]community.Report, error) { return tx.Reports(first) })
	same(f.t, "void", reports[0].Void, false)
	same(f.t, "setting", string(read(f, func(tx community.ReadTx) ([]byte, error) { return tx.Setting("freeze") })), "on")

	// The numbers go on as if nothing had been.
	f.add(report(9, second, 5))
	f.put(community.Record{Unit: third})
	f.change(community.Change{At: after(5)})
	f.record(1)
	same(f.t, "number of the next case", f.file(community.Case{Ticket: "T"}), 3)
	same(f.t, "latest change", read(f, community.ReadTx.LastChange), 2)
	next := read(f, func(tx community.ReadTx) ([]community.Record, error) { return tx.RecordsAfter(1, 9) })
	same(f.t, "next version", next, []community.Record{{Unit: third, Version: 2}})
	fresh := read(f, func(tx community.ReadTx) ([]community.Report, error) { return tx.Reports(second) })
	same(f.t, "number of the next report", numbersOf(fresh), []uint64{2})
	checkChain(f, nil, f.auditAfter(0, 9))
}

var serverPromises = []promise{
	{"what one server wrote the other reads", func(f *fixture) {
		other := &fixture{t: f.t, Store: f.open()}
		for i := range 3 {
			f.add(report(7, first, i))
			other.add(report(8, first, i))
			got := read(other, func(tx community.ReadTx) ([]community.Report, error) { return tx.Reports(first) })
			same(f.t, "reports", len(got), 2*i+2)
			same(f.t, "last report", numbersOf(got)[2*i+1], uint64(2*i+2))
		}
	}},
	{"writers are alone, of all servers", checkWritersAreAlone},
	{"a view sees one state, whatever others write meanwhile", checkViews},
	{"what was written is there when a store is opened again", func(f *fixture) {
		f.fill(first, noon)
		f.put(fullRecord())
		before := f.sizes(first, third)
		if err := f.Close(); err != nil {
			f.t.Fatal(err)
		}
		if err := f.Update(f.t.Context(), func(community.Tx) error { return nil }); err == nil {
			f.t.Error("a closed store was written to")
		}
		if err := f.Wait(f.t.Context(), 99); err == nil {
			f.t.Error("a closed store has a change")
		}
		f.Store = f.open()
		same(f.t, "sizes", f.sizes(first, third), before)
		want := fullRecord()
		want.Version = 2
		same(f.t, "record", read(f, func(tx community.ReadTx) (community.Record, error) { return tx.Record(third) }), want)
		f.change(community.Change{At: noon})
		same(f.t, "latest change", read(f, community.ReadTx.LastChange), 2)
		f.record(1)
		checkChain(f, nil, f.auditAfter(0, 9))
	}},
	{"a store that works says so", func(f *fixture) {
		if err := f.Check(f.t.Context()); err != nil {
			f.t.Error(err)
		}
	}},
}

func checkWritersAreAlone(f *fixture) {
	const writers, times = 3, 10
	var wg sync.WaitGroup
	for _, s := range []community.Store{f, f.open()} {
		for range writers {
			wg.Go(func() {
				for range times {
					if err := s.Update(f.t.Context(), countUp); err != nil {
						f.t.Error(err)
						return
					}
				}
			})
		}
	}
	wg.Wait()
	got := read(f, func(tx community.ReadTx) ([]byte, error) { return tx.Setting("count") })
	same(f.t, "count", string(got), strconv.Itoa(2*writers*times))
	same(f.t, "latest change", read(f, community.ReadTx.LastChange), 2*writers*times)
}

// countUp adds one to a setting, and a change.
func countUp(tx community.Tx) error {
	value, err := tx.Setting("count")
	if err != nil && !errors.Is(err, community.ErrNotFound) {
		return err
	}
	n, _ := strconv.Atoi(string(value)) // 0 at first
	_, err = tx.AppendChange(community.Change{At: noon.Add(time.Duration(n))})
	return errors.Join(err, tx.PutSetting("count", []byte(strconv.Itoa(n+1))))
}

func checkViews(f *fixture) {
	var wg sync.WaitGroup
	defer wg.Wait()
	other := f.open()
	wg.Go(func() {
		for range 30 {
			if err := other.Update(f.t.Context(), countUp); err != nil {
				f.t.Error(err)
				return
			}
		}
	})
	for last := uint64(0); last < 30 && !f.t.Failed(); {
		f.view(func(tx community.ReadTx) (err error) {
			if last, err = tx.LastChange(); err != nil || last == 0 {
				return err
			}
			value, err := tx.Setting("count")
			changes, asking := tx.Changes(0, 99)
			same(f.t, "count, and number of changes", []string{string(value), strconv.Itoa(len(changes))}, []string{strconv.Itoa(int(last)), strconv.Itoa(int(last))})
			return errors.Join(err, asking)
		})
	}
}
