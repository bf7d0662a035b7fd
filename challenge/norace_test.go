//go:build !race

package challenge

// raceEnabled: see race_test.go.
const raceEnabled = false
