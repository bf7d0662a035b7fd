package appsec

import (
	"sync/atomic"
	"time"
)

const (
	// baseBytes is what AppSec takes for any question, as bytes of its head.
	baseBytes = 1 << 10
	// paceWeight is the part of one more answer in the mean, as 1/paceWeight.
	paceWeight = 8
)

// A pace is how long AppSec takes for questions without a body: a mean of the latest
// answers, per byte of the head, of which each question has baseBytes more. What a body
// takes is not measured: a byte of JSON can take fifty times as long as one of a picture,
// and the first one of an attacker would come cheap.
type pace struct {
	perByte atomic.Int64 // nanoseconds
}

// note notes that AppSec has taken so long for a head of so many bytes.
func (p *pace) note(took time.Duration, bytes int) {
	sample := min(max(int64(took), 0)/int64(baseBytes+bytes), int64(perByte))
	old := p.perByte.Load()
	p.perByte.Store(old + (sample-old)/paceWeight)
}

// cost returns how long AppSec is expected to take for q.
func (p *pace) cost(q *question) time.Duration {
	return time.Duration(p.perByte.Load())*time.Duration(baseBytes+len(q.fields)) + time.Duration(q.size)*perByte
}
