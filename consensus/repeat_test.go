package consensus_test

import (
	"math/bits"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/consensus"
)

// The list is known to all members. One that reports what is on it echoes everybody, and must not
// make one of all whom it repeats.
func TestWhoRepeatsTheListDoesNotEndIt(t *testing.T) {
	for _, repeaters := range []int{1, 10} {
		c := newCentre(newRules(t), members(100))
		r := rand.New(rand.NewPCG(8, 8))
		now, listed, left := start, 0, 0
		for u := range 300 {
			now = now.Add(10 * time.Minute)
			for _, id := range r.Perm(90)[:4] {
				c.report(now, numbered(u), exploit(id, now))
			}
			if !c.file(numbered(u)).isListed(now) {
				continue
			}
			listed++
			for id := range repeaters {
				c.report(now.Add(time.Minute), numbered(u), exploit(90+id, now))
			}
			if c.file(numbered(u)).isListed(now) {
				left++
			}
		}
		if listed < 290 || left != listed {
			t.Errorf("%d members repeat the list: %d are listed, and %d stay", repeaters, listed, left)
		}
	}
}

// A report more never takes a listing away, whoever else it echoes: whoever could list an address
// with some of its reporters can do so beside all others.
func TestTeamsAreAllSetsWithoutAnEcho(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 6))
	for range 300 {
		n := r.IntN(11)
		echoes := make([]uint32, n)
		often := r.Float64()
		for i := range n {
			for j := range i {
				if r.Float64() < often {
					echoes[i] |= 1 << j
					echoes[j] |= 1 << i
				}
			}
		}
		alone := func(set uint32) bool {
			for rest := set; rest != 0; rest &= rest - 1 {
				if echoes[bits.TrailingZeros32(rest)]&set != 0 {
					return false
				}
			}
			return true
		}
		teams := consensus.Teams(echoes)
		within := func(set uint32) bool {
			for _, team := range teams {
				if set&^team == 0 {
					return true
				}
			}
			return false
		}
		for _, team := range teams {
			if !alone(team) {
				t.Fatalf("%b has an echo: %b", team, echoes)
			}
		}
		for set := range uint32(1) << n {
			if alone(set) && !within(set) {
				t.Fatalf("%b is in none of %b", set, teams)
			}
		}
	}
}

// However sixteen members echo one another, a verdict has few sets to look at.
func TestTeamsAreFew(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	most := 0
	for try := range 3000 {
		echoes := make([]uint32, 16)
		for range try % 60 {
			if i, j := r.IntN(16), r.IntN(16); i != j {
				echoes[i] |= 1 << j
				echoes[j] |= 1 << i
			}
		}
		most = max(most, len(consensus.Teams(echoes)))
	}
	for i := range uint32(8) { // pairs
		echoes := make([]uint32, 16)
		for j := range i + 1 {
			echoes[2*j], echoes[2*j+1] = 1<<(2*j+1), 1<<(2*j)
		}
		most = max(most, len(consensus.Teams(echoes)))
	}
	if most > 500 {
		t.Errorf("%d sets", most)
	}
}
