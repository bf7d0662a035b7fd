package consensus

import (
	"cmp"
	"slices"
)

// sampleSize is how many reporters stand for a unit with more of them, so that a unit
// costs 120 pairs at most.
const sampleSize = 16

// strata is the number of bins of units by how many reporters they have: 2–3, 4–6, 7–11,
// 12–16, 17–32, 33–64 and so on. Within a bin, two independent members meet by chance as
// often as the product of their shares of it.
const strata = 12

func stratum(reporters int) int {
	switch {
	case reporters < 4:
		return 0
	case reporters < 7:
		return 1
	case reporters < 12:
		return 2
	case reporters <= sampleSize:
		return 3
	}
	bin := 4
	for size := 2 * sampleSize; size < reporters && bin < strata-1; size *= 2 {
		bin++
	}
	return bin
}

// Overlaps counts how often clusters report the same units. The zero Overlaps is empty
// and ready to use. It is not safe for use by several goroutines at once.
type Overlaps struct {
	// Key chooses the reporters that stand for a unit with many of them. Nobody else
	// should know it. It must not change while there are units.
	Key uint64

	units [strata]int64 // with two or more reporters
	said  map[ClusterID]*[strata]int32
	pairs map[pair]*[strata]int32
}

type pair struct{ a, b ClusterID } // a < b

func pairOf(a, b ClusterID) pair { return pair{min(a, b), max(a, b)} }

// rank orders clusters in a way that depends on the key (the finalizer of splitmix64).
func (o *Overlaps) rank(c ClusterID) uint64 {
	x := uint64(c) ^ o.Key
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// sample returns those that stand for a unit's reporters, in the order of their ids, and
// how many reporters there are. It is the same few for the same reporters: were it drawn
// anew for each unit, a gang of more than a sample would seldom meet in it.
func (o *Overlaps) sample(reporters []ClusterID) (sample []ClusterID, of int) {
	all := slices.Clone(reporters)
	slices.Sort(all)
	all = slices.Compact(all)
	of = len(all)
	if of <= sampleSize {
		return all, of
	}
	slices.SortFunc(all, func(a, b ClusterID) int { return cmp.Or(cmp.Compare(o.rank(a), o.rank(b)), cmp.Compare(a, b)) })
	all = all[:sampleSize]
	slices.Sort(all)
	return all, of
}

// Replace says that a unit's established reporters were before and are after. Either may
// be empty, and the order says nothing.
func (o *Overlaps) Replace(before, after []ClusterID) {
	if o.said == nil {
		o.said, o.pairs = map[ClusterID]*[strata]int32{}, map[pair]*[strata]int32{}
	}
	o.add(before, -1)
	o.add(after, 1)
}

func (o *Overlaps) add(reporters []ClusterID, n int32) {
	sample, of := o.sample(reporters)
	if of < 2 {
		return
	}
	bin := stratum(of)
	o.units[bin] += int64(n)
	for i, a := range sample {
		count(o.said, a, bin, n)
		for _, b := range sample[i+1:] {
			count(o.pairs, pair{a, b}, bin, n)
		}
	}
}

// count adds to a counter, and forgets it where nothing is left.
func count[K comparable](in map[K]*[strata]int32, key K, bin int, n int32) {
	counts := in[key]
	if counts == nil {
		counts = new([strata]int32)
		in[key] = counts
	}
	if counts[bin] += n; *counts == [strata]int32{} {
		delete(in, key)
	}
}

// echo reports whether two clusters have more units in common than independent ones have.
func (o *Overlaps) echo(a, b ClusterID, slack int64) bool {
	together := o.pairs[pairOf(a, b)]
	if together == nil {
		return false
	}
	var common int64
	for _, n := range together {
		common += int64(n)
	}
	if common <= slack {
		return false
	}
	expected := o.expected(o.said[a], o.said[b], together)
	return Micro(common)*One > Micro(slack)*One+2*expected+2*expected.root()
}

// expected returns how many units two clusters have in common by chance, by what they
// report beside those.
func (o *Overlaps) expected(a, b, together *[strata]int32) (sum Micro) {
	for bin, n := range together {
		alone := int64(a[bin]-n) * int64(b[bin]-n)
		sum += Micro(alone * int64(One) / max(1, o.units[bin]-int64(n)))
	}
	return sum
}

// group numbers clusters by who echoes whom among them: each has the number of the first
// of its group.
func (o *Overlaps) group(clusters []ClusterID, slack int64) []int {
	group := make([]int, len(clusters))
	for i := range group {
		group[i] = i
	}
	for i, a := range clusters {
		for j, b := range clusters[:i] {
			if group[i] != group[j] && o.echo(a, b, slack) {
				merge(group, group[i], group[j])
			}
		}
	}
	return group
}

func merge(group []int, a, b int) {
	for i, g := range group {
		if g == a || g == b {
			group[i] = min(a, b)
		}
	}
}
