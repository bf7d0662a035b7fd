package lapitest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"strconv"
	"time"
)

// An encoder writes decisions as the server does. After the first error it does nothing
// more.
type encoder struct {
	gen   Generation
	now   time.Time
	limit int // the largest number of decisions in a list
	w     *bufio.Writer
	flush func() error // nil if the server does not flush

	n   int // decisions in the list so far
	buf []byte
	err error
}

// list writes s, with which a list begins.
func (e *encoder) list(s string) {
	e.n = 0
	e.text(s)
}

func (e *encoder) text(s string) {
	if e.err == nil {
		_, e.err = e.w.WriteString(s)
	}
}

// flushPage sends the data written so far.
func (e *encoder) flushPage() {
	if e.err == nil {
		e.err = e.w.Flush()
	}
	if e.err == nil && e.flush != nil {
		e.err = e.flush()
	}
}

// item reports whether the list may have one more, and begins it.
func (e *encoder) item() bool {
	if e.err != nil || e.n >= e.limit {
		return false
	}
	e.buf = e.buf[:0]
	if e.n > 0 {
		e.buf = append(e.buf, ',')
	}
	e.n++
	if e.n%pageSize == 0 {
		e.flushPage()
	}
	return true
}

func (e *encoder) rows(rows []row) {
	for i := range rows {
		if !e.item() {
			return
		}
		e.buf = e.appendRow(e.buf, &rows[i], true)
		_, e.err = e.w.Write(e.buf)
	}
}

// appendRow appends r, with its uuid only where the server sends it.
func (e *encoder) appendRow(b []byte, r *row, withUUID bool) []byte {
	b = append(b, `{"duration":`...)
	if r.RawDuration != "" {
		b = appendString(b, r.RawDuration)
	} else {
		b = append(appendDuration(append(b, '"'), e.gen, r.until.Sub(e.now)), '"')
	}
	b = strconv.AppendInt(append(b, `,"id":`...), r.ID, 10)
	b = appendString(append(b, `,"origin":`...), r.Origin)
	b = appendString(append(b, `,"scenario":`...), r.Scenario)
	b = appendString(append(b, `,"scope":`...), r.Scope)
	b = appendString(append(b, `,"type":`...), r.Type)
	if withUUID && e.gen != Old && r.UUID != "" {
		b = appendString(append(b, `,"uuid":`...), r.UUID)
	}
	b = appendString(append(b, `,"value":`...), r.Value)
	return append(b, '}')
}

// appendDuration appends the remaining time of a decision, or how long ago it ended, in the
// form of [time.Duration.String]. For the most common durations it needs no string.
func appendDuration(b []byte, g Generation, d time.Duration) []byte {
	if g != Old {
		d = d.Round(time.Second)
	}
	if d < time.Hour {
		return append(b, d.String()...)
	}
	b = append(strconv.AppendInt(b, int64(d/time.Hour), 10), 'h')
	b = append(strconv.AppendInt(b, int64(d%time.Hour/time.Minute), 10), 'm')
	d %= time.Minute
	b = strconv.AppendInt(b, int64(d/time.Second), 10)
	if d %= time.Second; d > 0 {
		point := len(b)
		b = strconv.AppendInt(b, int64(time.Second+d), 10) // ten digits: the 1 keeps the zeros
		b[point] = '.'
		b = bytes.TrimRight(b, "0")
	}
	return append(b, 's')
}

func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			quoted, _ := json.Marshal(s) // a string always can be
			return append(b, quoted...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}
