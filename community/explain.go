package community

import (
	"context"
	"fmt"
	"time"

	"github.com/tocsin-project/tocsin/consensus"
)

// An Explanation says whether and why a unit is listed. It names no member, gives numbers of
// members as ranges, and rounds times to the hour.
type Explanation struct {
	Unit   consensus.Unit
	Listed bool
	Action consensus.Remediation
	List   consensus.List
	Until  time.Time
	// The rest is for the person who uses the address.
	Text       string // in English
	Since      time.Time
	From, To   time.Time // when it was seen
	Behaviour  string    // empty: of different kinds
	Confidence uint8
	Members    string // such as "4–7"
	Networks   string
	Ordinary   string // members that see ordinary use; empty: fewer than two
	Net        string
	Threshold  string
	Earlier    int
	Suspended  time.Time // an appeal keeps the unit off the list until then
	Exempt     bool      // addresses of this kind are never listed
}

// Explain says whether a unit is listed and until when. A person who proved to use the address
// also learns why.
func (c *Centre) Explain(ctx context.Context, unit consensus.Unit, proven bool) (x Explanation, err error) {
	now := c.now()
	x = Explanation{Unit: unit}
	if unit, err = unitOf(unit); err != nil {
		if x.Unit != consensus.UnitOf(x.Unit.Addr()) {
			return x, invalid("%w", err)
		}
		x.Exempt, x.Text = true, "Not listed. Addresses of this kind are never listed."
		return x, nil
	}
	if l, listed := c.board.get(unit); listed && !proven {
		c.show(&x, l, now)
	}
	if !proven {
		return x, nil
	}
	err = c.view(ctx, "explaining a listing", func(tx ReadTx) error {
		f, err := c.open(tx, unit)
		if err != nil {
			return err
		}
		c.show(&x, f.record.Listed, now)
		c.tell(&x, f, now)
		return nil
	})
	return x, err
}

// show adds the public part.
func (c *Centre) show(x *Explanation, l Listing, now time.Time) {
	if l.Action != consensus.Allow && l.Until.After(now) {
		x.Listed, x.Action, x.List, x.Until = true, l.Action, l.List, l.Until
	}
}

// tell adds the part for the person who uses the address.
func (c *Centre) tell(x *Explanation, f *file, now time.Time) {
	v := c.verdict(f, now)
	x.Exempt = f.class.Exclusion != consensus.NotExcluded || f.class.Canary
	if end := v.Next.Appealed.Add(c.cfg.Rules.Config().Durations.Suppression); !v.Next.Appealed.IsZero() && end.After(now) {
		x.Suspended = end
	}
	x.Text = consensus.Explain(v)
	if !x.Listed {
		return
	}
	s := v.Summary()
	x.Since, x.From, x.To = s.Since, s.From, s.To
	x.Behaviour, x.Confidence = string(s.Behaviour), s.Confidence
	x.Members, x.Networks = consensus.Band(v.Established), consensus.Band(v.Networks)
	if v.Witnesses >= 2 {
		x.Ordinary = consensus.Band(v.Witnesses)
	}
	x.Net, x.Threshold, x.Earlier = v.Net.String(), v.Threshold.String(), v.Earlier
}

// verdict returns the stored verdict about a unit, with contributions computed again, and the
// tier that readers of the list got.
func (c *Centre) verdict(f *file, now time.Time) consensus.Verdict {
	v := f.record.Verdict
	v.Unit = f.unit
	e := c.evidence(f, c.state.standing.Load(), now)
	v.Contributions = consensus.Evaluate(now, c.cfg.Rules, e).Contributions
	switch l := f.record.Listed; {
	case l.Action == consensus.Allow || !l.Until.After(now):
		v.Tier, v.Remediation = min(v.Tier, consensus.Watched), consensus.Allow
	default:
		v.Remediation, v.Expires = l.Action, l.Until
	}
	return v
}

// Facts are all data about a unit, with times to the minute: the second in which a report arrived
// or led to a listing could show which member sent it. They name no member.
type Facts struct {
	Community   string       `json:"community"`
	Unit        string       `json:"unit"`
	At          time.Time    `json:"at"`
	Tier        string       `json:"tier"`
	Action      string       `json:"action"`
	Since       *time.Time   `json:"since,omitempty"`
	Until       *time.Time   `json:"until,omitempty"`
	Reasons     []string     `json:"reasons,omitempty"`
	Episodes    []FactSpan   `json:"episodes,omitempty"`
	Reports     []FactReport `json:"reports,omitempty"`
	Ordinary    []FactUse    `json:"ordinary_use,omitempty"`
	Cases       []FactCase   `json:"cases,omitempty"`
	Appealed    *time.Time   `json:"appealed,omitempty"`
	Suppressed  *time.Time   `json:"suppressed_until,omitempty"`
	Recipients  string       `json:"recipients"`
	Explanation string       `json:"explanation"`
}

// A FactSpan is a time for which the unit was listed.
type FactSpan struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// A FactReport is a report about the unit.
type FactReport struct {
	Scenario   string    `json:"scenario"`
	Hash       string    `json:"hash,omitempty"`
	Behaviour  string    `json:"behaviour,omitempty"`
	First      time.Time `json:"first"`
	Last       time.Time `json:"last"`
	Arrived    time.Time `json:"arrived"`
	Events     string    `json:"events"`               // such as "4–7"
	Weightless bool      `json:"weightless,omitempty"` // it does not count
}

// A FactUse says that a member sees ordinary use.
type FactUse struct {
	Last time.Time `json:"last"`
}

// A FactCase is a case about the unit.
type FactCase struct {
	Kind    string     `json:"kind"`
	Opened  time.Time  `json:"opened"`
	State   string     `json:"state"`
	Decided *time.Time `json:"decided,omitempty"`
	Text    string     `json:"text,omitempty"`
	Reason  string     `json:"reason,omitempty"`
}

// Facts returns all data about a unit, for a person who proved to use the address.
func (c *Centre) Facts(ctx context.Context, unit consensus.Unit) (facts Facts, err error) {
	err = c.view(ctx, "gathering what is stored about a unit", func(tx ReadTx) (err error) {
		facts, err = c.facts(tx, unit, c.now())
		return err
	})
	return facts, err
}

func (c *Centre) facts(tx ReadTx, unit consensus.Unit, now time.Time) (Facts, error) {
	if unit != consensus.UnitOf(unit.Addr()) {
		return Facts{}, invalid("unit %s: want an IPv4 address or a /64 of IPv6", unit)
	}
	f, err := c.open(tx, unit)
	if err != nil {
		return Facts{}, err
	}
	cases, err := tx.CasesOf(unit)
	if err != nil {
		return Facts{}, err
	}
	reports, err := tx.Reports(unit) // also void ones
	if err != nil {
		return Facts{}, err
	}
	v := c.verdict(f, now)
	facts := Facts{
		Community: c.cfg.Name, Unit: consensus.UnitText(unit), At: minuteOf(now), Tier: v.Tier.String(), Action: v.Remediation.String(),
		Recipients: "the members of the community", Explanation: consensus.Explain(v),
		Appealed: minute(v.Next.Appealed), Since: minute(v.Next.Since), Until: minute(v.Expires),
	}
	if c.cfg.Public {
		facts.Recipients = "everybody: the list is public"
	}
	if !f.erased.IsZero() {
		facts.Suppressed = minute(f.erased.Add(suppression))
	}
	for _, reason := range v.Reasons {
		facts.Reasons = append(facts.Reasons, reason.Code())
	}
	for _, e := range v.Next.Episodes {
		facts.Episodes = append(facts.Episodes, FactSpan{minuteOf(e.From), minuteOf(e.To)})
	}
	for i := range reports {
		facts.Reports = append(facts.Reports, reports[i].fact())
	}
	for _, o := range f.ordinary {
		facts.Ordinary = append(facts.Ordinary, FactUse{minuteOf(o.Last)})
	}
	for _, k := range cases {
		facts.Cases = append(facts.Cases, FactCase{k.Kind.String(), minuteOf(k.Opened), k.State.String(), minute(k.Decided), k.Text, k.Reason})
	}
	return facts, nil
}

func (r *Report) fact() FactReport {
	return FactReport{
		Scenario: r.Scenario, Hash: r.Hash, Behaviour: string(r.Behaviour),
		First: minuteOf(r.First), Last: minuteOf(r.Last), Arrived: minuteOf(r.Arrived),
		Events: magnitudeText(r.Bucket), Weightless: !r.counts(),
	}
}

// magnitudeText returns the range of numbers with a magnitude.
func magnitudeText(bucket uint8) string {
	if bucket == 0 {
		return "1"
	}
	low := uint64(1) << min(bucket, 62)
	return fmt.Sprintf("%d–%d", low, 2*low-1)
}

func minuteOf(t time.Time) time.Time { return t.Truncate(time.Minute) }

// minute returns a time to the minute, or nil for one that is not set.
func minute(t time.Time) *time.Time { return moment(minuteOf(t)) }

// moment returns nil for a time that is not set.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
