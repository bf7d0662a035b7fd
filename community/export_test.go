package community

import (
	"context"

	"github.com/tocsin-project/tocsin/internal/limit"
)

// What Run does now and then.
func (c *Centre) RenewStandings(ctx context.Context) error { return c.renewStandings(ctx) }
func (c *Centre) RunJobs(ctx context.Context) error        { return c.runJobs(ctx) }
func (c *Centre) JudgeDue(ctx context.Context) error       { return c.judgeDue(ctx) }
func (c *Centre) Deadlines(ctx context.Context) error      { return c.watchDeadlines(ctx) }
func (c *Centre) SignHead(ctx context.Context) error       { return c.signHead(ctx) }

func keysOf[K comparable](l *limit.Limiter[K]) int {
	keys, _ := l.Sizes()
	return keys
}

// Sizes returns the sizes of all that is kept in memory.
func (c *Centre) Sizes() map[string]int {
	return map[string]int{
		"rates": keysOf(c.doors.signals), "failures": keysOf(c.doors.failed), "logins": keysOf(c.doors.logins),
		"joins": keysOf(c.doors.joins), "right keys": len(c.doors.keys.right), "passwords": len(c.doors.proven.proven), "own": len(c.own.all),
		"reporters": len(c.state.reporters), "listed by": len(c.state.listedBy), "listed": len(c.board.listed),
		"changed": len(c.board.changed), "watched": len(c.watch.units), "backlog": len(c.later.units),
		"cursors": len(c.cursors.waiting), "alarms": len(c.health.alarms), "troubles": len(c.health.troubles),
	}
}
