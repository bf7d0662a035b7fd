package lookup

import (
	"math/rand/v2"
	"runtime"
	"testing"
)

// A large list makes the collector run in a small program, but not in a large one.
func TestCollectorIsOnlyCalledInSmallPrograms(t *testing.T) {
	all := population(rand.New(rand.NewPCG(7, 7)), 300_000)
	forced := func() uint32 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.NumForcedGC
	}
	for _, row := range []struct {
		name string
		more int // bytes that the program holds besides
		want uint32
	}{
		{"a server", 0, 2},
		{"a program with 512 MiB", 512 << 20, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			more := make([]byte, row.more)
			runtime.GC()
			before := forced()
			new(Table).Replace("lapi", all)
			if got := forced() - before; got != row.want {
				t.Errorf("the collector was called %d times, want %d", got, row.want)
			}
			runtime.KeepAlive(more)
		})
	}
}
