package waf

import "slices"

// follow marks the groups to which what a zone holds leads.
func (in *Inspection) follow(z zone) {
	idx := &in.rules.index[z]
	if idx.names == nil && idx.isEmpty() || in.isSpent() || in.hasNone(z) {
		return
	}
	whole := in.isWhole(z, idx)
	if whole {
		in.followTexts(z, idx)
	}
	if idx.names != nil {
		in.followNames(z, idx)
	}
	if idx.isEmpty() || whole && !idx.byValue {
		return
	}
	for i := range in.values(z) {
		in.followText(z, i, idx, whole)
	}
}

// hasNone reports whether a zone holds nothing. Names are loaded only when a rule asks for them.
func (in *Inspection) hasNone(z zone) bool {
	if z == zoneBodyArgsNames {
		z = zoneBodyArgs
	}
	return len(in.values(z)) == 0
}

// followNames marks the groups to which names of values lead.
func (in *Inspection) followNames(z zone, idx *zoneIndex) {
	values := in.values(z)
	in.spend(len(values) * costOfValue)
	for i := range values {
		if idx.mayHave(values[i].name) {
			idx.markName(in.lowerOf(&values[i]), in.bits)
		}
	}
}

// isWhole reports whether a zone is searched as a whole: all its values are pieces of the query
// or of the body, and of what was made of it. Then a literal that is in neither of these is in
// none of them.
func (in *Inspection) isWhole(z zone, idx *zoneIndex) bool {
	if idx.isEmpty() || !idx.isASCII {
		return false
	}
	switch z {
	case zoneArgs, zoneArgsNames, zoneBodyArgs, zoneRawBody:
		return true
	case zoneBodyArgsNames:
		return (!in.isJSON || idx.isPlain) && len(in.zones[zoneBodyArgs].values)*bytesOfAName > len(in.fromBody.text)
	}
	return false
}

// bytesOfAName is how many bytes of a body may be searched instead of one name. A body with few
// values has few names.
const bytesOfAName = 64

// A source is a query or a body, with all that was made of it while it was read, and what
// chains make of both to find literals in.
type source struct {
	text, made []byte
	after      []sourceText // by chain
}

type sourceText struct {
	text, made []byte
	known      bool
}

// sourceOf returns what the values of a zone are pieces of, once it was read.
func (in *Inspection) sourceOf(z zone) *source {
	if z.isBody() {
		return &in.fromBody
	}
	in.values(zoneArgs)
	return &in.fromQuery
}

// followTexts marks the groups to which a source leads, as it is after the chains that take
// any piece for itself.
func (in *Inspection) followTexts(z zone, idx *zoneIndex) {
	s := in.sourceOf(z)
	for _, chain := range idx.chains {
		if in.rules.toFind[chain] == nil {
			continue
		}
		after := in.toFind(s, chain)
		if after == nil || !in.affords((len(after.text)+len(after.made))*costOfByte) {
			return
		}
		idx.mark(after.text, chain, in.bits)
		if z != zoneRawBody || len(in.inflated) > 0 {
			idx.mark(after.made, chain, in.bits)
		}
	}
}

// toFind returns a source after a chain, or nil if there is too little work left for that.
func (in *Inspection) toFind(s *source, chain int) *sourceText {
	after := &s.after[chain]
	if !after.known {
		if !in.affords((len(s.text) + len(s.made)) * costOfTransform * len(in.rules.toFind[chain])) {
			return nil
		}
		after.text, after.made, after.known = s.text, s.made, true
		for _, t := range in.rules.toFind[chain] {
			after.text, after.made = t(&in.room, after.text), t(&in.room, after.made)
		}
	}
	return after
}

// forget makes the source empty.
func (s *source) forget() {
	s.text, s.made = nil, nil
	clear(s.after)
}

// followText marks the groups to which a value leads, as each chain has it. What several
// chains leave alike is looked at once, if all literals are looked for at once.
func (in *Inspection) followText(z zone, i int, idx *zoneIndex, whole bool) {
	for n, chain := range idx.chains {
		if whole && in.rules.toFind[chain] != nil {
			continue
		}
		text := in.transformed(z, i, chain)
		if len(text) == 0 || idx.find != nil && slices.ContainsFunc(idx.chains[:n], func(other int) bool {
			return isSame(text, in.transformed(z, i, other))
		}) {
			continue
		}
		if !in.affords(len(text) * costOfByte) {
			return
		}
		idx.mark(text, chain, in.bits)
	}
}

// isSame reports whether two texts are the same memory.
func isSame(a, b []byte) bool { return len(a) == len(b) && &a[0] == &b[0] }
