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
