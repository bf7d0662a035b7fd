package lapi

import (
	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
)

// An audit checks whether deltas arrive, by the new rows of a full answer. Rows have no
// date, but their ids grow. So a row that is new here, with an id below one that
// arrived earlier, was missing in the deltas, or another client got it.
type audit struct {
	on     bool // the next full answer is a scheduled one after good deltas
	found  int  // audits in a row that found missing rows
	warned bool
}

// suspicious is how many audits in a row must find missing rows before a warning.
// Single ones happen when a server writes late, or when a decision was removed only
// here.
const suspicious = 2

// judgeDeltas records how many decisions of a full answer were missing in the deltas.
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
	f.log.Warn("full answers repeatedly contain decisions that the updates before them missed: does another instance, "+
		"or a live source, use the same API key? Each needs its own: `cscli bouncers add NAME`",
		zap.Int("missed", missed))
}
