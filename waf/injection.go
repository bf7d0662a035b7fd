package waf

import "github.com/corazawaf/libinjection-go"

// What of a value is searched for injections: to search a byte takes long, and an attack
// may stand behind any number of other bytes.
const (
	injectionHead   = 4 << 10  // bytes at its beginning
	injectionWindow = 2 << 10  // of each further piece, the last ones first
	injectionLap    = 256      // bytes by which pieces overlap
	maxInjected     = 12 << 10 // of all values of a request, as often as rules ask for them
	longestRun      = 32       // of one byte, of which the rest is left out: padding
)

// injects reports whether a value holds what a test looks for. If there is too much to
// search, the answer is yes for a parameter that the rule names: such have a short value
// in each honest request. For any other it is no, and the request counts as not looked at
// whole.
func (in *Inspection) injects(t *test, value []byte) bool {
	if len(value) > injectionHead {
		value = in.withoutRuns(value)
	}
	head := min(len(value), injectionHead)
	found, all := in.searched(t, value[:head])
	for end := len(value); all && !found && end > head; end -= injectionWindow - injectionLap {
		found, all = in.searched(t, value[max(end-injectionWindow, head-injectionLap):end])
	}
	if found || all {
		return found
	}
	in.over = true
	return t.name != ""
}

// searched searches a piece of a value, and reports whether there was room for that.
func (in *Inspection) searched(t *test, piece []byte) (found, done bool) {
	if in.injected += len(piece); in.injected > maxInjected {
		return false, false
	}
	in.spend(costOfAsking + len(piece)*costOfInjection)
	if t.op.kind == opXSS {
		return libinjection.IsXSS(string(piece)), true
	}
	found, _ = libinjection.IsSQLi(string(piece))
	return found, true
}

// withoutRuns returns a value without what of long runs of one byte says nothing new.
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
