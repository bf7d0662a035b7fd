package storetest

import (
	"fmt"
	"math"
	"time"

	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/consensus"
)

var reportPromises = []promise{
	{"reports are numbered from 1 without gaps, and come in that order", func(f *fixture) {
		f.add(report(7, first, 0), report(8, second, 0))
		f.add(report(8, first, -5), report(7, first, 9), report(8, third, 1))
		ofUnit := read(f, func(tx community.ReadTx) ([]community.Report, error) { return tx.Reports(first) })
		same(f.t, "reports of a unit", numbersOf(ofUnit), []uint64{1, 3, 4})
		newest := read(f, func(tx community.ReadTx) ([]community.Report, error) { return tx.ReportsOf(8, 2) })
		same(f.t, "latest reports of a member", numbersOf(newest), []uint64{5, 3})
		page := read(f, func(tx community.ReadTx) ([]community.Report, error) { return tx.ReportsAfter(1, 3) })
		same(f.t, "reports after the first", numbersOf(page), []uint64{2, 3, 4})
		rest := read(f, func(tx community.ReadTx) ([]community.Report, error) { return tx.ReportsAfter(4, 3) })
		same(f.t, "reports after the fourth", numbersOf(rest), []uint64{5})
		none := read(f, func(tx community.ReadTx) ([]community.Report, error) { return tx.Reports(unit("192.0.2.2/32")) })
		same(f.t, "reports of a unit that has none", none, nil)
	}},
	{"a report comes back as it was given, its times in UTC and to the minute", checkReportsComeBack},
	{"a member, a unit, a scenario and a last minute make one report", checkDuplicates},
	{"a report that is purged or erased is new when it comes again, with another number", func(f *fixture) {
		f.add(report(7, first, 0))
		f.update(func(tx community.Tx) error { return tx.Erase(first) })
		f.add(report(7, first, 0))
		left := read(f, func(tx community.ReadTx) ([]community.Report, error) { return tx.Reports(first) })
		same(f.t, "numbers", numbersOf(left), []uint64{2})
	}},
	{"void takes back reports by member and by scenario", checkVoid},
	{"volumes count reports that arrived in a time, and those that others confirm", checkVolumes},
	{"of one network a few units count", checkNetworks},
	{"spread returns the members that use a scenario's file", checkSpread},
	{"ordinary use is replaced by what the member says next", func(f *fixture) {
		say := func(member consensus.MemberID, u consensus.Unit, minutes int, bucket uint8) {
			f.update(func(tx community.Tx) error {
				return tx.PutOrdinary(community.Ordinary{Unit: u, Member: member, Last: after(minutes).Add(9 * time.Second), Bucket: bucket})
			})
		}
		say(math.MaxUint64, first, 1, 2)
		say(8, first, 2, 3)
		say(8, second, 4, 1)
		say(8, first, 5, 9)
		got := read(f, func(tx community.ReadTx) ([]community.Ordinary, error) { return tx.Ordinary(first) })
		same(f.t, "ordinary use", got, []community.Ordinary{
			{Unit: first, Member: 8, Last: after(5), Bucket: 9},
			{Unit: first, Member: math.MaxUint64, Last: after(1), Bucket: 2},
		})
	}},
}

func checkReportsComeBack(f *fixture) {
	berlin := time.FixedZone("", 3600)
	full := community.Report{
		Unit: third, Member: math.MaxUint64, Scenario: "me/größer", Hash: "ab", Behaviour: "ssh:bruteforce",
		Confidence: 3, Spoofable: 2, Provenance: consensus.Manual,
		First: noon.In(berlin).Add(59 * time.Second), Last: after(2).Add(time.Nanosecond), Arrived: after(3).Add(1500 * time.Millisecond),
		Bucket: 255, Flags: 255, Novel: true, Void: true,
	}
	complete(f.t, "report", full, "Seq")
	least := community.Report{Unit: first, Member: 1, First: noon, Last: noon, Arrived: noon}
	odd := community.Report{Unit: first, Member: 2, Scenario: "a\x00b\xff", Hash: "\xfe", First: noon, Last: noon, Arrived: noon}
	f.add(full, least, odd)
	full.Seq, full.First, full.Last, full.Arrived = 1, noon, after(2), after(3).Add(time.Second)
	least.Seq = 2
	odd.Seq, odd.Scenario, odd.Hash = 3, "a\uFFFDb\uFFFD", "\uFFFD"
	got := read(f, func(tx community.ReadTx) ([]community.Report, error) { return tx.ReportsAfter(0, 9) })
	same(f.t, "reports", got, []community.Report{full, least, odd})
}

func checkDuplicates(f *fixture) {
	f.add(report(7, first, 0))
	for _, row := range []struct {
		name  string
		edit  func(*community.Report)
		seq   uint64
		fresh bool
	}{
		{"the same", func(*community.Report) {}, 1, false},
		{"all else is different", func(r *community.Report) {
			*r = community.Report{Unit: r.Unit, Member: r.Member, Scenario: r.Scenario, Last: r.Last, Hash: "other", Behaviour: "other", Flags: 3, Bucket: 9}
		}, 1, false},
		{"another second of the minute", func(r *community.Report) { r.Last = r.Last.Add(59 * time.Second) }, 1, false},
		{"another member", func(r *community.Report) { r.Member = 8 }, 2, true},
		{"another unit", func(r *community.Report) { r.Unit = second }, 3, true},
		{"another scenario", func(r *community.Report) { r.Scenario = "crowdsecurity/http-crawl" }, 4, true},
		{"another minute", func(r *community.Report) { r.Last = r.Last.Add(time.Minute) }, 5, true},
	} {
		r := report(7, first, 0)
		row.edit(&r)
		f.update(func(tx community.Tx) error {
			seq, fresh, err := tx.Append(r)
			if err == nil && (seq != row.seq || fresh != row.fresh) {
				f.t.Errorf("%s: got number %d, new %t; want %d, %t", row.name, seq, fresh, row.seq, row.fresh)
			}
			return err
		})
	}
	all := read(f, func(tx community.ReadTx) ([]community.Report, error) { return tx.ReportsAfter(0, 99) })
	same(f.t, "numbers", numbersOf(all), []uint64{1, 2, 3, 4, 5})
}

func checkVoid(f *fixture) {
	other := report(7, third, 0)
	other.Hash = "77aa"
	f.add(report(7, second, 0), report(7, first, 0), report(8, first, 0), report(7, first, 1), other, report(9, second, 0))
	for _, row := range []struct {
		name   string
		member consensus.MemberID
		hash   string
		units  []consensus.Unit
		void   []bool // of all reports, afterwards
	}{
		{"no such member", 6, "", nil, []bool{false, false, false, false, false, false}},
		{"a member and a scenario", 7, "5d1f", []consensus.Unit{first, second}, []bool{true, true, false, true, false, false}},
		{"the same again", 7, "5d1f", nil, []bool{true, true, false, true, false, false}},
		{"a scenario", 0, "5d1f", []consensus.Unit{first, second}, []bool{true, true, true, true, false, true}},
		{"a member", 7, "", []consensus.Unit{third}, []bool{true, true, true, true, true, true}},
	} {
		f.update(func(tx community.Tx) error {
			units, err := tx.Void(row.member, row.hash)
			same(f.t, row.name+": units", units, row.units)
			return err
		})
		var void []bool
		for _, r := range read(f, func(tx community.ReadTx) ([]community.Report, error) { return tx.ReportsAfter(0, 99) }) {
			void = append(void, r.Void)
		}
		same(f.t, row.name+": void", void, row.void)
	}
	err := f.Update(f.t.Context(), func(tx community.Tx) error {
		_, err := tx.Void(0, "")
		return err
	})
	if err == nil {
		f.t.Error("took back the reports of everybody")
	}
}

func checkVolumes(f *fixture) {
	void := report(9, unit("198.51.100.1/32"), 10)
	void.Void = true
	f.add(
		report(7, first, 10), report(7, first, 12), // and others say so, later
		report(7, second, 10), report(7, second, 11),
		report(8, first, 5000),
		report(7, third, -20), // before
		report(9, third, 10),
		void, report(7, unit("198.51.100.1/32"), 10), // what is void confirms nothing
		report(9, second, 19), // arrives when the time is over
		report(10, first, 9),  // arrives when it begins
	)
	got := read(f, func(tx community.ReadTx) (map[consensus.MemberID]community.Volume, error) {
		return tx.Volumes(after(10), after(20), 0)
	})
	same(f.t, "volumes", got, map[consensus.MemberID]community.Volume{
		7:  {Reports: 5, Corroborated: 4, Units: 3, Confirmed: 2},
		9:  {Reports: 1, Corroborated: 1, Units: 1, Confirmed: 1},
		10: {Reports: 1, Corroborated: 1, Units: 1, Confirmed: 1},
	})
	got = read(f, func(tx community.ReadTx) (map[consensus.MemberID]community.Volume, error) {
		return tx.Volumes(after(10), after(20), 7)
	})
	same(f.t, "volume of one member", got, map[consensus.MemberID]community.Volume{7: {Reports: 5, Corroborated: 4, Units: 3, Confirmed: 2}})
}

func checkNetworks(f *fixture) {
	for i := range 17 {
		f.add(
			report(7, unit(fmt.Sprintf("198.51.100.%d/32", i)), 10), report(8, unit(fmt.Sprintf("198.51.100.%d/32", i)), 11),
			report(7, unit(fmt.Sprintf("2001:db8:5:%x::/64", i)), 10), report(8, unit(fmt.Sprintf("2001:db8:%x::/64", i)), 10),
		)
	}
	f.add(report(7, unit("198.51.101.1/32"), 10))
	got := read(f, func(tx community.ReadTx) (map[consensus.MemberID]community.Volume, error) {
		return tx.Volumes(after(10), after(20), 0)
	})
	same(f.t, "volumes", got, map[consensus.MemberID]community.Volume{
		7: {Reports: 35, Corroborated: 18, Units: 33, Confirmed: 17},
		8: {Reports: 34, Corroborated: 18, Units: 33, Confirmed: 17},
	})
}

func checkSpread(f *fixture) {
	none, void := report(7, first, 9), report(6, first, 9)
	none.Hash, void.Void = "", true
	f.add(report(9, first, 0), report(7, first, 0), report(7, second, 3), report(math.MaxUint64, second, 0), none, void)
	members := func(hash string, limit int) []consensus.MemberID {
		return read(f, func(tx community.ReadTx) ([]consensus.MemberID, error) { return tx.Spread(hash, limit) })
	}
	same(f.t, "members", members("5d1f", 9), []consensus.MemberID{7, 9, math.MaxUint64})
	same(f.t, "members, two at most", len(members("5d1f", 2)), 2)
	same(f.t, "members of a scenario that is nowhere", members("77aa", 9), nil)
	same(f.t, "members of scenarios without a file", members("", 9), nil)
	f.update(func(tx community.Tx) error {
		_, err := tx.Void(7, "5d1f")
		return err
	})
	same(f.t, "members, without the one that took its reports back", members("5d1f", 9), []consensus.MemberID{9, math.MaxUint64})
	f.update(func(tx community.Tx) error { return tx.Erase(first) })
	same(f.t, "members that report what is there", members("5d1f", 9), []consensus.MemberID{math.MaxUint64})
}
