package consensus

import (
	"math"
	"testing"
	"time"
)

// The integers are held against what floating point says.
func TestFadingIsThatOfFloats(t *testing.T) {
	for life := range int64(40) {
		life = life*7919 + 1
		for age := range int64(200) {
			age = age * age * 97
			want := math.Exp2(-float64(age) / float64(life))
			if got := float64(halved(age, life)) / (1 << 62); math.Abs(got-want) > 1e-6 {
				t.Fatalf("2^(-%d/%d): %v, want %v", age, life, got, want)
			}
		}
	}
}

func TestGrowthIsThatOfFloats(t *testing.T) {
	for hours := range 24 * 200 {
		age := time.Duration(hours) * time.Hour
		want := 1 - math.Exp(-float64(hours)/(30*24))
		if got := float64(grown(age, 720*time.Hour)) / 1e6; math.Abs(got-want) > 2e-6 {
			t.Fatalf("%v: %v, want %v", age, got, want)
		}
	}
	if got := grown(math.MaxInt64, 720*time.Hour); got != 1_000_000 {
		t.Errorf("for ever: %v", got)
	}
}

func FuzzRoot(f *testing.F) {
	for _, n := range []uint64{0, 1, 2, 3, 4, 99, 100, 1 << 32, 1<<32 - 1, 1 << 62} {
		f.Add(n)
	}
	f.Fuzz(func(t *testing.T, n uint64) {
		n &= 1<<62 - 1
		if r := isqrt(n); r*r > n || (r+1)*(r+1) <= n {
			t.Fatalf("root of %d: %d", n, r)
		}
	})
}
