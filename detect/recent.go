package detect

import (
	"hash/maphash"

	"github.com/tocsin-project/tocsin/internal/search"
)

const (
	recentTexts = 64 // texts of a field that a view remembers the search of
	shortText   = 24 // bytes; a shorter one is searched as fast as it is remembered
)

// A recentSearch remembers what a scan found in the last texts of a field. The user agents and
// referrers of a site's requests are few and long, so most of them need no search. A text is
// known by its hash under a secret seed: nothing of a request is kept, and nobody can choose a
// text that passes for another.
type recentSearch struct {
	hashes [recentTexts]uint64
	found  []uint64 // the sets of rules, one after the other
}

func newRecentSearch(words int) *recentSearch {
	return &recentSearch{found: newSet(recentTexts * words)}
}

// scanRecent is scan for a text that comes again in other requests.
func (v *view) scanRecent(s *scan, text string, r *recentSearch) {
	if len(text) < shortText {
		v.scan(s, text)
		return
	}
	if !s.wanted(v.allowed) {
		return
	}
	hash := maphash.String(v.prog.seed, text) | 1 // 0 is that of no text
	at := hash >> 58                              // 6 bits, as recentTexts has
	words := uint64(len(v.bits))
	set := r.found[at*words : (at+1)*words]
	if r.hashes[at] != hash {
		clear(set)
		search.Mark(s.find, text, s.sets, set)
		r.hashes[at] = hash
	}
	for w, rules := range set {
		v.bits[w] |= rules
	}
}
