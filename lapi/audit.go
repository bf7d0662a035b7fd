package lapi

import (
	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
)

// An audit tells by what a full answer adds whether deltas arrive. The rows have
// no date, but their ids grow: one that is new here, with an id below some that
// were told before, has been told to nobody, or to somebody else.
type audit struct {
	on     bool // the answer asked for is a scheduled one, with good deltas before it
	found  int  // audits in a row that found something
	warned bool
}

// suspicious is how many audits in a row have to find something. A server that
// writes late makes for single ones, and so does a decision that was taken back
// here alone.
const suspicious = 2

// judgeDeltas notes how many decisions of a full answer the deltas have missed.
func (f *follower) judgeDeltas(missed int) {
	if !f.audit.on {
		return
	}
	if missed <= 0 {
		f.audit.found = 0
		return
	}
	f.audit.found++
	f.note(func(_ *lookup.Status, s *Stats) { s.Missed += uint64(missed) })
	if f.audit.found < suspicious || f.audit.warned {
		return
	}
	f.audit.warned = true
	f.log.Warn("full answers keep finding decisions that should have been told before: does another instance, "+
		"or a live source, use the same API key? Each needs one of its own: `cscli bouncers add NAME`",
		zap.Int("missed", missed))
}
