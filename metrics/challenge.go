package metrics

import (
	"github.com/tocsin-project/tocsin/challenge"
)

// What becomes of challenges.
var (
	challenges = own.counter("challenges_total",
		"Challenges, by what became of them: issued, solved, failed, replayed; waited: solved without JavaScript, by waiting; passed: requests let through by a pass; "+
			"barred: told to come back later, since passes are collected; renewed: passes in use; fallback: embedded ones because the provider failed.", labelEvent)
)

// challenges adds what became of challenges.
func (v values) challenges(n challenge.Counts) {
	for event, count := range map[string]uint64{
		"issued": n.Issued, "solved": n.Solved, "failed": n.Failed, "replayed": n.Replayed,
		"passed": n.Passed, "barred": n.Barred, "fallback": n.Fallback, "renewed": n.Renewed, "waited": n.Waited,
	} {
		v.set(challenges, float64(count), event)
	}
}
