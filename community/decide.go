package community

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tocsin-project/tocsin/consensus"
)

// Cases returns open or all cases, the earliest deadline first.
func (c *Centre) Cases(ctx context.Context, actor string, all bool, limit int) (cases []Case, err error) {
	err = c.update(ctx, "reading cases", func(w *work) (err error) {
		if cases, err = w.Cases(all, limit); err != nil {
			return err
		}
		return w.audit(actor, "cases.read", "", "")
	})
	return cases, err
}

// A File is a case with the data that a moderator needs.
type File struct {
	Case        Case
	Record      Record // zero: the unit has no record
	Explanation Explanation
	Reporters   []string // keyed hashes, in hexadecimal
	Reports     []FileReport
	Earlier     []Case // other cases about the unit
}

// A FileReport is a report about the unit of a case.
type FileReport struct {
	Member string // its keyed hash, in hexadecimal
	FactReport
}

// maxFileReports is the limit of reports in a file: the latest.
const maxFileReports = 200

// File returns a case with the data that a moderator needs.
func (c *Centre) File(ctx context.Context, actor string, id uint64) (full File, err error) {
	err = c.update(ctx, "reading a case", func(w *work) (err error) {
		full = File{}
		if full.Case, err = w.Case(id); err != nil {
			return err
		}
		if unit := full.Case.Unit; unit.IsValid() {
			if err := w.fill(&full, unit); err != nil {
				return err
			}
		}
		return w.audit(actor, "case.read", target(&full.Case), fmt.Sprintf("case %d", id))
	})
	return full, err
}

func (w *work) fill(full *File, unit consensus.Unit) error {
	f, err := w.c.open(w.Tx, unit)
	if err != nil {
		return err
	}
	full.Record = f.record
	full.Explanation = Explanation{Unit: unit, Action: f.record.Listed.Action, Listed: f.record.Listed.Action != consensus.Allow, Until: f.record.Listed.Until}
	w.c.tell(&full.Explanation, f, w.now)
	for _, m := range f.members() {
		full.Reporters = append(full.Reporters, showID(m))
	}
	for i := max(0, len(f.reports)-maxFileReports); i < len(f.reports); i++ {
		full.Reports = append(full.Reports, FileReport{showID(f.reports[i].Member), f.reports[i].fact()})
	}
	all, err := w.CasesOf(unit)
	full.Earlier = slices.DeleteFunc(all, func(k Case) bool { return k.ID == full.Case.ID })
	return err
}

// members returns the members that report a unit.
func (f *file) members() (all []consensus.MemberID) {
	for i := range f.reports {
		all = append(all, f.reports[i].Member)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func target(k *Case) string {
	if !k.Unit.IsValid() {
		return ""
	}
	return consensus.UnitText(k.Unit)
}

// Decide closes a case. With Upheld, each member that reported the unit loses trust; Goodwill
// only ends the listing; Rejected needs a reason. Decide returns ErrConflict if the operator of
// that name has a member that reported the unit.
func (c *Centre) Decide(ctx context.Context, actor string, id uint64, outcome CaseState, reason string) (k Case, err error) {
	reason = cut(reason, maxText)
	switch {
	case outcome != Upheld && outcome != Goodwill && outcome != Rejected:
		return k, invalid("outcome: want upheld, goodwill or rejected")
	case actor == "":
		return k, invalid("who decides: want a name")
	case outcome == Rejected && reason == "":
		return k, invalid("a rejection without a reason: say why")
	}
	theirs, err := c.membersOf(ctx, actor)
	if err != nil {
		return k, err
	}
	err = c.update(ctx, "deciding a case", func(w *work) (err error) {
		k, err = w.decideCase(actor, id, outcome, reason, theirs)
		return err
	})
	return k, err
}

// membersOf returns the members of an operator with this name, as the invitation says. Members
// choose their login, name and contact: with the name of a moderator, they could prevent decisions
// about what they report.
func (c *Centre) membersOf(ctx context.Context, actor string) (theirs map[consensus.MemberID]bool, err error) {
	accounts, err := c.cfg.Accounts.All(ctx)
	if err != nil {
		return nil, doing("reading accounts", err)
	}
	theirs = map[consensus.MemberID]bool{}
	for _, a := range accounts {
		if strings.EqualFold(a.Operator, actor) {
			theirs[c.memberID(a.Login)] = true
		}
	}
	return theirs, nil
}

func (w *work) decideCase(actor string, id uint64, outcome CaseState, reason string, theirs map[consensus.MemberID]bool) (Case, error) {
	k, err := w.Case(id)
	if err != nil {
		return k, err
	}
	if k.State != Open {
		return k, invalid("case %d is %s already", id, k.State)
	}
	f, err := w.c.open(w.Tx, k.Unit)
	if err != nil {
		return k, err
	}
	if w.involves(f, theirs) {
		return k, ErrConflict
	}
	k.State, k.By, k.Reason, k.Decided = outcome, actor, reason, w.now
	if err := w.carryOut(&k, f); err != nil {
		return k, err
	}
	return k, w.audit(actor, k.Kind.String()+"."+k.State.String(), target(&k), fmt.Sprintf("case %d: %s", id, reason))
}

// involves reports whether one of these members, or one of their clusters, reported a unit.
func (w *work) involves(f *file, theirs map[consensus.MemberID]bool) bool {
	clusters := map[consensus.ClusterID]bool{}
	for m := range theirs {
		if s, known := w.standing.of[m]; known {
			clusters[s.Cluster] = true
		}
	}
	return slices.ContainsFunc(f.members(), func(m consensus.MemberID) bool {
		s, known := w.standing.of[m]
		return theirs[m] || known && clusters[s.Cluster]
	})
}

// carryOut carries out a decision.
func (w *work) carryOut(k *Case, f *file) error {
	if k.State == Upheld && k.Kind == Appeal {
		for _, m := range f.supporters(k.Opened) {
			if err := w.AddFault(consensus.Fault{Member: m, Unit: k.Unit, At: w.now}); err != nil {
				return err
			}
		}
	}
	if k.State == Rejected {
		_, err := w.PutCase(*k)
		return err
	}
	if k.Kind == Erasure {
		return w.erase(k.Unit, k.By) // this also deletes the case
	}
	if _, err := w.suspendListing(k.Unit); err != nil {
		return err
	}
	_, err := w.PutCase(*k)
	return err
}

// supporters returns the members whose reports about a unit counted when a case was opened.
func (f *file) supporters(at time.Time) (all []consensus.MemberID) {
	for i := range f.reports {
		if r := &f.reports[i]; r.counts() && !r.Arrived.After(at) {
			all = append(all, r.Member)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Extend extends the deadline of a case. It needs a reason.
func (c *Centre) Extend(ctx context.Context, actor string, id uint64, due time.Time, reason string) (k Case, err error) {
	if reason = cut(reason, maxText); reason == "" {
		return k, invalid("more time without a reason: say why")
	}
	err = c.update(ctx, "giving a case more time", func(w *work) (err error) {
		if k, err = w.Case(id); err != nil {
			return err
		}
		if k.State != Open {
			return invalid("case %d is %s already", id, k.State)
		}
		if most := k.Opened.Add(legalTime); !due.After(w.now) || due.After(most) {
			return invalid("time of the decision: want one up to %s", most.Format(time.RFC3339))
		}
		k.Due = due.UTC()
		if _, err := w.PutCase(k); err != nil {
			return err
		}
		return w.audit(actor, "case.extend", target(&k), fmt.Sprintf("case %d until %s: %s", id, k.Due.Format(time.RFC3339), reason))
	})
	return k, err
}

// legalTime is the time that the law allows for an answer.
const legalTime = month

// LookUp returns all data about a unit, but not who reported it. The audit log records the call.
func (c *Centre) LookUp(ctx context.Context, actor string, unit consensus.Unit) (facts Facts, err error) {
	err = c.update(ctx, "looking up a unit", func(w *work) (err error) {
		if facts, err = c.facts(w.Tx, unit, w.now); err != nil {
			return err
		}
		return w.audit(actor, "unit.read", consensus.UnitText(unit), "")
	})
	return facts, err
}

// Exclusive returns the listings with exactly the required number of supporters, as colluders
// would have them.
func (c *Centre) Exclusive(ctx context.Context, actor string, limit int) (records []Record, err error) {
	err = c.update(ctx, "reading listings that few carry", func(w *work) error {
		records = nil
		for _, e := range c.board.snapshot().Entries {
			if len(records) >= limit {
				break
			}
			r, err := w.Record(e.Unit)
			if err != nil {
				return err
			}
			if r.Verdict.Established <= r.Verdict.Needed {
				records = append(records, r)
			}
		}
		return w.audit(actor, "exclusive.read", "", "")
	})
	return records, err
}
