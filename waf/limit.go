package waf

// Bounds of what one request costs. A longer head is looked at as far as that.
const (
	maxHead   = 64 << 10  // bytes of target and headers
	maxValues = 8 << 10   // in a form or JSON
	maxParts  = 512       // of a multipart body
	maxNames  = 512 << 10 // bytes of names of values in JSON that are longer than shortName
	shortName = 48        // bytes
)

// Largest texts and lists that are kept for the next request.
const (
	keptBytes  = 1 << 20
	keptValues = 16 << 10
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

// A nameSet holds names in lower case.
type nameSet struct {
	names map[string]struct{}
	ends  []uint64 // their last two bytes, a bit for each pair
}

func (s *nameSet) add(name string) {
	if s.names == nil {
		s.names, s.ends = map[string]struct{}{}, make([]uint64, 1<<16/64)
	}
	s.names[name] = struct{}{}
	put(s.ends, endOf([]byte(name)))
}

// isAsked reports whether a rule asks for a value in the body by this name.
func (in *Inspection) isAsked(name []byte) bool {
	s := &in.rules.inBody
	if len(name) < 2 || s.names == nil || !has(s.ends, endOf(name)) {
		return false
	}
	in.spend(costOfCounting)
	_, asked := s.names[string(toLower(&in.room, name))]
	return asked
}

// keep returns a copy of a part of the head, or of its beginning if there has been too much
// of it.
func (in *Inspection) keep(s string) []byte {
	if len(s) > in.left {
		s, in.over, in.padded = s[:in.left], true, true
	}
	in.left -= len(s)
	return in.room.keep(s)
}
