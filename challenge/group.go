package challenge

import "time"

// A group is a group of clients that only cookies can distinguish: all browsers of one
// kind behind an address, or all clients behind it. It belongs to one host: passes
// collected at one site bar nobody from another.
type group [16]byte

// waits returns the part of c that waits instead of solving puzzles. Waiting costs a
// client nothing, so it has its own score.
func (c group) waits() group {
	c[0] ^= 0xff
	return c
}

// newcomers returns the part of c whose kinds of browsers have earned no pass lately.
func (c group) newcomers() group {
	c[1] ^= 0xff
	return c
}

// turn returns how long c must wait for its turn; 0: it is now. A round has a fixed
// number of turns (turns), and each group has one of them.
func (c group) turn(now time.Time) time.Duration {
	in := time.Duration(now.UnixNano() % int64(turns*turnTime))
	begins := time.Duration(c[15]%turns) * turnTime
	if in >= begins && in < begins+turnTime {
		return 0
	}
	return (begins - in + turns*turnTime) % (turns * turnTime)
}
