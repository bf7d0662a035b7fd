package storetest

import (
	"errors"
	"math"
	"time"

	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/consensus"
)

var memberPromises = []promise{
	{"members come back as they were given, by their ids", checkMembers},
	{"the reports of a member that is deleted stay", func(f *fixture) {
		f.add(report(7, first, 0))
		f.update(func(tx community.Tx) error {
			return errors.Join(tx.PutMember(community.Member{ID: 7}), tx.DeleteMember(7), tx.DeleteMember(8))
		})
		same(f.t, "members", read(f, community.ReadTx.Members), nil)
		reports := read(f, func(tx community.ReadTx) ([]community.Report, error) { return tx.Reports(first) })
		same(f.t, "reports", numbersOf(reports), []uint64{1})
	}},
	{"credits and faults come in the order they were added, all of them", func(f *fixture) {
		credits := []consensus.Credit{
			{Member: math.MaxUint64, Unit: third, At: after(3).Add(1)}, {Member: 2, Unit: first, At: noon}, {Member: 2, Unit: first, At: noon},
		}
		faults := []consensus.Fault{{Member: 9, Unit: second, At: after(9)}, {Member: 1, Unit: first, At: after(1), Hit: true}, {Member: 2}}
		f.update(func(tx community.Tx) error {
			var err error
			for i := range credits {
				err = errors.Join(err, tx.AddCredit(credits[i]), tx.AddFault(faults[i]))
			}
			return err
		})
		same(f.t, "credits", read(f, community.ReadTx.Credits), credits)
		same(f.t, "faults", read(f, community.ReadTx.Faults), faults)
	}},
	{"a setting is replaced, and nil deletes it", func(f *fixture) {
		set := func(name string, value []byte) {
			f.update(func(tx community.Tx) error { return tx.PutSetting(name, value) })
		}
		get := func(tx community.ReadTx) ([]byte, error) { return tx.Setting("freeze") }
		absent(f, "setting", get)
		set("freeze", []byte{0, 255})
		set("other", []byte("x"))
		set("freeze", []byte("on"))
		same(f.t, "setting", string(read(f, get)), "on")
		set("freeze", nil)
		absent(f, "setting that is deleted", get)
		other := read(f, func(tx community.ReadTx) ([]byte, error) { return tx.Setting("other") })
		same(f.t, "other setting", string(other), "x")
	}},
	{"totals count what is there", func(f *fixture) {
		same(f.t, "totals of an empty store", read(f, community.ReadTx.Totals), community.Totals{Tiers: map[consensus.Tier]int64{}})
		f.add(report(7, first, 5), report(7, second, -9), report(8, first, 5))
		f.put(community.Record{Unit: first, Verdict: consensus.Verdict{Tier: consensus.Suspect}}, community.Record{Unit: second}, community.Record{Unit: third})
		f.update(func(tx community.Tx) error {
			_, err := tx.PutCase(community.Case{State: community.Open})
			_, closed := tx.PutCase(community.Case{State: community.Rejected})
			return errors.Join(err, closed, tx.PutMember(community.Member{ID: 7}), tx.PutMember(community.Member{ID: 9}))
		})
		same(f.t, "totals", read(f, community.ReadTx.Totals), community.Totals{
			Reports: 3, Units: 3, Members: 2, OpenCases: 1, Oldest: after(-9),
			Tiers: map[consensus.Tier]int64{consensus.None: 2, consensus.Suspect: 1},
		})
	}},
}

func checkMembers(f *fixture) {
	full := community.Member{
		ID: math.MaxUint64, Net: math.MaxUint32, Joined: noon.Add(1), Vouched: true, Suspended: true, Left: after(1), Ties: []string{"a1", "b2"},
		Standing: consensus.Standing{
			Cluster: math.MaxUint64, Net: 64496, Trust: 850_000, Age: 30 * 24 * time.Hour, State: consensus.Quarantined, Dilution: 1,
		},
		Seen: after(2),
	}
	complete(f.t, "member", full)
	given := full
	given.Joined = given.Joined.In(time.FixedZone("", 3600))
	given.Ties = []string{"a1", "b2"}
	f.update(func(tx community.Tx) error {
		return errors.Join(tx.PutMember(community.Member{ID: 3, Vouched: true}), tx.PutMember(given), tx.PutMember(community.Member{ID: 1}), tx.PutMember(community.Member{ID: 3, Net: 5}))
	})
	given.Ties[0] = "changed by the caller"
	all := []community.Member{{ID: 1}, {ID: 3, Net: 5}, full}
	same(f.t, "members", read(f, community.ReadTx.Members), all)
}
