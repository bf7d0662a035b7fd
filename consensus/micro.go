package consensus

import (
	"math/bits"
	"time"
)

// Micro is a number in millionths: 850,000 is 0.85. All weights are integers, so that
// a replay gives the same list on every processor.
type Micro int64

// One is the Micro for 1.
const One Micro = 1_000_000

// mul returns a·b. Neither is so large that it overflows: weights are at most One.
func (a Micro) mul(b Micro) Micro { return a * b / One }

// over returns a/b, and 0 if there is no b.
func (a Micro) over(b Micro) Micro {
	if b <= 0 {
		return 0
	}
	return a * One / b
}

// root returns the square root of a, which is not negative.
func (a Micro) root() Micro { return Micro(isqrt(uint64(max(0, a)) * uint64(One))) }

// isqrt returns the integer part of the square root of n.
func isqrt(n uint64) uint64 {
	if n == 0 {
		return 0
	}
	x := uint64(1) << ((bits.Len64(n) + 1) / 2) // not below the root
	for {
		y := (x + n/x) / 2
		if y >= x {
			return x
		}
		x = y
	}
}

// roots[k] is 2^(-2^-(k+1)), in units of 2^-64.
var roots = [24]uint64{
	0xb504f333f9de6484, 0xd744fccad69d6af4, 0xeac0c6e7dd24392f, 0xf5257d152486cc2c,
	0xfa83b2db722a033a, 0xfd3e0c0cf486c175, 0xfe9e115c7b8f884c, 0xff4ecb59511ec8a5,
	0xffa756521c8daed2, 0xffd3a751c0f7e10c, 0xffe9d2b2f7db2756, 0xfff4e91bff1b8c3e,
	0xfffa747ea0040664, 0xfffd3a3b7814eb54, 0xfffe9d1cc60ddab1, 0xffff4e8e25879bfa,
	0xffffa7470363f451, 0xffffd3a37dda0313, 0xffffe9d1bdf703af, 0xfffff4e8debe025e,
	0xfffffa746f4fa150, 0xfffffd3a37a3f8b0, 0xfffffe9d1bd1065a, 0xffffff4e8de845ae,
}

// halved returns 2^(-age/life), in units of 2^-62: math.Exp2 may differ in its last bit
// from one processor to another.
func halved(age, life int64) uint64 {
	if age <= 0 || life <= 0 {
		return 1 << 62
	}
	whole := age / life
	if whole >= 62 {
		return 0
	}
	result := uint64(1) << 62
	fraction := uint64(age%life) << 24 / uint64(life)
	for k, root := range roots {
		if fraction&(1<<(23-k)) != 0 {
			result, _ = bits.Mul64(result, root)
		}
	}
	return result >> whole
}

// micros returns a number in units of 2^-62, at most 1, in millionths, rounded.
func micros(n uint64) Micro {
	high, low := bits.Mul64(n, uint64(One))
	return Micro((high<<2 | low>>62) + low>>61&1)
}

// A fading is how evidence loses weight: by half each life, and all of it at its window,
// where it arrives without a step. So nobody notices that old evidence is deleted.
type fading struct {
	life, window int64 // seconds
	rest         uint64
}

func newFading(life, window time.Duration) fading {
	l, w := int64(life/time.Second), int64(window/time.Second)
	return fading{l, w, halved(w, l)}
}

// of returns what is left of 1 at an age in seconds.
func (f fading) of(age int64) Micro {
	if age >= f.window {
		return 0
	}
	left := halved(age, f.life) - f.rest
	whole := uint64(1)<<62 - f.rest
	return Micro((left >> 22) * uint64(One) / (whole >> 22))
}

// Decay returns what is left of the weight of evidence at an age.
func (c *Config) Decay(age time.Duration) Micro {
	return newFading(c.HalfLife, c.Window).of(int64(max(0, age) / time.Second))
}

// grown returns 1 − e^(−age/tau).
func grown(age, tau time.Duration) Micro {
	// e^-x is 2^-(x·log2 e). Twenty years do not overflow, and are for ever.
	seconds := int64(min(max(0, age), 20*365*24*time.Hour) / time.Second)
	return One - micros(halved(seconds*1_442_695_041/1_000_000_000, int64(tau/time.Second)))
}

// lasting returns the least of half-lives that is left of 1 after an age: the decay of credits.
func lasting(age, life time.Duration) Micro {
	return micros(halved(int64(max(0, age)/time.Second), int64(life/time.Second)))
}
