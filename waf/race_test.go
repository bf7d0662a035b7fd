//go:build race

package waf

// raceEnabled says that all is slower, and that pools forget at random.
const raceEnabled = true
