package lookup

import (
	"runtime"
	"runtime/metrics"
)

const (
	// collectAfter is the number of announcements between two runs of the garbage
	// collector while a batch goes into the table.
	collectAfter = 1 << 18
	// announcedBytes is the most memory that an announcement needs, in its batch and in
	// the table.
	announcedBytes = 128
	// smallHeap is how much other memory a program may use. The collector needs some
	// 20 ms for it.
	smallHeap = 64 << 20
)

// collect frees memory that a batch of n announcements no longer needs. Without it the
// heap grows to one and a half times the table before the collector runs. A program that
// uses much other memory is left alone: there a run costs more than it frees.
func collect(n int) {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	if live[0].Value.Uint64() <= smallHeap+uint64(n)*announcedBytes {
		runtime.GC()
	}
}
