package detect

import "testing"

// skipUnderRace skips a long test of one goroutine under the race detector, which would
// find nothing and take ten times as long. CI runs it without.
func skipUnderRace(t *testing.T) {
	t.Helper()
	if raceEnabled {
		t.Skip("one goroutine: runs without the race detector")
	}
}
