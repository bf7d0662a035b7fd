package metrics

import (
	"github.com/tocsin-project/tocsin/challenge"
)

// The metrics of challenges.
var (
	challenges = own.counter("challenges_total",
		"Challenges by event: issued, solved, failed, replayed; waited: solved by waiting, without JavaScript; passed: requests with a pass; "+
			"barred: refused for some minutes, because a client there collects passes; renewed: passes in use; fallback: embedded ones, because the provider failed.", labelEvent)
)

// challenges adds the counts of challenges.
func (v values) challenges(n challenge.Counts) {
	for event, count := range map[string]uint64{
		"issued": n.Issued, "solved": n.Solved, "failed": n.Failed, "replayed": n.Replayed,
		"passed": n.Passed, "barred": n.Barred, "fallback": n.Fallback, "renewed": n.Renewed, "waited": n.Waited,
	} {
		v.set(challenges, float64(count), event)
	}
}
