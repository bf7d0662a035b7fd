//go:build unix

package database_test

import (
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/community/database"
	"github.com/tocsin-project/tocsin/consensus"
)

// places are what is measured.
var places = []struct {
	name  string
	place func(testing.TB) string
	size  func(b *testing.B, place string) int64
}{
	{"SQLite", func(t testing.TB) string { return filepath.Join(t.TempDir(), "community.db") }, func(b *testing.B, place string) int64 {
		db, err := sql.Open("sqlite", place)
		if err == nil {
			defer db.Close()
			_, err = db.Exec("PRAGMA wal_checkpoint(TRUNCATE)")
		}
		info, missing := os.Stat(place)
		if err := errors.Join(err, missing); err != nil {
			b.Fatal(err)
		}
		return info.Size()
	}},
	{"PostgreSQL", func(t testing.TB) string {
		place := postgresURL(t)
		if err := postgres(t).WaitForDisk(true); err != nil {
			t.Fatal(err)
		}
		return place
	}, func(b *testing.B, place string) (n int64) {
		db, err := sql.Open("pgx", place)
		if err == nil {
			defer db.Close()
			err = db.QueryRow("SELECT sum(pg_total_relation_size(c.oid)) FROM pg_class c WHERE relname IN ('reports', 'kinds', 'runs') AND relkind = 'r'").Scan(&n)
		}
		if err != nil {
			b.Fatal(err)
		}
		return n
	}},
}

// signal returns a report as it comes: 300 members, who see 20,000 attackers.
func signal(random *rand.Rand, n int) community.Report {
	unit := random.IntN(20_000)
	at := noon.Add(time.Duration(n) * 4 * time.Second)
	return community.Report{
		Unit:     netip.PrefixFrom(netip.AddrFrom4([4]byte{198, byte(unit >> 16), byte(unit >> 8), byte(unit)}), 32),
		Member:   consensus.MemberID(0xa1b2c3d4_00000000 + uint64(random.IntN(300))*0x9e3779b97f4a7c15),
		Scenario: fmt.Sprintf("crowdsecurity/scenario-%d", random.IntN(40)), Hash: "c0ffee", Behaviour: "http:scan", Confidence: 1,
		First: at.Add(-5 * time.Minute), Last: at, Arrived: at.Add(2 * time.Minute), Bucket: 3,
	}
}

// judge does with a store what a centre does with a signal.
func judge(tx community.Tx, r community.Report) error {
	_, _, err := tx.Append(r)
	reports, reading := tx.Reports(r.Unit)
	_, asking := tx.Ordinary(r.Unit)
	record, missing := tx.Record(r.Unit)
	if errors.Is(missing, community.ErrNotFound) {
		missing = nil
	}
	record.Unit, record.At, record.Next = r.Unit, r.Arrived, r.Arrived.Add(72*time.Hour)
	record.Verdict = consensus.Verdict{
		Unit: r.Unit, Tier: consensus.Watched, Score: 810_000, Threshold: 1_950_000, Net: 810_000, Established: 1, Networks: 1, Needed: 3,
		Reasons: []consensus.Reason{2, 20, 21}, Config: "5f0c7a9e3b1d2468", Next: consensus.Prev{Judged: true, Seq: 99, Tier: consensus.Watched, Score: 810_000, Since: r.Last},
	}
	record.Reporters = consensus.Reporting{Clusters: []consensus.ClusterID{consensus.ClusterID(r.Member)}, Service: 2}
	record.Behaviours, record.Seen = []consensus.Behaviour{"http:scan"}, community.Span{First: r.First, Last: r.Last}
	var changing error
	if len(reports)%10 == 0 {
		_, changing = tx.AppendChange(community.Change{At: r.Arrived, Listing: community.Listing{Unit: r.Unit, Action: consensus.Ban}})
	}
	return errors.Join(err, reading, asking, missing, changing, tx.PutRecord(record))
}

// BenchmarkSignals measures how fast signals are kept and judged, one or more a transaction.
func BenchmarkSignals(b *testing.B) {
	for _, p := range places {
		for _, batch := range []int{1, 25, 250} {
			b.Run(fmt.Sprintf("%s/batch=%d", p.name, batch), func(b *testing.B) {
				s := open(b, p.place(b))
				random := rand.New(rand.NewPCG(1, 2))
				n := 0
				for b.Loop() {
					err := s.Update(b.Context(), func(tx community.Tx) error {
						for range batch {
							n++
							if err := judge(tx, signal(random, n)); err != nil {
								return err
							}
						}
						return nil
					})
					if err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "signals/s")
			})
		}
	}
}

// BenchmarkReports measures how large reports are, and how fast a purge deletes them.
func BenchmarkReports(b *testing.B) {
	const rows = 100_000
	for _, p := range places {
		b.Run(p.name, func(b *testing.B) {
			place := p.place(b)
			s := open(b, place)
			empty := p.size(b, place)
			for b.Loop() {
				fill(b, s, rows)
				b.ReportMetric(float64(p.size(b, place)-empty)/rows, "B/report")
				begun := time.Now()
				purgeAll(b, s, noon.Add(1e6*time.Second))
				b.ReportMetric(rows/time.Since(begun).Seconds(), "purged/s")
			}
		})
	}
}

func fill(b *testing.B, s *database.Store, rows int) {
	random := rand.New(rand.NewPCG(1, 2))
	for n := 0; n < rows; {
		err := s.Update(b.Context(), func(tx community.Tx) error {
			for range 1000 {
				n++
				if _, _, err := tx.Append(signal(random, n)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

func purgeAll(b *testing.B, s *database.Store, before time.Time) {
	for more := true; more; {
		err := s.Update(b.Context(), func(tx community.Tx) (err error) {
			_, more, err = tx.Purge(community.Limits{Reports: before}, 5000)
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkVolumes measures how long it takes to count what members reported in 14 days: all for the
// hourly standings of a day, and one for its own standing.
func BenchmarkVolumes(b *testing.B) {
	for _, p := range places {
		s := open(b, p.place(b))
		fill(b, s, 50_000)
		for name, member := range map[string]consensus.MemberID{"all": 0, "one": signal(rand.New(rand.NewPCG(1, 2)), 0).Member} {
			b.Run(p.name+"/"+name, func(b *testing.B) {
				for b.Loop() {
					err := s.View(b.Context(), func(tx community.ReadTx) error {
						_, err := tx.Volumes(noon, noon.Add(1e8*time.Second), member)
						return err
					})
					if err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
