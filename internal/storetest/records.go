package storetest

import (
	"time"

	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/consensus"
)

var recordPromises = []promise{
	{"a record comes back as it was given, without contributions, and with its version", checkRecordsComeBack},
	{"a unit without a verdict has no record", func(f *fixture) {
		f.put(community.Record{Unit: first})
		absent(f, "record", func(tx community.ReadTx) (community.Record, error) { return tx.Record(second) })
	}},
	{"a record that is put twice is there once, with its newest version", func(f *fixture) {
		f.put(community.Record{Unit: first, At: after(1)}, community.Record{Unit: third}, community.Record{Unit: second})
		f.put(community.Record{Unit: first, At: after(2)})
		since := func(version uint64, limit int) []community.Record {
			return read(f, func(tx community.ReadTx) ([]community.Record, error) { return tx.RecordsAfter(version, limit) })
		}
		newest := []community.Record{
			{Unit: third, Version: 2}, {Unit: second, Version: 3}, {Unit: first, Version: 4, At: after(2)},
		}
		same(f.t, "records after 0", since(0, 9), newest)
		same(f.t, "records after 0, two at most", since(0, 2), newest[:2])
		same(f.t, "records after 3", since(3, 9), newest[2:])
		same(f.t, "records after 4", since(4, 9), nil)
	}},
	{"all records come in the order of units, and the loop may end early", func(f *fixture) {
		f.put(community.Record{Unit: third}, community.Record{Unit: unit("9.9.9.9/32")}, community.Record{Unit: second},
			community.Record{Unit: unit("fd00::/64")}, community.Record{Unit: first}, community.Record{Unit: unit("::/64")})
		for _, most := range []int{1, 4, 9} {
			var got []consensus.Unit
			f.view(func(tx community.ReadTx) error {
				for r, err := range tx.Records() {
					if err != nil {
						return err
					}
					if got = append(got, r.Unit); len(got) == most {
						break
					}
				}
				return nil
			})
			want := []consensus.Unit{unit("9.9.9.9/32"), first, second, unit("::/64"), third, unit("fd00::/64")}
			same(f.t, "units", got, want[:min(most, len(want))])
		}
	}},
	{"the units that are due come the earliest first", func(f *fixture) {
		f.put(community.Record{Unit: first, Next: after(3)}, community.Record{Unit: second, Next: after(1)}, community.Record{Unit: third, Next: after(3)},
			community.Record{Unit: unit("9.9.9.9/32")}, community.Record{Unit: unit("9.9.9.8/32"), Next: after(3).Add(1)})
		f.put(community.Record{Unit: second, Next: after(2)})
		due := func(minutes, limit int) []consensus.Unit {
			return read(f, func(tx community.ReadTx) ([]consensus.Unit, error) { return tx.Due(after(minutes), limit) })
		}
		same(f.t, "due before all", due(1, 9), nil)
		same(f.t, "due at the first", due(2, 9), []consensus.Unit{second})
		same(f.t, "due at three", due(3, 9), []consensus.Unit{second, first, third})
		same(f.t, "due at three, two at most", due(3, 2), []consensus.Unit{second, first})
		f.put(community.Record{Unit: second})
		same(f.t, "due, when one never is any more", due(3, 9), []consensus.Unit{first, third})
	}},
}

// view reads.
func (f *fixture) view(do func(tx community.ReadTx) error) {
	f.t.Helper()
	if err := f.View(f.t.Context(), do); err != nil {
		f.t.Fatal(err)
	}
}

// fullRecord returns a record with all fields.
func fullRecord() community.Record {
	exact := noon.Add(123456789)
	return community.Record{
		Unit: third,
		Verdict: consensus.Verdict{
			Unit: third, Tier: consensus.Listed, Remediation: consensus.Ban, List: consensus.ScannerList,
			Score: 2_310_000, Threshold: 1_950_000, Benign: 1, Net: 2_309_999,
			Established: 3, Networks: 2, Witnesses: 1, Needed: 3, Earlier: 2, Expires: exact.Add(24 * time.Hour),
			Reasons: []consensus.Reason{consensus.ReasonListed, consensus.ReasonBenign}, Config: "c0ffee",
			Next: consensus.Prev{
				Judged: true, Seq: 1 << 40, Tier: consensus.Listed, Score: 2, Needed: 3, Since: exact, Expires: exact.Add(1), Ended: exact.Add(2),
				Episodes: []consensus.Episode{{From: exact.Add(-9), To: exact.Add(-8)}, {From: exact.Add(-5), To: exact}}, Appealed: exact.Add(3),
			},
		},
		Reporters:  consensus.Reporting{Clusters: []consensus.ClusterID{1<<64 - 1, 3, 7}, Service: 4},
		Behaviours: []consensus.Behaviour{"http:bruteforce", "http:scan"},
		Seen:       community.Span{First: noon, Last: after(3)},
		Listed: community.Listing{
			Unit: third, Action: consensus.Captcha, List: consensus.TorList, Behaviour: "http:scan", Until: exact.Add(5), Surety: -1,
		},
		At: exact, Next: exact.Add(time.Hour), Noticed: exact.Add(-time.Hour),
	}
}

func checkRecordsComeBack(f *fixture) {
	full, given := fullRecord(), fullRecord()
	complete(f.t, "record", full, "Version", "Verdict.Contributions")
	given.Version = 99
	given.Verdict.Contributions = []consensus.Contribution{{Cluster: 7, Weight: 1}}
	given.At = given.At.In(time.FixedZone("", -7200))
	f.put(community.Record{Unit: first}, given)
	full.Version = 2
	same(f.t, "full record", read(f, func(tx community.ReadTx) (community.Record, error) { return tx.Record(third) }), full)
	same(f.t, "empty record", read(f, func(tx community.ReadTx) (community.Record, error) { return tx.Record(first) }), community.Record{Unit: first, Version: 1})

	// What a caller does with what he gave or got changes nothing.
	got := read(f, func(tx community.ReadTx) (community.Record, error) { return tx.Record(third) })
	for _, r := range []community.Record{given, got} {
		r.Verdict.Reasons[0], r.Behaviours[0], r.Reporters.Clusters[0] = 0, "", 0
		r.Verdict.Next.Episodes[0] = consensus.Episode{}
	}
	same(f.t, "full record again", read(f, func(tx community.ReadTx) (community.Record, error) { return tx.Record(third) }), full)
}
