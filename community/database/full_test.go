//go:build linux

package database_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/tocsin-project/tocsin/community"
)

func TestAFullDiskLosesNothing(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=4m"); err != nil {
		t.Skipf("mounting a small disk: %v: want root", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 2<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "community.db")
	s := open(t, path)
	acked := map[int]bool{}
	var failure error
	for failure == nil && len(acked) < 100_000 {
		var n int
		failure = s.Update(t.Context(), func(tx community.Tx) error {
			return tx.PutSetting("ballast", make([]byte, 50<<10))
		})
		if failure == nil {
			n, failure = appendNext(t.Context(), s)
		}
		if failure == nil {
			acked[n] = true
		}
	}
	says(t, failure, path, "the disk is full")
	t.Logf("%d transactions were acknowledged: %v", len(acked), failure)
	checkFull(t, s, len(acked))
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if err := s.Check(t.Context()); err != nil {
		t.Errorf("after room was made: %v", err)
	}
	n, err := appendNext(t.Context(), s)
	if n != len(acked)+1 || err != nil {
		t.Errorf("after room was made: got number %d, error %v; want %d and none", n, err, len(acked)+1)
	}
	acked[n] = true
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	checkCounts(t, path, acked, 0)
}

// checkFull checks that what was acknowledged can be read while the disk is full.
func checkFull(t *testing.T, s community.Store, want int) {
	t.Helper()
	err := s.View(t.Context(), func(tx community.ReadTx) error {
		totals, err := tx.Totals()
		if totals.Reports != int64(want) || totals.Units != int64(want) {
			t.Errorf("got %d reports and %d records; want %d", totals.Reports, totals.Units, want)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
