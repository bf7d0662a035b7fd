//go:build !race

package appsec

// raceEnabled: see race_test.go.
const raceEnabled = false
