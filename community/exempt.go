package community

import (
	"context"

	"github.com/tocsin-project/tocsin/consensus"
)

// judgeExempt judges the entries of the list again that lists of addresses, or a newer version of
// this program, do not allow any more. Otherwise they would stay until their end, up to a week.
func (c *Centre) judgeExempt(ctx context.Context) error {
	var units []consensus.Unit
	for _, e := range c.board.snapshot().Entries {
		if class := c.cfg.Classes.Class(e.Unit); !consensus.Listable(e.Unit) || !class.allows(e.Action) {
			units = append(units, e.Unit)
		}
	}
	return c.judgeAll(ctx, units)
}

// allows reports whether the list can have this action for an address of this class.
func (c Class) allows(action consensus.Remediation) bool {
	return c.Exclusion == consensus.NotExcluded && !c.Canary && (action != consensus.Ban || !c.Shared && !c.Tor)
}
