package appsec

import (
	"sync/atomic"
	"time"
)

const (
	// baseBytes is the fixed cost of a question, as bytes of its head.
	baseBytes = 1 << 10
	// 1/paceWeight is the part of a new answer in the mean.
	paceWeight = 8
)

// A pace is how long AppSec takes for a byte of the head of questions without a body: a
// mean of the latest answers. Each question counts baseBytes more. Bodies are not
// measured, because a byte of JSON can take fifty times as long as a byte of a picture:
// an attacker's first body would seem cheap.
type pace struct {
	perByte atomic.Int64 // nanoseconds
}

// note adds an answer to the mean: the time that AppSec took, and the size of the head.
func (p *pace) note(took time.Duration, bytes int) {
	sample := min(max(int64(took), 0)/int64(baseBytes+bytes), int64(perByte))
	old := p.perByte.Load()
	p.perByte.Store(old + (sample-old)/paceWeight)
}

// cost returns the expected time of AppSec for q.
func (p *pace) cost(q *question) time.Duration {
	return time.Duration(p.perByte.Load())*time.Duration(baseBytes+len(q.fields)) + time.Duration(q.size)*perByte
}
