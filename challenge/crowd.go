package challenge

import "time"

// A crowd is those who cannot be told apart without a cookie: the browsers of one
// kind behind an address, or all that is behind it. Both are those of one host: what is
// collected at one site bars nobody from another.
type crowd [16]byte

// waits returns the crowd of those of c who wait in place of working. That costs
// nothing, and so it has a score of its own.
func (c crowd) waits() crowd {
	c[0] ^= 0xff
	return c
}

// newcomers returns the crowd of all kinds of browsers behind c that have earned no pass
// lately.
func (c crowd) newcomers() crowd {
	c[1] ^= 0xff
	return c
}

// turn returns how long c has to wait for its turn, which is one of turns that begin in
// every round; 0 if this is it.
func (c crowd) turn(now time.Time) time.Duration {
	in := time.Duration(now.UnixNano() % int64(turns*turnTime))
	begins := time.Duration(c[15]%turns) * turnTime
	if in >= begins && in < begins+turnTime {
		return 0
	}
	return (begins - in + turns*turnTime) % (turns * turnTime)
}
