//go:build !race

package detect

// raceEnabled: see race_test.go.
const raceEnabled = false
