package search

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// setsOf returns a set for each group of literals: a bit for each literal.
func setsOf(a *Automaton) (sets [][]uint64) {
	for _, group := range a.Groups() {
		var set uint64
		for _, l := range group {
			set |= 1 << l
		}
		sets = append(sets, []uint64{set})
	}
	return sets
}

// Marking finds a literal wherever it is in a text, and nothing else.
func TestMarkingFindsLiteralsAnywhere(t *testing.T) {
	literals := []string{"a", "needle", "need", "eedles", "a literal that is longer than the others"}
	a := New(literals, false)
	for _, size := range []int{40, 255, 256, 257, 320, 330, 1023} {
		for number, l := range literals {
			for at := range size - len(l) + 1 {
				text := strings.Repeat("x", at) + l + strings.Repeat("x", size-at-len(l))
				want := uint64(0)
				for other, o := range literals {
					if strings.Contains(l, o) {
						want |= 1 << other
					}
				}
				bits := []uint64{0}
				if hits := Mark(a, text, setsOf(a), bits); bits[0] != want || hits == 0 {
					t.Errorf("literal %d at %d of %d: %b in %d hits, want %b", number, at, size, bits[0], hits, want)
				}
			}
		}
	}
	bits := []uint64{0}
	if hits := Mark(a, strings.Repeat("eedle", 200), setsOf(a), bits); hits > 0 || bits[0] != 0 {
		t.Errorf("%d hits of nothing: %b", hits, bits[0])
	}
}

// FuzzMark compares with a search for each literal.
func FuzzMark(f *testing.F) {
	f.Add("ab", "abab", "b", uint64(1), 300)
	f.Add("\xff", "0", "aaaaaaaaaaaaaaaaaaaaaaaaa", uint64(2), 1000)
	f.Fuzz(func(t *testing.T, one, two, three string, seed uint64, size int) {
		literals := slices.DeleteFunc([]string{one, two, three}, func(l string) bool { return l == "" || len(l) > 50 })
		if len(literals) == 0 || size < 0 || size > 2000 {
			t.Skip()
		}
		r := rand.New(rand.NewPCG(seed, 1))
		var text strings.Builder
		for text.Len() < size {
			l := literals[r.IntN(len(literals))]
			text.WriteString(l[:1+r.IntN(len(l))])
		}
		a, bits, want := New(literals, false), []uint64{0}, uint64(0)
		for i, l := range literals {
			if strings.Contains(text.String(), l) {
				want |= 1 << i
			}
		}
		if Mark(a, text.String(), setsOf(a), bits); bits[0] != want {
			t.Errorf("%q in %q: %b, want %b", literals, text.String(), bits[0], want)
		}
	})
}

func BenchmarkMark(b *testing.B) {
	var literals []string
	for i := range 200 {
		literals = append(literals, fmt.Sprintf("literal %d", i*7919))
	}
	a := New(literals, false)
	sets, bits := make([][]uint64, len(a.Groups())), make([]uint64, 4)
	for _, size := range []int{32, 256, 64 << 10} {
		text := strings.Repeat("Some text that people type, and more of it. ", size/44+1)[:size]
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			b.SetBytes(int64(size))
			for b.Loop() {
				Mark(a, text, sets, bits)
			}
		})
	}
}
