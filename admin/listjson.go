package admin

import (
	"bufio"
	"encoding/json"
	"time"

	"github.com/tocsin-project/tocsin/lookup"
)

// A decisionWriter writes decisions in the form of [Decision]. It allocates nothing for
// one: the garbage of a list of a million would need as much memory as the table.
type decisionWriter struct {
	to     *bufio.Writer
	line   []byte
	quoted map[string][]byte
}

func (w *decisionWriter) write(d *lookup.Decision) error {
	scope := scopeOf(d)
	b := append(w.line[:0], `{"scope":"`...)
	b = append(b, scope...)
	b = append(b, `","target":"`...)
	if scope == "as" {
		b = append(b, "AS"...)
	}
	b = d.AppendTarget(b)
	b = append(b, `","action":"`...)
	b = append(b, d.Action.String()...)
	b = append(append(b, `","source":`...), w.quote(d.Source)...)
	b = append(append(b, `,"origin":`...), w.quote(d.Origin)...)
	b = append(append(b, `,"reason":`...), w.quote(d.Reason)...)
	b = appendTime(b, `,"since":"`, d.Since)
	b = appendTime(b, `,"until":"`, d.Until)
	w.line = append(b, '}')
	_, err := w.to.Write(w.line)
	return err //nolint:wrapcheck // nobody reads it
}

// appendTime appends t after its name, unless it is zero.
func appendTime(b []byte, name string, t time.Time) []byte {
	if t.IsZero() {
		return b
	}
	b = append(b, name...)
	return append(InSeconds(t).AppendFormat(b, time.RFC3339), '"')
}

// maxQuoted limits the texts that are kept as JSON. There are few sources, origins and
// scenarios.
const maxQuoted = 1024

// quote returns text as JSON.
func (w *decisionWriter) quote(text string) []byte {
	if b, ok := w.quoted[text]; ok {
		return b
	}
	if w.quoted == nil || len(w.quoted) >= maxQuoted {
		w.quoted = map[string][]byte{}
	}
	b, _ := json.Marshal(text) // of a string, it never fails
	w.quoted[text] = b
	return b
}
