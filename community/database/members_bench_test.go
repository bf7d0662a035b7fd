//go:build unix

package database_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/internal/storetest"
)

// BenchmarkMembers measures how many signals a centre accepts from members that send single
// signals, some members at once.
func BenchmarkMembers(b *testing.B) {
	for _, p := range places {
		for _, atOnce := range []int{1, 4, 16, 64} {
			b.Run(fmt.Sprintf("%s/members=%d", p.name, atOnce), func(b *testing.B) {
				c, members := centreOf(b, open(b, p.place(b)), atOnce)
				var sent atomic.Int64
				var all sync.WaitGroup
				b.ResetTimer()
				for i, m := range members {
					all.Go(func() {
						random := rand.New(rand.NewPCG(1, uint64(i)))
						for n := sent.Add(1); n <= int64(b.N); n = sent.Add(1) {
							r := signal(random, int(n))
							one := community.Signal{Unit: r.Unit, Scenario: r.Scenario, First: time.Now(), Last: time.Now(), Count: 3}
							if _, err := c.Accept(b.Context(), m, []community.Signal{one}); err != nil {
								b.Error(err)
								return
							}
						}
					})
				}
				all.Wait()
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "signals/s")
			})
		}
	}
}

// centreOf returns a centre with a store, and some vouched members.
func centreOf(b *testing.B, s community.Store, n int) (*community.Centre, []community.Caller) {
	b.Helper()
	accounts := storetest.NewMemory()
	c, err := community.New(community.Config{
		Store: s, Accounts: accounts, Secret: bytes.Repeat([]byte{7}, 32),
		Rates: community.Rates{PerSecond: 1_000_000, Burst: 1_000_000, Additions: 1_000_000},
	})
	if err != nil {
		b.Fatal(err)
	}
	members := make([]community.Caller, n)
	for i := range members {
		name := fmt.Sprintf("member-%d", i)
		a := community.Account{Login: name, Operator: name, Role: community.Reporter, Vouched: true, Joined: time.Now()}
		if err := accounts.Add(b.Context(), a); err != nil {
			b.Fatal(err)
		}
		if members[i], err = c.Caller(b.Context(), name); err != nil {
			b.Fatal(err)
		}
	}
	return c, members
}
