package consensus

import "maps"

// Equal reports whether o and other count the same.
func (o *Overlaps) Equal(other *Overlaps) bool {
	same := func(a, b *[strata]int32) bool { return *a == *b }
	return o.Key == other.Key && o.units == other.units &&
		maps.EqualFunc(o.said, other.said, same) && maps.EqualFunc(o.pairs, other.pairs, same)
}

// Teams returns the sets of whom none echoes another. echoes has whom each one echoes.
func Teams(echoes []uint32) []uint32 {
	var all [16]uint32
	return teamsOf(nil, 0, 1<<copy(all[:], echoes)-1, &all)
}
