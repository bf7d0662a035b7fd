package admin

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/tocsin-project/tocsin/community"
)

func centreMembers(q centreQuery, w http.ResponseWriter) error {
	all, err := q.Members(q, q.by)
	if err != nil {
		return err
	}
	a := CommunityMembers{Members: make([]CommunityMember, len(all))}
	for i := range all {
		a.Members[i] = newCommunityMember(&all[i])
	}
	return send(w, http.StatusOK, a)
}

// centreChange changes the state of a member.
func centreChange(q centreQuery, w http.ResponseWriter) error {
	login, reason := q.Get("login"), q.Get("reason")
	var err error
	switch state := q.Get("state"); state {
	case "suspended":
		err = q.Suspend(q, q.by, login, true, reason)
	case "active":
		err = errors.Join(q.Suspend(q, q.by, login, false, reason), q.Vouch(q, q.by, login, false, reason))
	case "vouched":
		err = q.Vouch(q, q.by, login, true, reason)
	default:
		return apiError(http.StatusBadRequest, fmt.Errorf("parameter state: %.64q: want active, vouched or suspended", state))
	}
	if err != nil {
		return err
	}
	return done(w, 0)
}

// centreKey gives a member a new key.
func centreKey(q centreQuery, w http.ResponseWriter) error {
	key, err := q.NewKey(q, q.by, q.Get("login"))
	if err != nil {
		return err
	}
	return send(w, http.StatusOK, CommunityKey{Login: q.Get("login"), Key: key})
}

func centreInvite(q centreQuery, w http.ResponseWriter) error {
	i := community.Invitee{Name: q.Get("name"), Operator: q.Get("operator"), Role: community.Reporter}
	switch role := q.Get("role"); role {
	case "", "member":
	case "reader":
		i.Role = community.Reader
	default:
		return apiError(http.StatusBadRequest, fmt.Errorf("parameter role: %.64q: want member or reader", role))
	}
	var err error
	if i.Vouched, err = q.flag("vouched"); err != nil {
		return err
	}
	if s := q.Get("for"); s != "" {
		if i.For, err = caddy.ParseDuration(s); err != nil || i.For <= 0 {
			return apiError(http.StatusBadRequest, fmt.Errorf("parameter for: %.64q: want a duration such as 7d", s))
		}
	}
	code, err := q.Invite(q, q.by, i)
	if err != nil {
		return err
	}
	lasts := i.For
	if lasts == 0 {
		lasts = 30 * 24 * time.Hour
	}
	return send(w, http.StatusOK, CommunityInvitation{
		Code: code, Name: i.Name, Operator: i.Operator, Role: roleName(i.Role), Vouched: i.Vouched,
		Until: time.Now().Add(lasts).UTC().Truncate(time.Second),
	})
}

func centreInvitations(q centreQuery, w http.ResponseWriter) error {
	all, err := q.Invitations(q, q.by)
	if err != nil {
		return err
	}
	a := CommunityInvitations{Invitations: []CommunityInvitation{}}
	for _, i := range all {
		a.Invitations = append(a.Invitations, CommunityInvitation{
			Name: i.Name, Operator: i.Operator, By: i.By, Role: roleName(i.Role), Vouched: i.Vouched, Until: i.Until, Used: timeOrNil(i.Used),
		})
	}
	return send(w, http.StatusOK, a)
}

func centreListings(q centreQuery, w http.ResponseWriter) error {
	limit, err := q.limit()
	if err != nil {
		return err
	}
	a := CommunityListings{Listings: []CommunityListing{}}
	if l := q.List(); l != nil {
		a.Total = len(l.Entries)
		for i := range l.Entries[:min(limit, len(l.Entries))] {
			a.Listings = append(a.Listings, newCommunityListing(&l.Entries[i]))
		}
	}
	return send(w, http.StatusOK, a)
}

// centreDelist takes one address off the list, or all that a member reports.
func centreDelist(q centreQuery, w http.ResponseWriter) error {
	if login := q.Get("login"); login != "" {
		n, err := q.DelistOf(q, q.by, login, q.Get("reason"))
		if err != nil {
			return err
		}
		return done(w, n)
	}
	unit, err := q.unit()
	if err == nil {
		err = q.Delist(q, q.by, unit, q.Get("reason"))
	}
	if err != nil {
		return err
	}
	return done(w, 1)
}

func centreExplain(q centreQuery, w http.ResponseWriter) error {
	unit, err := q.unit()
	if err != nil {
		return err
	}
	facts, err := q.LookUp(q, q.by, unit)
	if err != nil {
		return err
	}
	return send(w, http.StatusOK, CommunityExplanation{Text: facts.Explanation, Facts: facts})
}

func centreCases(q centreQuery, w http.ResponseWriter) error {
	limit, err := q.limit()
	if err != nil {
		return err
	}
	closed, err := q.flag("all")
	if err != nil {
		return err
	}
	all, err := q.Cases(q, q.by, closed, limit)
	if err != nil {
		return err
	}
	a := CommunityCases{Cases: make([]CommunityCase, len(all))}
	for i := range all {
		a.Cases[i] = newCommunityCase(&all[i])
	}
	return send(w, http.StatusOK, a)
}

// outcomes are the decisions about a case, by their names.
var outcomes = map[string]community.CaseState{"upheld": community.Upheld, "goodwill": community.Goodwill, "rejected": community.Rejected}

func centreDecide(q centreQuery, w http.ResponseWriter) error {
	id, err := strconv.ParseUint(q.Get("id"), 10, 64)
	if err != nil {
		return apiError(http.StatusBadRequest, fmt.Errorf("parameter id: %.64q: want the number of a case", q.Get("id")))
	}
	outcome, known := outcomes[q.Get("outcome")]
	if !known {
		return apiError(http.StatusBadRequest, fmt.Errorf("parameter outcome: %.64q: want upheld, goodwill or rejected", q.Get("outcome")))
	}
	c, err := q.Decide(q, q.by, id, outcome, q.Get("reason"))
	if err != nil {
		return err
	}
	return send(w, http.StatusOK, newCommunityCase(&c))
}

func centreFreeze(q centreQuery, w http.ResponseWriter) error {
	on, err := q.flag("on")
	if err == nil {
		err = q.Freeze(q, q.by, on, q.Get("reason"))
	}
	if err != nil {
		return err
	}
	return done(w, 0)
}

func centreRollback(q centreQuery, w http.ResponseWriter) error {
	to, err := parsePast(q.Get("to"), time.Now())
	if err != nil {
		return apiError(http.StatusBadRequest, fmt.Errorf("parameter to: %w", err))
	}
	n, err := q.Rollback(q, q.by, to, q.Get("reason"))
	if err != nil {
		return err
	}
	return done(w, n)
}

func centreVoid(q centreQuery, w http.ResponseWriter) error {
	n, err := q.Void(q, q.by, q.Get("login"), q.Get("hash"), q.Get("reason"))
	if err != nil {
		return err
	}
	return done(w, n)
}
