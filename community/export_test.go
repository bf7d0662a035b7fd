package community

import "context"

// What Run does now and then.
func (c *Centre) RenewStandings(ctx context.Context) error { return c.renewStandings(ctx) }
func (c *Centre) RunJobs(ctx context.Context) error        { return c.runJobs(ctx) }
func (c *Centre) JudgeDue(ctx context.Context) error       { return c.judgeDue(ctx) }
func (c *Centre) Deadlines(ctx context.Context) error      { return c.watchDeadlines(ctx) }
func (c *Centre) SignHead(ctx context.Context) error       { return c.signHead(ctx) }

// Sizes returns the sizes of all that is kept in memory.
func (c *Centre) Sizes() map[string]int {
	return map[string]int{
		"rates": len(c.doors.signals.keys), "failures": len(c.doors.failed.keys), "logins": len(c.doors.logins.keys),
		"joins": len(c.doors.joins.keys), "passwords": len(c.doors.proven.proven), "own": len(c.own.all),
		"reporters": len(c.state.reporters), "listed by": len(c.state.listedBy), "listed": len(c.board.listed),
		"changed": len(c.board.changed), "watched": len(c.watch.units), "backlog": len(c.later.units),
		"cursors": len(c.cursors.waiting), "alarms": len(c.health.alarms), "troubles": len(c.health.troubles),
	}
}
