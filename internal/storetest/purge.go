package storetest

import (
	"errors"
	"time"

	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/consensus"
)

var purgePromises = []promise{
	{"a purge deletes what is older than its limit, and nothing that is not", checkPurgeLimits},
	{"a record stays as long as one of its times is new enough", checkPurgeRecords},
	{"a purge deletes no more than it is told, and says that there is more", func(f *fixture) {
		for i := range 10 {
			f.add(report(7, first, i))
			f.update(func(tx community.Tx) error { return tx.AddCredit(consensus.Credit{At: after(i)}) })
		}
		var all int
		for _, want := range []struct {
			deleted int
			more    bool
		}{{4, true}, {4, true}, {2, false}, {0, false}} {
			deleted, more := f.purge(community.Limits{Reports: after(5), Episodes: after(5)}, 4)
			if deleted != want.deleted || more != want.more {
				f.t.Errorf("got %d deleted, more %t; want %d, %t", deleted, more, want.deleted, want.more)
			}
			all += deleted
		}
		reports := read(f, func(tx community.ReadTx) ([]community.Report, error) { return tx.Reports(first) })
		same(f.t, "reports that are left", numbersOf(reports), []uint64{6, 7, 8, 9, 10})
		same(f.t, "credits that are left", len(read(f, community.ReadTx.Credits)), 5)
		f.add(report(7, first, 99))
	}},
	{"erase deletes all about a unit but changes of the list, credits and faults, which lose it", checkErase},
}

// purge deletes what is too old.
func (f *fixture) purge(l community.Limits, most int) (deleted int, more bool) {
	f.t.Helper()
	f.update(func(tx community.Tx) (err error) {
		deleted, more, err = tx.Purge(l, most)
		return err
	})
	return deleted, more
}

// fill keeps a thing of each kind, of a time.
func (f *fixture) fill(u consensus.Unit, at time.Time) {
	f.t.Helper()
	f.update(func(tx community.Tx) error {
		r := report(7, u, 0)
		r.First, r.Last, r.Arrived = at, at, after(9999)
		_, fresh, err := tx.Append(r)
		_, change := tx.AppendChange(community.Change{At: at, Listing: community.Listing{Unit: u}})
		_, case1 := tx.PutCase(community.Case{Unit: u, State: community.Rejected, Decided: at})
		_, case2 := tx.PutCase(community.Case{Unit: u, State: community.Open})
		_, entry := tx.AppendAudit(community.Entry{At: at})
		if !fresh {
			return errors.New("the report is not new")
		}
		return errors.Join(err, change, case1, case2, entry,
			tx.PutOrdinary(community.Ordinary{Unit: u, Member: 7, Last: at}),
			tx.PutRecord(community.Record{Unit: u, At: at}),
			tx.AddCredit(consensus.Credit{Member: 7, Unit: u, At: at}),
			tx.AddFault(consensus.Fault{Member: 7, Unit: u, At: at}),
			tx.Suppress([]byte(u.String()), at),
			tx.PutCursor(u.String(), community.Cursor{Seen: at}),
			tx.PutMember(community.Member{ID: 7, Joined: at, Left: at}),
			tx.PutSetting("freeze", []byte("on")))
	})
}

// sizes counts what is there.
type sizes struct {
	reports, ordinary, records, changes, credits, faults, cases, open, suppressed, cursors, entries, members int
}

func (f *fixture) sizes(units ...consensus.Unit) (n sizes) {
	f.t.Helper()
	f.view(func(tx community.ReadTx) error {
		for _, u := range units {
			ordinary, err := tx.Ordinary(u)
			until, suppressed := tx.Suppressed([]byte(u.String()))
			_, cursor := tx.Cursor(u.String())
			_, record := tx.Record(u)
			if err := errors.Join(err, suppressed); err != nil {
				return err
			}
			n.ordinary += len(ordinary)
			n.suppressed += count(!until.IsZero())
			n.cursors += count(cursor == nil)
			n.records += count(record == nil)
		}
		return nil
	})
	n.reports = len(read(f, func(tx community.ReadTx) ([]community.Report, error) { return tx.ReportsAfter(0, 99) }))
	n.credits, n.faults = len(read(f, community.ReadTx.Credits)), len(read(f, community.ReadTx.Faults))
	n.cases = len(read(f, func(tx community.ReadTx) ([]community.Case, error) { return tx.Cases(true, 99) }))
	n.open = len(read(f, func(tx community.ReadTx) ([]community.Case, error) { return tx.Cases(false, 99) }))
	n.entries = len(f.auditAfter(0, 99))
	n.members = len(read(f, community.ReadTx.Members))
	for last := read(f, community.ReadTx.LastChange); n.changes < int(last); n.changes++ {
		err := f.View(f.t.Context(), func(tx community.ReadTx) error {
			_, err := tx.Changes(last-uint64(n.changes)-1, 1)
			return err
		})
		if errors.Is(err, community.ErrNotFound) {
			break
		}
	}
	return n
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}

func checkPurgeLimits(f *fixture) {
	old, edge := noon, after(60)
	f.fill(first, old)
	f.fill(second, edge)
	all := sizes{reports: 2, ordinary: 2, records: 2, changes: 2, credits: 2, faults: 2, cases: 4, open: 2, suppressed: 2, cursors: 2, entries: 2, members: 1}
	same(f.t, "before", f.sizes(first, second), all)
	f.purge(community.Limits{}, 99)
	f.purge(community.Limits{Reports: old, Episodes: old, Cases: old, Cursors: old}, 99)
	same(f.t, "after a purge of nothing", f.sizes(first, second), all)

	left := all
	left.reports, left.ordinary = 1, 1
	f.purge(community.Limits{Reports: edge}, 99)
	same(f.t, "after a purge of reports", f.sizes(first, second), left)
	left.records, left.changes, left.credits, left.faults, left.suppressed = 1, 1, 1, 1, 1
	f.purge(community.Limits{Episodes: edge}, 99)
	same(f.t, "after a purge of episodes", f.sizes(first, second), left)
	left.cases = 3 // the last audit entry that is too old stays
	f.purge(community.Limits{Cases: edge}, 99)
	same(f.t, "after a purge of cases", f.sizes(first, second), left)
	left.cursors = 1
	f.purge(community.Limits{Cursors: edge}, 99)
	same(f.t, "after a purge of cursors", f.sizes(first, second), left)

	late := after(61)
	deleted, more := f.purge(community.Limits{Reports: late, Episodes: late, Cases: late, Cursors: late}, 99)
	if more {
		f.t.Error("there is more after a purge that had room for all")
	}
	same(f.t, "after a purge of all", f.sizes(first, second), sizes{cases: 2, open: 2, entries: 1, members: 1})
	same(f.t, "deleted", deleted, 10)
	same(f.t, "setting", string(read(f, func(tx community.ReadTx) ([]byte, error) { return tx.Setting("freeze") })), "on")
}

func checkPurgeRecords(f *fixture) {
	late, old := after(60), noon
	for name, set := range map[string]func(*community.Record){
		"the verdict":         func(r *community.Record) { r.At = late },
		"the last report":     func(r *community.Record) { r.Seen.Last = late },
		"the next verdict":    func(r *community.Record) { r.Next = late },
		"a notice":            func(r *community.Record) { r.Noticed = late },
		"the listing":         func(r *community.Record) { r.Listed.Until = late },
		"the expiry":          func(r *community.Record) { r.Verdict.Expires = late },
		"the tier":            func(r *community.Record) { r.Verdict.Next.Since = late },
		"its end":             func(r *community.Record) { r.Verdict.Next.Expires = late },
		"the latest episode":  func(r *community.Record) { r.Verdict.Next.Ended = late },
		"an appeal":           func(r *community.Record) { r.Verdict.Next.Appealed = late },
		"one of the episodes": func(r *community.Record) { r.Verdict.Next.Episodes = []consensus.Episode{{To: late}, {To: old}} },
	} {
		r := community.Record{Unit: first, At: old}
		set(&r)
		f.put(r)
		f.purge(community.Limits{Episodes: late}, 9)
		same(f.t, name+" is new enough: records", f.sizes(first).records, 1)
		f.purge(community.Limits{Episodes: late.Add(1)}, 9)
		same(f.t, name+" is too old: records", f.sizes(first).records, 0)
	}
}

func checkErase(f *fixture) {
	f.fill(first, noon)
	f.fill(second, noon)
	f.add(report(8, first, 0))
	f.update(func(tx community.Tx) error { return tx.Erase(first) })
	same(f.t, "what is left of the erased unit and another", f.sizes(first, second), sizes{
		reports: 1, ordinary: 1, records: 1, changes: 2, credits: 2, faults: 2, cases: 2, open: 1, suppressed: 2, cursors: 2, entries: 2, members: 1,
	})
	same(f.t, "credits", read(f, community.ReadTx.Credits), []consensus.Credit{{Member: 7, At: noon}, {Member: 7, Unit: second, At: noon}})
	same(f.t, "faults", read(f, community.ReadTx.Faults), []consensus.Fault{{Member: 7, At: noon}, {Member: 7, Unit: second, At: noon}})
	ofMember := read(f, func(tx community.ReadTx) ([]community.Report, error) { return tx.ReportsOf(7, 9) })
	same(f.t, "reports of the member", numbersOf(ofMember), []uint64{2})
	none := read(f, func(tx community.ReadTx) ([]community.Case, error) { return tx.CasesOf(first) })
	same(f.t, "cases of the erased unit", none, nil)
	records := read(f, func(tx community.ReadTx) ([]community.Record, error) { return tx.RecordsAfter(0, 9) })
	same(f.t, "unit of the record that is left", records[0].Unit, second)
}
