//go:build race

package appsec

// raceEnabled: under the race detector pools drop what they are given now and then.
const raceEnabled = true
