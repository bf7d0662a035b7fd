//go:build race

package challenge

// raceEnabled says that more is allocated than without the race detector.
const raceEnabled = true
