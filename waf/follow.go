package waf

import "slices"

// follow marks the groups to which what a zone holds leads.
func (in *Inspection) follow(z zone) {
	idx := &in.rules.index[z]
	if idx.names == nil && len(idx.literals) == 0 {
		return
	}
	whole := in.isWhole(z, idx)
	if whole {
		in.followTexts(z, idx)
	}
	if idx.names != nil {
		in.followNames(z, idx)
	}
	if len(idx.literals) == 0 || whole && !idx.byValue {
		return
	}
	for i := range in.values(z) {
		in.followText(z, i, idx, whole)
	}
}

// followNames marks the groups to which names of values lead.
func (in *Inspection) followNames(z zone, idx *zoneIndex) {
	values := in.values(z)
	for i := range values {
		if idx.mayHave(values[i].name) {
			idx.markName(in.lowerOf(&values[i]), in.bits)
		}
	}
}

// isWhole reports whether all values of a zone are pieces of the body, and of what is made
// of it: then a literal that is in neither of these is in none of them.
func (in *Inspection) isWhole(z zone, idx *zoneIndex) bool {
	if len(idx.literals) == 0 {
		return false
	}
	switch z {
	case zoneBodyArgs, zoneRawBody:
		return idx.isASCII
	case zoneBodyArgsNames:
		return idx.isASCII && (!in.isJSON || idx.isPlain)
	}
	return false
}

// followTexts marks the groups to which the body leads, and what was made of it, as they
// are after the chains that take any piece for itself.
func (in *Inspection) followTexts(z zone, idx *zoneIndex) {
	for _, chain := range idx.chains {
		found := in.toFind(chain)
		if found == nil {
			continue
		}
		idx.mark(found.body, in.bits)
		if z != zoneRawBody {
			idx.mark(found.made, in.bits)
		}
	}
}

// A bodyText is the body, and what was made of it, after a chain, as literals are found in
// them.
type bodyText struct {
	body, made []byte
	known      bool
}

// toFind returns the body after a chain; nil if that is to be looked at value by value.
func (in *Inspection) toFind(chain int) *bodyText {
	chained := in.rules.toFind[chain]
	if chained == nil {
		return nil
	}
	text := &in.texts[chain]
	if !text.known {
		text.body, text.made, text.known = in.body, in.made, true
		for _, t := range chained {
			text.body, text.made = t(&in.room, text.body), t(&in.room, text.made)
		}
	}
	return text
}

// followText marks the groups to which a value leads, as each chain has it. What several
// chains leave alike is looked at once.
func (in *Inspection) followText(z zone, i int, idx *zoneIndex, whole bool) {
	for n, chain := range idx.chains {
		if whole && in.rules.toFind[chain] != nil {
			continue
		}
		text := in.transformed(z, i, chain)
		if len(text) == 0 || slices.ContainsFunc(idx.chains[:n], func(other int) bool {
			return isSame(text, in.transformed(z, i, other))
		}) {
			continue
		}
		idx.mark(text, in.bits)
	}
}

// isSame reports whether two texts are the same memory.
func isSame(a, b []byte) bool { return len(a) == len(b) && &a[0] == &b[0] }
