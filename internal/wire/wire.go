// Package wire answers one question: what does the Local API's JSON look
// like? It reads the answers of GET /v1/decisions/stream and GET /v1/decisions
// of CrowdSec 1.4 and later, row by row, and judges none of them.
//
// # Memory
//
// A [Decoder] keeps one read buffer and one row in memory, however long the answer is. Rows
// are returned as they arrive. At most [MaxString] bytes of a string are kept, and strings
// that repeat from row to row come from a cache of limited size. A row needs no allocation.
//
// # Failure
//
// The JSON is parsed as strictly as by encoding/json. Garbage, an incomplete answer, data
// after the answer or a field of the wrong type ends it with an error that has the offset of
// the byte. The rows before the error have then been returned already. A caller that needs
// all rows or none must collect them, and drop them at an error.
package wire

import (
	"errors"
	"io"
	"iter"
)

// MaxString is how many bytes of one string are kept. Scenarios are free text, so a longer
// string is cut and is no error: one odd row must not lose all others.
const MaxString = 256

// A Section is the part of a stream's answer that contains a row.
type Section uint8

// The sections. CrowdSec writes them in either order: 1.4 sorts the keys and
// sends Deleted first, 1.7.8 sends New first.
const (
	New     Section = iota // decisions in force, and all rows of a list
	Deleted                // decisions that are over
)

// A Row is one decision as the API writes it. A missing or null field is empty.
type Row struct {
	Section   Section
	ID        int64  // its number in the server's database; 0: none. No identity: a deletion may carry that of another row
	Simulated bool   // CrowdSec only tried the scenario out; nothing is to be enforced
	Long      bool   // value, duration or type was cut at MaxString; none that means anything is
	Value     []byte // IP address, CIDR range, country code, anything; valid until the next row
	Duration  []byte // time left, as Go spells it: "3h59m58.6s", "-12µs"; valid until the next row
	Origin    string // "crowdsec", "cscli", "CAPI", "lists", free text
	Scenario  string // a scenario's name; for the origin "lists" the list's name; free text
	Scope     string // "Ip", "Range", "Country", "AS", free text; in any case
	Type      string // "ban", "captcha", free text; in any case
}

// A Decoder reads answers, one after the other. It is for one goroutine.
type Decoder struct {
	scanner
	row    Row
	shared interner
	last   [4]string // the last origin, scenario, scope and type: usually the next row has the same
}

// NewDecoder returns a decoder without input; see [Decoder.Reset].
func NewDecoder() *Decoder {
	return &Decoder{scanner: scanner{buf: make([]byte, bufferSize)}}
}

// Reset makes d read its next answer from r. It keeps d's memory for reuse.
func (d *Decoder) Reset(r io.Reader) {
	d.scanner = scanner{r: r, buf: d.buf, text: d.text, fixed: d.fixed}
}

// Stream returns the rows of an answer of GET /v1/decisions/stream, that is, of
// an object with the lists "new" and "deleted" in either order; either may be
// null, empty or missing. An error is the last thing it yields. The row is
// overwritten by the next one.
func (d *Decoder) Stream() iter.Seq2[*Row, error] {
	return d.rows(d.stream)
}

// List returns the rows of an answer of GET /v1/decisions, a list or null.
// Otherwise it is like [Decoder.Stream].
func (d *Decoder) List() iter.Seq2[*Row, error] {
	return d.rows(func(yield yieldFunc) error { return d.list(New, 0, yield) })
}

type yieldFunc = func(*Row, error) bool

// rows runs read up to the end of the input.
func (d *Decoder) rows(read func(yieldFunc) error) iter.Seq2[*Row, error] {
	return func(yield yieldFunc) {
		err := read(yield)
		if err == nil {
			err = d.finish()
		}
		if err != nil && !errors.Is(err, errStop) {
			yield(nil, err)
		}
	}
}

func (d *Decoder) stream(yield yieldFunc) error {
	if err := d.open('{', "an object"); err != nil {
		return err
	}
	var seen [2]bool
	for first := true; ; first = false {
		more, err := d.more('}', first)
		if !more {
			return err
		}
		key, err := d.key()
		if err != nil {
			return err
		}
		section, known := sectionOf(key)
		if err := d.colon(); err != nil {
			return err
		}
		if !known {
			err = d.skip(1)
		} else if seen[section] {
			// The rows of the first list have been returned already and cannot be taken
			// back.
			err = d.errorf("second %q", sectionNames[section])
		} else {
			seen[section] = true
			err = d.list(section, 1, yield)
		}
		if err != nil {
			return err
		}
	}
}

var sectionNames = [...]string{New: "new", Deleted: "deleted"}

func sectionOf(key []byte) (Section, bool) {
	switch string(key) {
	case "new":
		return New, true
	case "deleted":
		return Deleted, true
	}
	return 0, false
}

// list reads null or a list of rows inside depth containers.
func (d *Decoder) list(section Section, depth int, yield yieldFunc) error {
	c, err := d.token()
	if err != nil {
		return err
	}
	if c == 'n' {
		return d.literal("null")
	}
	if err := d.open('[', "a list or null"); err != nil {
		return err
	}
	for first := true; ; first = false {
		more, err := d.more(']', first)
		if !more {
			return err
		}
		if err := d.readRow(section, depth+2); err != nil {
			return err
		}
		if !yield(&d.row, nil) {
			return errStop
		}
	}
}
