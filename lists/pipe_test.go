//go:build unix

package lists

import (
	"os"
	"syscall"
	"testing"
)

func TestAPipeIsNotWaitedFor(t *testing.T) {
	inBubble(t, "192.0.2.1\n", func(r *rig) {
		r.run()
		r.do(os.Remove(r.path))
		r.do(syscall.Mkfifo(r.path, 0o600))
		r.event(2 * quiet)
		r.holds("192.0.2.1/32")
		r.outOfStep("not a regular file")
	})
}
