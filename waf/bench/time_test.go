//go:build unix

package bench

import (
	"syscall"
	"testing"
)

// processorTime returns how many nanoseconds the process has had a processor for.
func processorTime(b *testing.B) int64 {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return u.Utime.Nano() + u.Stime.Nano()
}
