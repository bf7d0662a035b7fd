package storetest

import (
	"errors"
	"fmt"
	"time"

	"github.com/tocsin-project/tocsin/community"
)

var casePromises = []promise{
	{"a case comes back as it was given, by its number and its ticket", func(f *fixture) {
		full := community.Case{
			Ticket: "T-1", Unit: third, Kind: community.Erasure, Proven: true, Opened: noon.Add(1), Due: after(60),
			Text: "ein Text\nwith \x00 and \xff", State: community.Goodwill, By: "moderator", Reason: "nat", Decided: after(3),
		}
		full.ID = f.file(full)
		complete(f.t, "case", full)
		full.Text = "ein Text\nwith \uFFFD and \uFFFD"
		f.file(community.Case{}) // one of a member has neither unit nor ticket
		f.file(community.Case{})
		same(f.t, "number", full.ID, 1)
		same(f.t, "case", read(f, func(tx community.ReadTx) (community.Case, error) { return tx.Case(1) }), full)
		same(f.t, "case by ticket", read(f, func(tx community.ReadTx) (community.Case, error) { return tx.CaseByTicket("T-1") }), full)
		same(f.t, "empty case", read(f, func(tx community.ReadTx) (community.Case, error) { return tx.Case(2) }), community.Case{ID: 2})
		absent(f, "case", func(tx community.ReadTx) (community.Case, error) { return tx.Case(4) })
		absent(f, "case by ticket", func(tx community.ReadTx) (community.Case, error) { return tx.CaseByTicket("T-2") })
		absent(f, "case without ticket", func(tx community.ReadTx) (community.Case, error) { return tx.CaseByTicket("") })
	}},
	{"a case is replaced by its number, and two have never the same ticket", func(f *fixture) {
		id := f.file(community.Case{Ticket: "T-1", State: community.Open})
		same(f.t, "number of the replaced case", f.file(community.Case{ID: id, Ticket: "T-1", State: community.Rejected}), id)
		same(f.t, "state", read(f, func(tx community.ReadTx) (community.Case, error) { return tx.Case(id) }).State, community.Rejected)
		for want, c := range map[error]community.Case{community.ErrTaken: {Ticket: "T-1"}, community.ErrNotFound: {ID: 9, Ticket: "T-9"}} {
			err := f.Update(f.t.Context(), func(tx community.Tx) error {
				_, err := tx.PutCase(c)
				return err
			})
			if !errors.Is(err, want) {
				f.t.Errorf("case %+v: got error %v; want %v", c, err, want)
			}
		}
	}},
	{"cases come by when they are due, the open ones or all", func(f *fixture) {
		for _, c := range []community.Case{
			{Due: after(3), State: community.Open, Unit: first},
			{Due: after(1), State: community.Rejected, Unit: first},
			{Due: after(2), State: community.Open, Unit: second},
			{Due: after(3), State: community.Open, Unit: first},
		} {
			f.file(c)
		}
		list := func(all bool, limit int) []uint64 {
			return idsOf(read(f, func(tx community.ReadTx) ([]community.Case, error) { return tx.Cases(all, limit) }))
		}
		same(f.t, "open cases", list(false, 9), []uint64{3, 1, 4})
		same(f.t, "open cases, two at most", list(false, 2), []uint64{3, 1})
		same(f.t, "all cases", list(true, 9), []uint64{2, 3, 1, 4})
		ofUnit := read(f, func(tx community.ReadTx) ([]community.Case, error) { return tx.CasesOf(first) })
		same(f.t, "cases of a unit", idsOf(ofUnit), []uint64{4, 2, 1})
	}},
	{"a suppression lasts until the latest end that it was given", func(f *fixture) {
		until := func(hash string) time.Time {
			return read(f, func(tx community.ReadTx) (time.Time, error) { return tx.Suppressed([]byte(hash)) })
		}
		for _, minutes := range []int{3, 9, 5} {
			f.update(func(tx community.Tx) error { return tx.Suppress([]byte("\x00\xff"), after(minutes).Add(1)) })
		}
		same(f.t, "end", until("\x00\xff"), after(9).Add(1))
		same(f.t, "end of another", until("\x00\xfe"), time.Time{})
	}},
	{"audit entries are a chain of hashes", func(f *fixture) {
		f.record(3)
		entries := f.auditAfter(0, 9)
		checkChain(f, nil, entries)
		same(f.t, "entries", len(entries), 3)
		same(f.t, "entry", entries[2], community.SealEntry(entries[1].Hash, community.Entry{
			Seq: 3, At: after(2).Add(1), Actor: "moderator\uFFFD", Action: "case.reject", Target: "203.0.113.9", Detail: "number 2",
		}))
		same(f.t, "entries after 1, one at most", f.auditAfter(1, 1), entries[1:2])
		same(f.t, "entries after the last", f.auditAfter(3, 9), nil)
	}},
	{"a purge of audit entries keeps the last old one, and the chain goes on", func(f *fixture) {
		f.record(5)
		f.purge(community.Limits{Cases: after(3)}, 99)
		left := f.auditAfter(0, 9)
		same(f.t, "number of the first entry that is left", left[0].Seq, 3)
		f.purge(community.Limits{Cases: after(99)}, 99)
		f.purge(community.Limits{Cases: after(99)}, 99)
		f.record(1)
		left = f.auditAfter(0, 9)
		same(f.t, "entries after all are too old", len(left), 2)
		same(f.t, "number of the first of them", left[0].Seq, 5)
		checkChain(f, left[0].Prev, left)
	}},
}

// file keeps a case.
func (f *fixture) file(c community.Case) (id uint64) {
	f.t.Helper()
	f.update(func(tx community.Tx) (err error) {
		id, err = tx.PutCase(c)
		return err
	})
	return id
}

func idsOf(cases []community.Case) (ids []uint64) {
	for _, c := range cases {
		ids = append(ids, c.ID)
	}
	return ids
}

// record appends audit entries, the later ones at later minutes.
func (f *fixture) record(n int) {
	f.t.Helper()
	for i := range n {
		var got community.Entry
		f.update(func(tx community.Tx) (err error) {
			got, err = tx.AppendAudit(community.Entry{
				Seq: 99, At: after(i).Add(1), Actor: "moderator\x00", Action: "case.reject", Target: "203.0.113.9",
				Detail: fmt.Sprint("number ", i), Prev: []byte("wrong"), Hash: []byte("wrong"),
			})
			return err
		})
		same(f.t, "entry that is returned, as it is kept", f.auditAfter(got.Seq-1, 1), []community.Entry{got})
	}
}

func (f *fixture) auditAfter(after uint64, limit int) []community.Entry {
	f.t.Helper()
	return read(f, func(tx community.ReadTx) ([]community.Entry, error) { return tx.Audit(after, limit) })
}

// checkChain checks that each entry goes on from the one before it.
func checkChain(f *fixture, prev []byte, entries []community.Entry) {
	f.t.Helper()
	for _, e := range entries {
		same(f.t, fmt.Sprint("entry ", e.Seq), e, community.SealEntry(prev, e))
		prev = e.Hash
	}
}
