package community

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tocsin-project/tocsin/consensus"
)

// kindNames describe the classes of addresses.
var kindNames = map[consensus.Exclusion]string{
	consensus.Crawler: "a search engine", consensus.CDN: "a CDN", consensus.Resolver: "a public DNS resolver",
	consensus.Authority: "a certificate authority", consensus.Payment: "a payment service or sender of webhooks",
	consensus.Monitor: "a monitoring service", consensus.CERT: "a CERT",
}

// diagnose returns the probable mistake of a quarantined member.
func (c *Centre) diagnose(tx ReadTx, id consensus.MemberID, now time.Time) (string, error) {
	faults, err := tx.Faults()
	if err != nil {
		return "", err
	}
	kinds := map[string][]string{}
	for _, f := range faults {
		if f.Member != id || !f.Hit || !f.Unit.IsValid() || now.Sub(f.At) > 2*day {
			continue
		}
		class := c.cfg.Classes.Class(f.Unit)
		kind := kindNames[class.Exclusion]
		if class.Canary || kind == "" {
			kind = "nobody: no server connects from it"
		}
		if class.Name != "" && !class.Canary {
			kind += " (" + class.Name + ")"
		}
		if !slices.Contains(kinds[kind], consensus.UnitText(f.Unit)) {
			kinds[kind] = append(kinds[kind], consensus.UnitText(f.Unit))
		}
	}
	if len(kinds) == 0 {
		return "You report far more addresses than other members, and hardly anybody else sees them: look at which of your scenarios reports ordinary visitors.", nil
	}
	var all []string
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		units := kinds[kind]
		all = append(all, fmt.Sprintf("You report addresses of %s: %s.", kind, strings.Join(units[:min(3, len(units))], ", ")))
	}
	return strings.Join(all, " ") + advice(kinds), nil
}

// advice returns what to do about reports of services.
func advice(kinds map[string][]string) string {
	for kind := range kinds {
		if strings.HasPrefix(kind, kindNames[consensus.CDN]) {
			return " Your server takes the CDN for the client: configure the trusted proxies."
		}
	}
	return " Allow these services, and look at which scenario reports them."
}

// A Standing is the status of a member in the community.
type Standing struct {
	State       consensus.State
	Established bool
	Trust       consensus.Micro
	Why         []string // sentences for the operator of the member
	Reports     int64    // of the last 14 days
	Confirmed   int64
	Own         []consensus.Unit // its addresses that others report
	Notice      string
}

// StandingOf returns the standing of a member, with reasons.
func (c *Centre) StandingOf(ctx context.Context, by Caller) (s Standing, err error) {
	now := c.now()
	err = c.view(ctx, "reading a standing", func(tx ReadTx) (err error) {
		s, err = c.standingOf(tx, by.ID, now)
		return err
	})
	if err != nil {
		return s, err
	}
	w := work{c: c, now: now, standing: c.state.standing.Load()}
	s.Own, s.Notice = c.attackers(by), w.notice(by)
	if len(s.Own) == 0 || by.Login == "" {
		return s, nil
	}
	err = c.cfg.Accounts.Change(ctx, by.Login, func(a *Account) error {
		a.Told = now
		return nil
	})
	return s, doing("noting that a member was told", err)
}

func (c *Centre) standingOf(tx ReadTx, id consensus.MemberID, now time.Time) (s Standing, err error) {
	all := c.state.standing.Load()
	standing, known := all.of[id]
	if !known {
		return Standing{Why: []string{"The community does not know this member yet."}}, nil
	}
	s = Standing{State: standing.State, Established: c.established(standing), Trust: standing.Trust}
	volumes, err := tx.Volumes(now.Add(-c.cfg.Retention.Reports), now.Add(time.Second), id)
	if err != nil {
		return s, err
	}
	s.Reports, s.Confirmed = volumes[id].Reports, volumes[id].Corroborated
	credits, err := tx.Credits()
	if err != nil {
		return s, err
	}
	faults, err := tx.Faults()
	if err != nil {
		return s, err
	}
	s.Why = c.why(standing, count(credits, func(cr consensus.Credit) bool { return cr.Member == id }),
		count(faults, func(f consensus.Fault) bool { return f.Member == id }))
	if standing.State != consensus.Quarantined && !hitsToday(faults, id, now) {
		return s, nil
	}
	diagnosis, err := c.diagnose(tx, id, now)
	if err != nil {
		return s, err
	}
	s.Why = append(s.Why, diagnosis)
	if standing.State == consensus.Quarantined {
		s.Why = append(s.Why, "Your reports count again after a day without such reports.")
	}
	return s, nil
}

// hitsToday reports whether a member reported what nobody attacks from: its operator should know,
// also if its other reports still count.
func hitsToday(faults []consensus.Fault, id consensus.MemberID, now time.Time) bool {
	return slices.ContainsFunc(faults, func(f consensus.Fault) bool {
		return f.Member == id && f.Hit && f.Unit.IsValid() && now.Sub(f.At) < day
	})
}

func count[T any](all []T, match func(T) bool) (n int) {
	for _, v := range all {
		if match(v) {
			n++
		}
	}
	return n
}

// why explains a member's trust.
func (c *Centre) why(s consensus.Standing, credits, faults int) (why []string) {
	cfg := c.cfg.Rules.Config().Trust
	switch s.State {
	case consensus.Vouched:
		why = append(why, "The operator of the community knows this member: its word counts from the first day.")
	case consensus.Suspended:
		why = append(why, "A moderator suspended this member: its reports weigh nothing.")
	case consensus.Quarantined:
		why = append(why, "The reports of this member are set aside.")
	}
	if s.Age < cfg.Weightless && s.State == consensus.Active {
		why = append(why, fmt.Sprintf("It is a member for %d days; reports weigh nothing before %d.", int(s.Age/day), int(cfg.Weightless/day)))
	} else if s.Age < cfg.EstablishedAge && s.State == consensus.Active {
		why = append(why, fmt.Sprintf("It is a member for %d days; its word can carry a listing after %d.", int(s.Age/day), int(cfg.EstablishedAge/day)))
	}
	why = append(why, fmt.Sprintf("%d of its reports told the community something new that others confirmed; %d proved false.", credits, faults))
	if s.Dilution < consensus.One {
		why = append(why, "It reports so many addresses a day that each report weighs less.")
	}
	return why
}

// ReportsOf returns a member's latest reports, for its own page.
func (c *Centre) ReportsOf(ctx context.Context, by Caller, limit int) (reports []Report, err error) {
	err = c.view(ctx, "reading what a member reports", func(tx ReadTx) (err error) {
		reports, err = tx.ReportsOf(by.ID, limit)
		return err
	})
	return reports, err
}
