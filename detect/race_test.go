//go:build race

package detect

// raceEnabled says that all is slower, and that pools forget at random.
const raceEnabled = true
