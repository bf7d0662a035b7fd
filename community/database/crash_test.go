//go:build unix

package database_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/community/database"
	"github.com/tocsin-project/tocsin/consensus"
)

// appendNext adds a report, a record and a change with the next number, and counts.
func appendNext(ctx context.Context, s community.Store) (n int, err error) {
	return n, s.Update(ctx, func(tx community.Tx) error {
		value, err := tx.Setting("count")
		if err != nil && !errors.Is(err, community.ErrNotFound) {
			return err
		}
		n, _ = strconv.Atoi(string(value)) // 0 at first
		n++
		unit := netip.PrefixFrom(netip.AddrFrom4([4]byte{192, byte(n >> 16), byte(n >> 8), byte(n)}), 32)
		seq, fresh, err := tx.Append(community.Report{Unit: unit, Member: 7, Scenario: "crowdsecurity/http-probing", Last: noon, Arrived: noon})
		change, adding := tx.AppendChange(community.Change{At: noon, Listing: community.Listing{Unit: unit}})
		if err == nil && adding == nil && (!fresh || seq != uint64(n) || change != uint64(n)) {
			return fmt.Errorf("number %d: got report %d (new %t), change %d", n, seq, fresh, change)
		}
		return errors.Join(err, adding, tx.PutRecord(community.Record{Unit: unit, At: noon}), tx.PutSetting("count", strconv.AppendInt(nil, int64(n), 10)))
	})
}

// appendForever is what a child does: it prints each number after it was acknowledged. Half of
// the time it leaves the lock of the file to others, whose turn SQLite does not grant.
func appendForever(place string) {
	s, err := database.Open(context.Background(), place)
	for range 10_000 { // until it is killed
		begun := time.Now()
		var n int
		if err == nil {
			n, err = appendNext(context.Background(), s)
		}
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println(n)
		<-time.After(time.Since(begun))
	}
	os.Exit(0)
}

// A child is a process that appends.
type child struct {
	t *testing.T
	*exec.Cmd
	lines *bufio.Scanner
	acked []int
}

func startChild(t *testing.T, place string) *child {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "TOCSIN_TEST_APPEND="+place)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	return &child{t: t, Cmd: cmd, lines: bufio.NewScanner(out)}
}

// read reads what was acknowledged: that many numbers, or all until the child ends.
func (c *child) read(most int) {
	for i := 0; i < most && c.lines.Scan(); i++ {
		n, err := strconv.Atoi(c.lines.Text())
		if err != nil {
			c.t.Fatal(c.lines.Text())
		}
		c.acked = append(c.acked, n)
	}
}

// kill ends the child wherever it is.
func (c *child) kill() {
	if err := c.Process.Kill(); err != nil {
		c.t.Fatal(err)
	}
	c.read(1 << 20)
	_ = c.Wait() // killed, as it was meant to be
}

// crash lets two processes write to one place, and kills the one and then the other in the
// middle, some times.
func crash(t *testing.T, place string, rounds int) {
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	acked := map[int]bool{}
	flying := 0 // transactions that may exist although they were not acknowledged
	for round := range rounds {
		a, b := startChild(t, place), startChild(t, place)
		a.read(1 + random.IntN(20))
		b.read(1)
		a.kill()
		b.read(1 + random.IntN(20)) // it goes on
		b.kill()
		flying += 2
		for _, n := range append(a.acked, b.acked...) {
			if acked[n] {
				t.Errorf("seed %d, round %d: number %d was acknowledged twice", seed, round, n)
			}
			acked[n] = true
		}
		checkCounts(t, place, acked, flying)
	}
	t.Logf("%d transactions were acknowledged, and %d processes killed", len(acked), 2*rounds)
}

// checkCounts checks that all is there that was acknowledged, and nothing half.
func checkCounts(t *testing.T, place string, acked map[int]bool, flying int) {
	t.Helper()
	s, err := database.Open(t.Context(), place)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	err = s.View(t.Context(), func(tx community.ReadTx) error {
		value, err := tx.Setting("count")
		count, _ := strconv.Atoi(string(value))
		totals, counting := tx.Totals()
		changes, asking := tx.Changes(0, 1<<20)
		if got := []int{int(totals.Reports), int(totals.Units), len(changes)}; got[0] != count || got[1] != count || got[2] != count {
			t.Errorf("got %d reports, records and changes; want %d of each", got, count)
		}
		for n := range acked {
			if n > count {
				t.Errorf("number %d was acknowledged, and is lost: there are %d", n, count)
			}
		}
		if count > len(acked)+flying {
			t.Errorf("there are %d; want at most %d that were acknowledged and %d that were not", count, len(acked), flying)
		}
		return errors.Join(err, counting, asking)
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Update(t.Context(), func(tx community.Tx) error { return tx.PutMember(community.Member{ID: consensus.MemberID(len(acked))}) }); err != nil {
		t.Fatal(err)
	}
}

func TestKilledProcessesLoseNothingInSQLite(t *testing.T) {
	crash(t, filepath.Join(t.TempDir(), "community.db"), 6)
}

func TestKilledProcessesLoseNothingInPostgreSQL(t *testing.T) {
	crash(t, postgresURL(t), 3)
}
