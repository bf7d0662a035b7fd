package lookup

import (
	"runtime"
	"runtime/metrics"
)

const (
	// collectAfter is how many announcements are put into force before the garbage
	// collector takes what held them.
	collectAfter = 1 << 17
	// announcedBytes is what an announcement takes at most, in its batch and in the table.
	announcedBytes = 128
	// smallHeap is what a program may have besides: it takes the collector some 20 ms.
	smallHeap = 64 << 20
)

// collect frees what a batch of n announcements no longer needs. Left to itself the
// collector comes when there is half as much again as the table needs. Where a program
// has much else in memory, that is left to it: a collection would cost more than it frees.
func collect(n int) {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	if live[0].Value.Uint64() <= smallHeap+uint64(n)*announcedBytes {
		runtime.GC()
	}
}
