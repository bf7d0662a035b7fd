package lapi

import (
	"hash/maphash"

	"github.com/tocsin-project/tocsin/internal/wire"
	"github.com/tocsin-project/tocsin/lookup"
)

// A spelling identifies the value, type and scope of a row as the API spells them.
type spelling uint64

const (
	several spelling = iota // more than one, or it is not known how many
	usual                   // see isUsual
	unusual                 // this bit is set in all others
)

// spellings holds the identities of decisions with an unusual spelling. The API identifies
// decisions by the spelling of value, type and scope. So it keeps apart 192.0.2.1 and
// 192.0.2.1/32, a ban, a Ban and an unknown type whose fallback is a ban, and a range
// with scope Range and with scope Ip (as in lists). In the table each of these is one
// decision. Its spelling is known if it is the only one: then a deletion of it ends the
// decision.
//
// The keys are hashes of the identities, because they are a third as long, and the
// garbage collector need not follow them. Two with the same hash seem to have several
// spellings.
type spellings map[uint64]spelling

// maxSpellings limits spellings. Beyond it, the deletion of one spelling removes the decision.
const maxSpellings = 1 << 16

// add records a row with spelling s, which is the only one of the decision if alone is set.
func (t spellings) add(key uint64, s spelling, alone bool) {
	was, known := t[key]
	switch {
	case known && was != s:
		t[key] = several
	case known || s == usual || len(t) >= maxSpellings:
	case alone:
		t[key] = s
	default:
		t[key] = several
	}
}

func (t spellings) has(key uint64) bool {
	_, ok := t[key]
	return ok
}

// isOnly reports whether s is unusual, and the only spelling of a decision.
func (t spellings) isOnly(key uint64, s spelling) bool { return s >= unusual && t[key] == s }

// key returns the key of a decision.
func (f *follower) key(at identity) uint64 { return maphash.Comparable(f.seed, at) }

// spell returns the spelling of r.
func (f *follower) spell(r *wire.Row, isUsual bool) spelling {
	if isUsual {
		return usual
	}
	var h maphash.Hash
	h.SetSeed(f.seed)
	_, _ = h.Write(r.Value)
	for _, part := range [...]string{r.Type, r.Scope} {
		_ = h.WriteByte(0)
		_, _ = h.WriteString(part)
	}
	return spelling(h.Sum64()) | unusual
}

// usualRanges is a Bloom filter of the ranges with the usual spelling that one answer
// announces. Lists have ranges with the scope Ip: if such a range is not in here, it has
// only that spelling. Single addresses with another spelling are rare, so their usual
// spellings are not kept.
type usualRanges struct {
	bits []uint64
	n    int // ranges so far
}

const (
	// maxUsualRanges limits the error of usualRanges: with so many ranges it takes one
	// in 1,700 for known, and with 50,000 one in a million.
	maxUsualRanges = 1 << 17

	usualBits = 1 << 21 // 256 KiB
	usualEach = 8       // bits of one range
)

// addSpelling records the spelling s of a row that the answer announces.
func (a *answer) addSpelling(at identity, s spelling) {
	isRange := at.prefix.IsValid() && !at.prefix.IsSingleIP()
	if s == usual && !isRange {
		return // there is no only one that it could be beside
	}
	key := a.f.key(at)
	if s == usual {
		a.f.usual.add(key)
	}
	alone := isRange && !a.f.usual.mayHave(key) && (a.full || !a.f.holds(at))
	a.spellings.add(key, s, alone)
}

// isOnly reports whether s is unusual, and certainly the only spelling of a decision. A
// row that the API announced, and that is not in the table, may be another.
func (a *answer) isOnly(key uint64, s spelling) bool {
	return a.spellings.isOnly(key, s) && !a.f.unclear && !a.leftOut()
}

// leftOut reports whether the answer has rows that are left out of the table, although
// they refuse clients.
func (a *answer) leftOut() bool { return a.rows.Allowed+a.rows.Malformed > 0 }

// free reports whether a range may be removed without a full answer. The same answer may
// announce parts of it, which count as new for the limit of coverage. So all removed
// ranges together are at most a tenth of what may be new at once.
func (a *answer) free(at identity) bool {
	share := lookup.Share(at.prefix)
	if a.f.cfg.Coverage < 1 && a.freed+share > a.f.cfg.Coverage/50 {
		return false
	}
	a.freed += share
	return true
}

// applied records what an applied answer says about spellings: whether rows were left
// out, and which ranges have no row any more.
func (a *answer) applied(c lookup.Change) {
	f := a.f
	f.unclear = !a.full && f.unclear || c.Held > 0 || a.leftOut()
	if f.unclear {
		return
	}
	for at := range a.lone {
		if !f.holds(at) {
			delete(a.spellings, f.key(at))
		}
	}
}

func (u *usualRanges) add(hash uint64) {
	if u.bits == nil {
		u.bits = make([]uint64, usualBits/64)
	}
	u.n++
	for i := range uint64(usualEach) {
		word, bit := usualBit(hash, i)
		u.bits[word] |= bit
	}
}

// mayHave reports whether a range was added, or that is not known.
func (u *usualRanges) mayHave(hash uint64) bool {
	if u.n == 0 || u.n > maxUsualRanges {
		return u.n > 0
	}
	for i := range uint64(usualEach) {
		word, bit := usualBit(hash, i)
		if u.bits[word]&bit == 0 {
			return false
		}
	}
	return true
}

// usualBit returns the place of bit i of a range.
func usualBit(hash, i uint64) (word, bit uint64) {
	at := (hash + i*(hash>>32|1)) % usualBits
	return at / 64, 1 << (at % 64)
}

// reset removes all ranges.
func (u *usualRanges) reset() {
	if u.n > 0 {
		clear(u.bits)
		u.n = 0
	}
}
