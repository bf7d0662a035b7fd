package waf

import (
	"errors"
	"io"
	"slices"
)

// A room holds the texts that are made of a request for as long as it is inspected. Texts
// that were made before stay where they are when it grows.
type room struct{ bytes []byte }

// keep returns a copy of s.
func (r *room) keep(s string) []byte {
	start := len(r.bytes)
	r.bytes = append(r.bytes, s...)
	return r.since(start)
}

// readAll returns what there is to be read, up to an error.
func (r *room) readAll(from io.Reader) ([]byte, error) {
	const least = 512
	start := len(r.bytes)
	for {
		r.bytes = slices.Grow(r.bytes, least)
		n, err := from.Read(r.bytes[len(r.bytes):cap(r.bytes)])
		r.bytes = r.bytes[:len(r.bytes)+n]
		if errors.Is(err, io.EOF) {
			return r.since(start), nil
		}
		if err != nil {
			return r.since(start), err
		}
	}
}

// since returns what was appended from start on. Whoever appends to that makes a copy. A
// NUL parts it from what comes next, so that nothing is found where two texts meet.
func (r *room) since(start int) []byte {
	s := r.bytes[start:len(r.bytes):len(r.bytes)]
	r.bytes = append(r.bytes, 0)
	return s
}

// reset makes the room empty. It gives back what a large request took.
func (r *room) reset(most int) {
	if cap(r.bytes) > most {
		r.bytes = nil
	}
	r.bytes = r.bytes[:0]
}
