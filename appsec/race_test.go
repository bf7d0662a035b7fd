//go:build race

package appsec

// raceEnabled: with the race detector, pools sometimes drop their values.
const raceEnabled = true
