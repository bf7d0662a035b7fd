package member

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"time"

	"github.com/tocsin-project/tocsin/community/protocol"
	"github.com/tocsin-project/tocsin/lookup"
)

const (
	maxListBytes  = 256 << 20 // of an answer, decompressed: enough for two million entries
	maxValueBytes = 16 << 10  // of one entry, and of each other value
	maxDelta      = 100_000   // entries of an answer with changes; for more, ask for the whole list
)

var (
	errTooLong   = errors.New("reading the list: the answer is too long")
	errBigValue  = fmt.Errorf("reading the list: one of its values has more than %d bytes", maxValueBytes)
	errBigDelta  = fmt.Errorf("reading the list: more than %d changes: asking for the whole list", maxDelta)
	errNotWhole  = errors.New("reading the list: the centre was asked for the whole list, and sent changes")
	errSeqNumber = errors.New("reading the list: the centre has more, and repeats the number of its last change")
)

// An answer is a list, or its changes, after reading.
type answer struct {
	protocol.List // without Items

	batch   *lookup.Batch           // of the whole list
	changes map[netip.Prefix]change // of changes: the last one about each unit
	faults  faults
}

// A change is the new state of a unit. With the zero Action the unit is not listed.
type change struct {
	lookup.Decision
}

// A listReader reads an answer in a stream, with a limit for each value: encoding/json
// keeps a whole value in memory.
type listReader struct {
	from io.Reader
	all  int64 // bytes that may still come
	one  int64 // bytes that may still come of this value
}

func (r *listReader) Read(b []byte) (int, error) {
	switch {
	case r.all <= 0:
		return 0, errTooLong
	case r.one <= 0:
		return 0, errBigValue
	}
	b = b[:min(int64(len(b)), r.all, r.one)]
	n, err := r.from.Read(b)
	r.all -= int64(n)
	r.one -= int64(n)
	return n, err
}

// readList reads an answer. take gets each entry.
func readList(from io.Reader, take func(*protocol.Entry) error) (protocol.List, error) {
	var head protocol.List
	in := &listReader{from: from, all: maxListBytes, one: maxValueBytes}
	dec := json.NewDecoder(in)
	if err := delimiter(dec, '{'); err != nil {
		return head, err
	}
	fields := map[string]any{"seq": &head.Seq, "full": &head.Full, "more": &head.More, "name": &head.Name, "explain": &head.Explain}
	for dec.More() {
		in.one = maxValueBytes
		key, err := dec.Token()
		if err != nil {
			return head, unreadable(err)
		}
		if key == "items" {
			if err := readItems(dec, in, take); err != nil {
				return head, err
			}
			continue
		}
		to, ok := fields[key.(string)]
		if !ok {
			to = new(json.RawMessage)
		}
		if err := dec.Decode(to); err != nil {
			return head, unreadable(err)
		}
	}
	return head, delimiter(dec, '}')
}

// readItems reads the entries.
func readItems(dec *json.Decoder, in *listReader, take func(*protocol.Entry) error) error {
	in.one = maxValueBytes
	token, err := dec.Token()
	switch {
	case err != nil:
		return unreadable(err)
	case token == nil: // null: no entries
		return nil
	case token != json.Delim('['):
		return unreadable(fmt.Errorf("its items are not a list: %.32v", token))
	}
	for dec.More() {
		in.one = maxValueBytes
		var e protocol.Entry
		if err := dec.Decode(&e); err != nil {
			return unreadable(err)
		}
		if err := take(&e); err != nil {
			return err
		}
	}
	in.one = maxValueBytes
	return delimiter(dec, ']')
}

// delimiter reads a bracket.
func delimiter(dec *json.Decoder, want json.Delim) error {
	token, err := dec.Token()
	if err != nil {
		return unreadable(err)
	}
	if token != want {
		return unreadable(fmt.Errorf("want %v, got %.32v", want, token))
	}
	return nil
}

// unreadable returns an error about an invalid answer.
func unreadable(err error) error {
	if errors.Is(err, errTooLong) || errors.Is(err, errBigValue) {
		return err
	}
	return fmt.Errorf("reading the list: it is not that of a community, or incomplete: %w", err)
}

// takeWhole adds an entry of the whole list.
func (a *answer) takeWhole(e *protocol.Entry, by *checker, now time.Time) {
	c, ok := by.check(e, now, &a.faults)
	if !ok || c.Action == lookup.None {
		return
	}
	if a.batch.Added() >= by.size {
		a.faults.note(leftOut, e)
		return
	}
	a.batch.Add(c.Decision)
}

// takeChange adds a change.
func (a *answer) takeChange(e *protocol.Entry, by *checker, now time.Time) error {
	c, ok := by.check(e, now, &a.faults)
	if !ok {
		return nil
	}
	a.changes[c.Prefix] = c
	if len(a.changes) > maxDelta {
		return errBigDelta
	}
	return nil
}
