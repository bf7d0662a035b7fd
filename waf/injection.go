package waf

import (
	"bytes"

	"github.com/corazawaf/libinjection-go"
)

// The parts of a value that are searched for injections. There are limits because searching
// a byte takes long. Pieces from the end are searched too, because an attacker can put any
// number of bytes before the attack.
const (
	injectionHead   = 4 << 10  // bytes at its beginning
	injectionWindow = 2 << 10  // of each further piece; the search goes from the end to the beginning
	injectionLap    = 256      // bytes that two pieces share
	injectionLead   = 8        // bytes before a quote or a tag in the middle
	injectionPiece  = 256      // bytes from there on
	maxMiddle       = 4 << 10  // bytes of such pieces in one value
	maxInjected     = 12 << 10 // of all values of a request; a value counts once for each test on it
	longestRun      = 32       // repeats of one byte; more repeats are padding and are skipped
)

// injects reports whether a value contains what a test looks for. If the value is too long
// to search completely, the answer is yes for a parameter that the rule names, because
// honest requests have short values there. For any other value the answer is no, and the
// request counts as not inspected completely.
func (in *Inspection) injects(t *test, value []byte) bool {
	if len(value) > injectionHead {
		value = in.withoutRuns(value)
	}
	head := min(len(value), injectionHead)
	found, all := in.searched(t, value[:head])
	if all && !found {
		found = in.injectsMiddle(t, value[head-min(head, injectionLead):])
	}
	for end := len(value); all && !found && end > head; end -= injectionWindow - injectionLap {
		found, all = in.searched(t, value[max(end-injectionWindow, head-injectionLap):end])
	}
	if found || all {
		return found
	}
	in.over = true
	return t.name != ""
}

// injectsMiddle searches a long value wherever an injection can begin in its middle: at a quote
// that ends a string, or at a tag. The engine itself looks at the first quote only.
func (in *Inspection) injectsMiddle(t *test, value []byte) bool {
	if !in.affords(len(value) * costOfReading) {
		return false
	}
	opens := "'\"`"
	if t.op.kind == opXSS {
		opens = "<'\"`"
	}
	for at, left := injectionLead, maxMiddle; at < len(value) && left > 0; at++ {
		n := bytes.IndexAny(value[at:], opens)
		if n < 0 {
			return false
		}
		at += n
		piece := value[at-injectionLead : min(len(value), at+injectionPiece)]
		left -= len(piece)
		found, done := in.searched(t, piece)
		if found || !done {
			return found
		}
	}
	return false
}

// searched searches a piece of a value. done is false if the request has reached its limit
// and the piece was not searched.
func (in *Inspection) searched(t *test, piece []byte) (found, done bool) {
	if in.injected += len(piece); in.injected > maxInjected || !in.affords(costOfAsking+len(piece)*costOfInjection) {
		return false, false
	}
	if t.op.kind == opXSS {
		return libinjection.IsXSS(string(piece)), true
	}
	found, _ = libinjection.IsSQLi(string(piece))
	return found, true
}

// withoutRuns returns a value with long runs of the same byte made shorter.
func (in *Inspection) withoutRuns(value []byte) []byte {
	start, run := len(in.room.bytes), 0
	for i, c := range value {
		if run++; i > 0 && value[i-1] != c {
			run = 0
		}
		if run < longestRun {
			in.room.bytes = append(in.room.bytes, c)
		}
	}
	return in.room.since(start)
}
