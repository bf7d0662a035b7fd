package consensus

import (
	"cmp"
	"math/bits"
	"slices"
)

// A reporter is a cluster that reports a unit.
type reporter struct {
	cluster     ClusterID
	net         int // where its network stands among networks
	established bool
	use         Micro // ordinary use that it sees: it speaks for the unit once its reports are too old
}

// A balance holds the votes about a unit, and weighs them at any time from now on. What
// it says of later times only falls.
type balance struct {
	rules     *Rules
	votes     []vote
	reporter  []int // of each vote
	reporters []reporter
	networks  []ASN
	required  int // how many must agree, without the operator's wishes

	sample []int    // the established reporters that stand for all
	teams  []uint32 // sets of these of whom none echoes another, in bits; nil: nobody echoes anybody

	weights, sums []Micro // what total works with
}

// A total is what a balance says at a time.
type total struct {
	score       Micro
	established int
	networks    int
	turned      Micro // ordinary use seen by those whose reports are too old by then
	// together is what so many established ones add at most, without the caps, if none of them
	// echoes another. The last number is for as many, or more.
	together [sampleSize + 1]Micro
}

// independent returns what so many established ones, or more, add at most.
func (t *total) independent(members int) Micro {
	return slices.Max(t.together[min(members, sampleSize):])
}

func newBalance(r *Rules, votes []vote, uses []use, law int) *balance {
	b := &balance{rules: r, votes: votes, required: law, reporter: make([]int, len(votes))}
	for i, v := range votes {
		if i == 0 || v.cluster != votes[i-1].cluster {
			b.reporters = append(b.reporters, reporter{cluster: v.cluster, net: len(b.networks)})
			b.networks = append(b.networks, v.net)
		}
		last := len(b.reporters) - 1
		b.reporter[i] = last
		b.reporters[last].established = b.reporters[last].established || v.established
	}
	for _, u := range uses {
		if i, found := slices.BinarySearchFunc(b.reporters, u.cluster, func(p reporter, c ClusterID) int { return cmp.Compare(p.cluster, c) }); found {
			b.reporters[i].use = u.weight
		}
	}
	b.numberNetworks()
	n := len(b.reporters)
	scratch := make([]Micro, n+len(b.networks))
	b.weights, b.sums = scratch[:n], scratch[n:]
	return b
}

// numberNetworks makes one of equal networks.
func (b *balance) numberNetworks() {
	all := slices.Clone(b.networks)
	slices.Sort(all)
	all = slices.Compact(all)
	for i := range b.reporters {
		b.reporters[i].net, _ = slices.BinarySearch(all, b.networks[i])
	}
	b.networks = all
}

// networkCap returns what one network adds at most.
func (b *balance) networkCap() Micro { return b.rules.cfg.NetworkCap * Micro(b.required) }

// newcomerCap returns what all that are not established add at most.
func (b *balance) newcomerCap() Micro { return b.rules.cfg.NewcomerCap * Micro(b.required) }

// weigh finds the heaviest vote of each reporter at a time. Repeated reports never add up.
func (b *balance) weigh(at int64) {
	clear(b.weights)
	for i, v := range b.votes {
		w := min(One, v.weight.mul(b.rules.fading.of(at-v.at)))
		b.weights[b.reporter[i]] = max(b.weights[b.reporter[i]], w)
	}
}

// at returns the total at a time.
func (b *balance) at(at int64) (t total) {
	b.weigh(at)
	clear(b.sums)
	var newcomers, established Micro
	for i, w := range b.weights {
		switch p := b.reporters[i]; {
		case w == 0:
			t.turned += p.use
		case !p.established:
			newcomers += w
		default:
			b.sums[p.net] += w
			t.established++
			established += w
		}
	}
	if b.teams == nil {
		t.together[min(t.established, sampleSize)] = established
	}
	for _, team := range b.teams {
		n, sum := b.sizeOf(team)
		t.together[n] = max(t.together[n], sum)
	}
	for _, sum := range b.sums {
		if sum > 0 {
			t.networks++
		}
		t.score += min(sum, b.networkCap())
	}
	t.score += min(newcomers, b.newcomerCap())
	return t
}

// sizeOf returns how many of a team count, and what they add.
func (b *balance) sizeOf(team uint32) (n int, sum Micro) {
	for ; team != 0; team &= team - 1 {
		if w := b.weights[b.sample[bits.TrailingZeros32(team)]]; w > 0 {
			n++
			sum += w
		}
	}
	return n, sum
}

// contributions returns what each reporter adds to the score at a time, and how much was cut
// off. They sum to the score, or to what is held if that is less.
func (b *balance) contributions(at int64, most Micro) (all []Contribution, cut Micro) {
	b.weigh(at)
	heaviest := make([]int, len(b.reporters))
	for i, v := range slices.Backward(b.votes) {
		p := b.reporter[i]
		w := min(One, v.weight.mul(b.rules.fading.of(at-v.at)))
		if w == b.weights[p] {
			heaviest[p] = i
		}
	}
	for i, p := range b.reporters {
		v := b.votes[heaviest[i]]
		all = append(all, Contribution{
			Cluster: p.cluster, Net: b.networks[p.net], Established: p.established,
			Behaviour: v.report.Behaviour, Confidence: v.report.Confidence, At: unixTime(v.at), Weight: b.weights[i],
		})
	}
	slices.SortFunc(all, func(x, y Contribution) int {
		return cmp.Or(cmp.Compare(y.Weight, x.Weight), cmp.Compare(x.Cluster, y.Cluster))
	})
	return all, b.share(all, most)
}

// share gives each contribution what the caps leave of it, the heaviest first.
func (b *balance) share(all []Contribution, most Micro) (cut Micro) {
	left := make([]Micro, len(b.networks))
	for i := range left {
		left[i] = b.networkCap()
	}
	newcomers := b.newcomerCap()
	for i := range all {
		c := &all[i]
		room := &newcomers
		if c.Established {
			n, _ := slices.BinarySearch(b.networks, c.Net)
			room = &left[n]
		}
		c.Counted = min(c.Weight, *room, most)
		*room -= c.Counted
		most -= c.Counted
		cut += c.Weight - c.Counted
	}
	return cut
}
