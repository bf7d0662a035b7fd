package waf

// Bounds of what one request costs. A longer head is looked at as far as that.
const (
	maxHead   = 64 << 10  // bytes of target and headers
	maxValues = 8 << 10   // in a form or JSON
	maxParts  = 512       // of a multipart body
	maxNames  = 512 << 10 // bytes of names of values in JSON
)

// isFull reports whether a zone of the body has all the values that are looked at. Literals
// are still found in the body as a whole.
func (in *Inspection) isFull(z zone) bool {
	if len(in.zones[z].values) < maxValues {
		return false
	}
	in.over = true
	return true
}

// keep returns a copy of a part of the head, or of its beginning if there has been too much
// of it.
func (in *Inspection) keep(s string) []byte {
	if len(s) > in.left {
		s, in.over = s[:in.left], true
	}
	in.left -= len(s)
	return in.room.keep(s)
}
