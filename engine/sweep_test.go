package engine

import (
	"bytes"
	"context"
	"net/netip"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tocsin-project/tocsin/lookup"
)

// hanging is a source whose status hangs while a snapshot is written, as a disk may.
type hanging struct {
	*fake
	hang atomic.Pointer[chan struct{}] // nil: it does not
}

func (h *hanging) Status() lookup.Status {
	if hang := h.hang.Load(); hang != nil {
		<-*hang
	}
	return h.fake.Status()
}

func TestADecisionEndsWhileTheSnapshotHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ip := netip.MustParseAddr("192.0.2.1")
		source := &hanging{fake: &fake{name: "a"}}
		e := start(t, Config{Sources: []Source{source}, Snapshot: filepath.Join(t.TempDir(), "tocsin.snap")})
		e.Table().Update("a", []lookup.Decision{{Prefix: netip.PrefixFrom(ip, 32), Action: lookup.Ban, Until: time.Now().Add(10 * time.Minute)}}, nil)
		<-time.After(30 * time.Second)
		hang := make(chan struct{})
		source.hang.Store(&hang)
		<-time.After(9*time.Minute + 29*time.Second)
		if _, found := e.Table().Lookup(ip); !found {
			t.Error("no decision one second before its end")
		}
		<-time.After(2 * time.Second)
		if _, found := e.Table().Lookup(ip); found {
			t.Error("the decision is in force after its end")
		}
		close(hang)
	})
}

func TestASnapshotMakesWayForRequests(t *testing.T) {
	for _, row := range []struct {
		name   string
		ending bool // the engine ends
		want   time.Duration
	}{
		{"while the server runs", false, 3 * time.Millisecond},
		{"when the server ends", true, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if row.ending {
					cancel()
					synctest.Wait()
				}
				began, out := time.Now(), new(bytes.Buffer)
				w := gentleWriter{out, ctx.Done()}
				for _, block := range []string{"one ", "two ", "three"} {
					if n, err := w.Write([]byte(block)); n != len(block) || err != nil {
						t.Fatal(n, err)
					}
				}
				if took := time.Since(began); took != row.want || out.String() != "one two three" {
					t.Errorf("took %v, want %v; wrote %q", took, row.want, out)
				}
			})
		})
	}
}

func TestALargeSnapshotIsWrittenLessOften(t *testing.T) {
	for _, row := range []struct {
		took, want time.Duration
	}{
		{0, 0}, // the engine looks once a minute
		{100 * time.Millisecond, 20 * time.Second},
		{1300 * time.Millisecond, 260 * time.Second}, // about a million decisions
		{3 * time.Second, 10 * time.Minute},
		{time.Hour, 10 * time.Minute}, // a disk that hangs
	} {
		if got := saveAfter(row.took); got != row.want {
			t.Errorf("after %v: %v, want %v", row.took, got, row.want)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		e := start(t, Config{Snapshot: filepath.Join(t.TempDir(), "tocsin.snap")})
		var all []lookup.Decision
		for i := range 600_000 { // in some 450 blocks, with a pause of a millisecond after each
			ip := netip.AddrFrom4([4]byte{11, byte(i >> 16), byte(i >> 8), byte(i)})
			all = append(all, lookup.Decision{Prefix: netip.PrefixFrom(ip, 32), Action: lookup.Ban})
		}
		e.Table().Replace("a", all)
		written := map[time.Time]bool{}
		for range 11 {
			e.Table().Update("a", nil, all[len(written):len(written)+1])
			<-time.After(time.Minute)
			written[e.Stats().Snapshot] = true
		}
		delete(written, time.Time{})
		if len(written) < 4 || len(written) > 7 { // every second minute
			t.Errorf("written %d times in 11 minutes", len(written))
		}
	})
}
