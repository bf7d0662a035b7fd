package waf

// A room holds the texts that are made of a request for as long as it is inspected. Texts
// that were made before stay where they are when it grows.
type room struct{ bytes []byte }

// keep returns a copy of s.
func (r *room) keep(s string) []byte {
	start := len(r.bytes)
	r.bytes = append(r.bytes, s...)
	return r.since(start)
}

// since returns what was appended from start on. Whoever appends to that makes a copy.
func (r *room) since(start int) []byte { return r.bytes[start:len(r.bytes):len(r.bytes)] }

// reset makes the room empty. It gives back what a large request took.
func (r *room) reset(most int) {
	if cap(r.bytes) > most {
		r.bytes = nil
	}
	r.bytes = r.bytes[:0]
}
