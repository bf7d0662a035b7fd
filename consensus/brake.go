package consensus

import (
	"cmp"
	"math/bits"
	"slices"
)

// sampleSize is how many reporters stand for a unit with more of them, so that judging a
// unit looks at 120 pairs at most.
const sampleSize = 16

// Units are counted apart by how many reporters they have (2–3, 4–6, 7–11, 12–16, 17–32
// and so on) and by the service that they attack. Of units that are alike in both, two
// independent members have as many in common as chance has it. Of all units they have
// more: who has no mail server reports no guessing of mail passwords.
const (
	sizes  = 8
	strata = sizes * services
	few    = 4 * services // strata of units with so few reporters that no sample stands for them
)

func stratum(r Reporting) int {
	n, bin := len(r.Clusters), 0
	switch {
	case n < 4:
	case n < 7:
		bin = 1
	case n < 12:
		bin = 2
	case n <= sampleSize:
		bin = 3
	default:
		bin = 4
		for size := 2 * sampleSize; size < n && bin < sizes-1; size *= 2 {
			bin++
		}
	}
	return bin*services + int(r.Service)%services
}

// Reporting is who reports a unit: see [Reporters].
type Reporting struct {
	Clusters []ClusterID // established ones, in the order in which they came, each once
	Service  uint8       // that the first of them saw attacked
}

// equal reports whether r and other count the same.
func (r Reporting) equal(other Reporting) bool {
	return r.Service == other.Service && slices.Equal(r.Clusters, other.Clusters)
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

// sample returns those that stand for reporters, who are sorted: it is the same few for
// the same reporters. Were it drawn anew for each unit, those of a large gang would seldom
// meet in it.
func (o *Overlaps) sample(reporters []ClusterID) []ClusterID {
	if len(reporters) <= sampleSize {
		return reporters
	}
	sample := slices.Clone(reporters)
	slices.SortFunc(sample, func(a, b ClusterID) int { return cmp.Or(cmp.Compare(o.rank(a), o.rank(b)), cmp.Compare(a, b)) })
	sample = sample[:sampleSize]
	slices.Sort(sample)
	return sample
}

// counted returns, sorted, whose meetings at a unit are counted: those of whom each stood
// for all at the time when it came. So whoever listed the unit is among them.
func (o *Overlaps) counted(reporters []ClusterID) (counted []ClusterID) {
	var best []uint64 // ranks of the sample so far
	for _, c := range reporters {
		rank := o.rank(c)
		at, _ := slices.BinarySearch(best, rank)
		if at == sampleSize {
			continue
		}
		counted = append(counted, c)
		best = slices.Insert(best, at, rank)
		best = best[:min(len(best), sampleSize)]
	}
	slices.Sort(counted)
	return counted
}

// Replace says who reported a unit before, and who does after. Either may be nobody.
func (o *Overlaps) Replace(before, after Reporting) {
	if before.equal(after) {
		return
	}
	if o.said == nil {
		o.said, o.pairs = map[ClusterID]*[strata]int32{}, map[pair]*[strata]int32{}
	}
	was, is := o.counted(before.Clusters), o.counted(after.Clusters)
	from, to := stratum(before), stratum(after)
	if from == to && len(was) > 1 && len(is) > 1 {
		// Mostly one reporter has come.
		o.meet(was, is, from, -1)
		o.meet(is, was, from, 1)
		return
	}
	o.add(was, from, -1)
	o.add(is, to, 1)
}

// add counts the meetings at a unit.
func (o *Overlaps) add(counted []ClusterID, bin int, n int32) {
	if len(counted) < 2 {
		return
	}
	o.units[bin] += int64(n)
	for i, a := range counted {
		count(o.said, a, bin, n)
		for _, b := range counted[i+1:] {
			count(o.pairs, pair{a, b}, bin, n)
		}
	}
}

// meet counts the meetings among some that are not among the others.
func (o *Overlaps) meet(these, others []ClusterID, bin int, n int32) {
	for _, a := range these {
		if _, both := slices.BinarySearch(others, a); both {
			continue
		}
		count(o.said, a, bin, n)
		for _, b := range these {
			_, both := slices.BinarySearch(others, b)
			if a < b || a != b && both { // each pair once
				count(o.pairs, pairOf(a, b), bin, n)
			}
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

// echo reports whether two clusters have more units in common than independent ones
// have, of all units or of those that few report: what everybody sees must not hide a
// pair's own.
func (o *Overlaps) echo(a, b ClusterID, slack int64) bool {
	together := o.pairs[pairOf(a, b)]
	if together == nil {
		return false
	}
	saidA, saidB := o.said[a], o.said[b]
	var common int64
	var chance Micro
	for bin, both := range together {
		common += int64(both)
		chance += expected(int64(saidA[bin]), int64(saidB[bin]), int64(both), o.units[bin])
		if bin == few-1 && exceeds(common, slack, chance) {
			return true
		}
	}
	return exceeds(common, slack, chance)
}

// exceeds reports whether so many common units are more than chance and some slack.
func exceeds(common, slack int64, chance Micro) bool {
	return common > slack && Micro(common-slack)*One > 2*chance+2*chance.root()
}

// expected returns how many units two independent clusters have in common. If to report
// is independent, the units that both report are to those that only one does as those
// that the other one does are to those that neither does.
func expected(a, b, both, units int64) Micro {
	neither := units - a - b + both
	return Micro((a - both) * (b - both) * int64(One) / max(1, neither))
}

// teams returns sets of clusters, in bits, of whom none echoes another. Any other such set is a part
// of one of these. Clusters are no more than a sample.
func (o *Overlaps) teams(clusters []ClusterID, slack int64) []uint32 {
	var echoes [sampleSize]uint32 // whom each echoes
	for i, a := range clusters {
		for j, b := range clusters[:i] {
			if o.echo(a, b, slack) {
				echoes[i] |= 1 << j
				echoes[j] |= 1 << i
			}
		}
	}
	return teamsOf(nil, 0, 1<<len(clusters)-1, &echoes)
}

// teamsOf adds the sets that have all the chosen, and none but these and some that are left.
func teamsOf(teams []uint32, chosen, left uint32, echoes *[sampleSize]uint32) []uint32 {
	most, one := 0, 0
	for rest := left; rest != 0; rest &= rest - 1 {
		i := bits.TrailingZeros32(rest)
		if n := bits.OnesCount32(echoes[i] & left); n > most {
			most, one = n, i
		}
	}
	if most == 0 {
		return append(teams, chosen|left)
	}
	bit := uint32(1) << one
	teams = teamsOf(teams, chosen|bit, left&^bit&^echoes[one], echoes)
	return teamsOf(teams, chosen, left&^bit, echoes)
}
