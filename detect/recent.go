package detect

import (
	"hash/maphash"

	"github.com/tocsin-project/tocsin/internal/search"
)

const (
	recentTexts = 64 // how many texts of a field have their search results remembered
	shortText   = 24 // in bytes; searching a shorter text is as fast as finding it here
)

// A recentSearch remembers the search results for recent texts of a field. The user agents
// and referrers of a site's requests are few and long, so most of them need no search. A
// text is identified by its hash with a secret seed: no text of a request is stored, and a
// client cannot construct a text that is mistaken for another.
type recentSearch struct {
	hashes [recentTexts]uint64
	found  []uint64 // the found sets of rules, one after the other
}

func newRecentSearch(words int) *recentSearch {
	return &recentSearch{found: newSet(recentTexts * words)}
}

// scanRecent is scan for a text that repeats in other requests.
func (v *view) scanRecent(s *scan, text string, r *recentSearch) {
	if len(text) < shortText {
		v.scan(s, text)
		return
	}
	if !s.wanted(v.allowed) {
		return
	}
	hash := maphash.String(v.prog.seed, text) | 1 // 0 means no text
	at := hash >> 58                              // 6 bits: 0 to 63, for recentTexts entries
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
