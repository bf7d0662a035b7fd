package admin

import (
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/consensus"
)

// CommunityKey is the new key of a member.
type CommunityKey struct {
	Login string `json:"login"`
	Key   string `json:"key"`
}

func (a *CommunityKey) write(w io.Writer) error {
	_, err := fmt.Fprintf(w, "%s\n\nThe old key of %s, or its password, ends now. Send the new one by a way that others cannot read.\n", a.Key, printable(a.Login))
	return err
}

// CommunityDone says that something was done.
type CommunityDone struct {
	Done      bool `json:"done"`
	Addresses int  `json:"addresses"` // that it changed
}

func (a *CommunityDone) write(w io.Writer) error {
	switch a.Addresses {
	case 0:
		return writeLine(w, "Done.")
	case 1:
		return writeLine(w, "Done: one address changed.")
	}
	return writeLine(w, fmt.Sprintf("Done: %d addresses changed.", a.Addresses))
}

// communityRolledBack says that a rollback was done.
type communityRolledBack struct{ CommunityDone }

func (a *communityRolledBack) write(w io.Writer) error {
	if err := a.CommunityDone.write(w); err != nil {
		return err
	}
	return writeLine(w, "The list gets no additions until tocsin community freeze off.")
}

// CommunityMembers are the members of a community.
type CommunityMembers struct {
	Members []CommunityMember `json:"members"`
}

// CommunityMember is a member, or a reader of the list.
type CommunityMember struct {
	Login       string     `json:"login"`
	ID          string     `json:"id"` // keyed hash, in hexadecimal
	Role        string     `json:"role"`
	Name        string     `json:"name,omitempty"`
	Contact     string     `json:"contact,omitempty"`
	Operator    string     `json:"operator,omitempty"`
	State       string     `json:"state"`
	Established bool       `json:"established"`
	Trust       string     `json:"trust"`
	Reports     int64      `json:"reports"` // of 14 days
	Confirmed   int64      `json:"confirmed"`
	Joined      time.Time  `json:"joined"`
	Seen        *time.Time `json:"seen,omitempty"`
	Why         []string   `json:"why,omitempty"`
}

func newCommunityMember(m *community.Membership) CommunityMember {
	a, s := &m.Account, &m.Standing
	return CommunityMember{
		Login: a.Login, ID: m.ID, Role: roleName(a.Role), Name: a.Name, Contact: a.Contact, Operator: a.Operator,
		State: s.State.String(), Established: s.Established, Trust: s.Trust.String(), Reports: s.Reports, Confirmed: s.Confirmed,
		Joined: a.Joined, Seen: timeOrNil(a.Seen), Why: s.Why,
	}
}

func roleName(r community.Role) string {
	if r == community.Reporter {
		return "member"
	}
	return "reader"
}

func timeOrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func (a *CommunityMembers) write(w io.Writer) error {
	return writeTable(w, func(t table) {
		t.row("LOGIN", "ROLE", "NAME", "OPERATOR", "STATE", "ESTABLISHED", "TRUST", "REPORTS", "CONFIRMED", "SEEN")
		for i := range a.Members {
			m, seen := &a.Members[i], "never"
			switch {
			case m.Seen == nil:
			case t.now.Sub(*m.Seen) < time.Hour: // the centre notes only the hour
				seen = "within an hour"
			default:
				seen = t.ago(*m.Seen)
			}
			t.row(m.Login, m.Role, m.Name, m.Operator, m.State, yesNo(m.Established), m.Trust, m.Reports, m.Confirmed, seen)
		}
		for i := range a.Members {
			for _, why := range a.Members[i].Why {
				t.row()
				t.row(a.Members[i].Login + ": " + why)
			}
		}
	})
}

// CommunityInvitations are the invitations that there are.
type CommunityInvitations struct {
	Invitations []CommunityInvitation `json:"invitations"`
}

// CommunityInvitation is an invitation.
type CommunityInvitation struct {
	Code     string     `json:"code,omitempty"` // of a new one
	Name     string     `json:"name,omitempty"`
	Operator string     `json:"operator,omitempty"`
	By       string     `json:"by,omitempty"` // the login of the member who invited
	Role     string     `json:"role"`
	Vouched  bool       `json:"vouched"`
	Until    time.Time  `json:"until"`
	Used     *time.Time `json:"used,omitempty"`
}

func (a *CommunityInvitations) write(w io.Writer) error {
	return writeTable(w, func(t table) {
		t.row("NAME", "OPERATOR", "BY", "ROLE", "VOUCHED", "ENDS", "USED")
		for _, i := range a.Invitations {
			used := "no"
			if i.Used != nil {
				used = t.ago(*i.Used)
			}
			t.row(i.Name, i.Operator, i.By, i.Role, yesNo(i.Vouched), t.in(i.Until, "never"), used)
		}
	})
}

// CommunityListings is the list, the surest entries first.
type CommunityListings struct {
	Total    int                `json:"total"`
	Listings []CommunityListing `json:"listings"`
}

// CommunityListing is an entry of the list.
type CommunityListing struct {
	Address   string    `json:"address"`
	Action    string    `json:"action"`
	List      string    `json:"list,omitempty"` // tor or scanners; empty: the main list
	Behaviour string    `json:"behaviour,omitempty"`
	Until     time.Time `json:"until"`
	Surety    string    `json:"surety"` // net weight as a share of the threshold
}

func newCommunityListing(l *community.Listing) CommunityListing {
	return CommunityListing{
		Address: consensus.UnitText(l.Unit), Action: l.Action.String(), List: l.List.Name(), Behaviour: string(l.Behaviour),
		Until: l.Until, Surety: l.Surety.String(),
	}
}

func (a *CommunityListings) write(w io.Writer) error {
	return writeTable(w, func(t table) {
		t.row("ADDRESS", "ACTION", "LIST", "BEHAVIOUR", "ENDS", "SURETY")
		for i := range a.Listings {
			l := &a.Listings[i]
			t.row(l.Address, l.Action, l.List, l.Behaviour, t.in(l.Until, ""), l.Surety)
		}
		if a.Total > len(a.Listings) {
			t.row()
			t.row(fmt.Sprintf("%d of %d: --limit shows more.", len(a.Listings), a.Total))
		}
	})
}

// CommunityExplanation says why an address is listed, or is not, with all facts.
type CommunityExplanation struct {
	Text  string          `json:"text"`
	Facts community.Facts `json:"facts"`
}

func (a *CommunityExplanation) write(w io.Writer) error {
	return writeTable(w, func(t table) {
		t.row(a.Facts.Unit + ": " + a.Text)
		if len(a.Facts.Reports) == 0 {
			return
		}
		t.row()
		t.row("SCENARIO", "BEHAVIOUR", "FIRST", "LAST", "EVENTS", "COUNTS")
		for _, r := range a.Facts.Reports {
			t.row(r.Scenario, r.Behaviour, r.First.Format(time.DateTime), r.Last.Format(time.DateTime), r.Events, yesNo(!r.Weightless))
		}
	})
}

// CommunityCases are appeals, requests for erasure, and what the centre wants looked at.
type CommunityCases struct {
	Cases []CommunityCase `json:"cases"`
}

// CommunityCase is a case.
type CommunityCase struct {
	ID      uint64     `json:"id"`
	Kind    string     `json:"kind"`
	Address string     `json:"address"`
	Proven  bool       `json:"proven"` // the person proved to use the address
	State   string     `json:"state"`
	Opened  time.Time  `json:"opened"`
	Due     time.Time  `json:"due"`
	Text    string     `json:"text,omitempty"`
	By      string     `json:"by,omitempty"`
	Reason  string     `json:"reason,omitempty"`
	Decided *time.Time `json:"decided,omitempty"`
}

func newCommunityCase(c *community.Case) CommunityCase {
	return CommunityCase{
		ID: c.ID, Kind: c.Kind.String(), Address: consensus.UnitText(c.Unit), Proven: c.Proven, State: c.State.String(),
		Opened: c.Opened, Due: c.Due, Text: c.Text, By: c.By, Reason: c.Reason, Decided: timeOrNil(c.Decided),
	}
}

func (a *CommunityCases) write(w io.Writer) error {
	return writeTable(w, func(t table) {
		t.row("ID", "KIND", "ADDRESS", "PROVEN", "STATE", "DUE", "TEXT")
		for i := range a.Cases {
			c := &a.Cases[i]
			t.row(c.ID, c.Kind, c.Address, yesNo(c.Proven), c.State, t.in(c.Due, ""), firstLine(c.Text))
		}
	})
}

func firstLine(s string) string {
	const most = 60
	s, _, _ = strings.Cut(s, "\n")
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}

// CommunityAudit is a part of the audit log.
type CommunityAudit struct {
	Entries []CommunityEntry `json:"entries"`
}

// CommunityEntry says who did what to which address or member.
type CommunityEntry struct {
	Seq    uint64    `json:"seq"`
	At     time.Time `json:"at"`
	Actor  string    `json:"actor"`
	Action string    `json:"action"`
	Target string    `json:"target,omitempty"`
	Detail string    `json:"detail,omitempty"`
	Hash   string    `json:"hash"`
}

func newCommunityEntry(e *community.Entry) CommunityEntry {
	return CommunityEntry{
		Seq: e.Seq, At: e.At, Actor: e.Actor, Action: e.Action, Target: e.Target, Detail: e.Detail, Hash: hex.EncodeToString(e.Hash),
	}
}

func (a *CommunityAudit) write(w io.Writer) error {
	return writeTable(w, func(t table) {
		t.row("NUMBER", "AT", "WHO", "WHAT", "TARGET", "DETAIL")
		for i := range a.Entries {
			e := &a.Entries[i]
			t.row(e.Seq, e.At.Format(time.DateTime), e.Actor, e.Action, e.Target, e.Detail)
		}
	})
}
