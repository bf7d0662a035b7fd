package admin

import (
	"bufio"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"time"

	"github.com/tocsin-project/tocsin/engine"
	"github.com/tocsin-project/tocsin/lookup"
)

// writeTimeout limits the time of a list, because the old state of the table cannot be
// freed meanwhile.
const writeTimeout = time.Minute

// A filter selects decisions. An empty field selects all.
type filter struct {
	source, origin string
	action         lookup.Action
	limit          int
}

func (f filter) picks(d *lookup.Decision) bool {
	return (f.source == "" || d.Source == f.source) &&
		(f.origin == "" || d.Origin == f.origin) &&
		(f.action == lookup.None || d.Action == f.action)
}

// guards returns the selected guards, and whether there are more. Guards count as local
// captchas.
func (f filter) guards(all []engine.Guard) (picked []engine.Guard, more bool) {
	like := lookup.Decision{Source: engine.LocalSource, Origin: engine.LocalOrigin, Action: lookup.Captcha}
	if !f.picks(&like) {
		return nil, false
	}
	return all[:min(len(all), f.limit)], len(all) > f.limit
}

// write writes the selected decisions as a [List], each on its own line. It writes them
// one by one, so that a million need no more memory than one.
func (f filter) write(w http.ResponseWriter, all iter.Seq[lookup.Decision], guards []engine.Guard) {
	w.Header().Set("Content-Type", "application/json")
	// It fails only for writers without a network connection.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeTimeout))
	buf := bufio.NewWriter(w) // it keeps the first error and then writes nothing
	_, _ = buf.WriteString(`{"decisions":[`)
	more := f.writeDecisions(buf, all)
	_ = buf.WriteByte(']')
	picked, moreGuards := f.guards(guards)
	if text, err := json.Marshal(NewGuards(picked)); err == nil && len(picked) > 0 {
		_, _ = fmt.Fprintf(buf, `,"guards":%s`, text)
	}
	_, _ = fmt.Fprintf(buf, `,"more":%t}`+"\n", more || moreGuards)
	_ = buf.Flush()
}

// writeDecisions writes the decisions that f picks, up to its limit. It reports whether
// there are more.
func (f filter) writeDecisions(buf *bufio.Writer, all iter.Seq[lookup.Decision]) (more bool) {
	n, to := 0, decisionWriter{to: buf}
	for d := range all {
		if !f.picks(&d) {
			continue
		}
		if n == f.limit {
			return true
		}
		if n++; n > 1 {
			_, _ = buf.WriteString(",\n")
		}
		if to.write(&d) != nil {
			return false // the client went away
		}
	}
	return false
}
