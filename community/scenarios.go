package community

import (
	"context"
	"fmt"
	"maps"

	"github.com/tocsin-project/tocsin/consensus"
)

// maxHashes is the limit of scenarios in quarantine.
const maxHashes = 1000

// Quarantine voids all reports by a scenario with this hash, and new ones get no weight; or it
// ends the quarantine. It returns the number of units with voided reports.
func (c *Centre) Quarantine(ctx context.Context, actor, hash string, on bool, reason string) (n int, err error) {
	if !isHash(hash) {
		return 0, invalid("hash of a scenario: want a SHA-256 in lower-case hexadecimal")
	}
	reason = cut(reason, maxText)
	var units []consensus.Unit
	err = c.update(ctx, "quarantining a scenario", func(w *work) (err error) {
		if units, err = w.quarantine(hash, on, reason); err != nil {
			return err
		}
		action := "scenario.clear"
		if on {
			action = "scenario.quarantine"
		}
		return w.audit(actor, action, "", fmt.Sprintf("%s, %d units: %s", hash, len(units), reason))
	})
	if err != nil {
		return 0, err
	}
	if err := c.judgeAll(ctx, units); err != nil {
		return 0, err
	}
	_, err = c.Follow(ctx)
	return len(units), err
}

func (w *work) quarantine(hash string, on bool, reason string) (units []consensus.Unit, err error) {
	hashes := maps.Clone(*w.c.state.hashes.Load())
	switch {
	case !on:
		delete(hashes, hash)
	case len(hashes) >= maxHashes:
		return nil, invalid("%d scenarios are in quarantine: end that of some", len(hashes))
	default:
		if hashes == nil {
			hashes = map[string]string{}
		}
		hashes[hash] = reason
		if units, err = w.Tx.Void(0, hash); err != nil {
			return nil, err
		}
	}
	return units, putJSON(w.Tx, settingHashes, hashes)
}

// Quarantined returns the hashes of the scenarios that are in quarantine, with the reasons.
func (c *Centre) Quarantined() map[string]string { return maps.Clone(*c.state.hashes.Load()) }
