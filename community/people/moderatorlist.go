package people

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/consensus"
)

// A membersView has the accounts that a search finds.
type membersView struct {
	Search  string
	Aside   bool // only quarantined members
	Members []memberRow
	More    int
}

// A memberRow is an account.
type memberRow struct{ community.Membership }

// StateOf names a member's state.
func (m memberRow) StateOf() string {
	switch {
	case !m.Account.Left.IsZero():
		return "left"
	case m.Account.Suspended:
		return "suspended"
	case m.Account.Role == community.Reader:
		return "reader"
	}
	return stateOf(m.Standing.State)
}

func (h *Handler) members(w http.ResponseWriter, r *http.Request, actor string) error {
	return h.showMembers(w, r, actor, "")
}

// showMembers shows accounts, quarantined ones first.
func (h *Handler) showMembers(w http.ResponseWriter, r *http.Request, actor, alert string) error {
	all, err := h.centre.Members(r.Context(), actor)
	if err != nil {
		return err
	}
	query := r.URL.Query()
	v := membersView{Search: strings.TrimSpace(query.Get("search")), Aside: query.Get("aside") != ""}
	rank := func(m community.Membership) int {
		if m.Standing.State == consensus.Quarantined {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(all, func(a, b community.Membership) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.Account.Login, b.Account.Login))
	})
	for _, m := range all {
		switch {
		case v.Aside && rank(m) > 0, !matches(m, strings.ToLower(v.Search)):
		case len(v.Members) >= shownMembers:
			v.More++
		default:
			v.Members = append(v.Members, memberRow{m})
		}
	}
	return h.showDesk(w, r, actor, "members", "Members", alert, v)
}

// matches reports whether a search finds an account.
func matches(m community.Membership, search string) bool {
	a := &m.Account
	return slices.ContainsFunc([]string{a.Login, a.Name, a.Contact, a.Operator, m.ID}, func(s string) bool {
		return strings.Contains(strings.ToLower(s), search)
	})
}

// onMember carries out a form about a member, and shows the members again.
func (h *Handler) onMember(w http.ResponseWriter, r *http.Request, actor string, act func(login, reason string) (string, error)) error {
	reason := strings.TrimSpace(r.PostForm.Get("reason"))
	if reason == "" {
		return h.showMembers(w, r, actor, "Nothing has changed: write a reason, too.")
	}
	done, err := act(r.PostForm.Get("login"), reason)
	if text, ok := h.told(err); ok {
		return h.showMembers(w, r, actor, text)
	}
	if err != nil {
		return err
	}
	return h.showMembers(w, r, actor, done)
}

func (h *Handler) suspend(w http.ResponseWriter, r *http.Request, actor string) error {
	return h.onMember(w, r, actor, func(login, reason string) (string, error) {
		on := r.PostForm.Get("on") == "yes"
		err := h.centre.Suspend(r.Context(), actor, login, on, reason)
		if on {
			return login + " is suspended.", err
		}
		return login + " is a member again.", err
	})
}

func (h *Handler) vouch(w http.ResponseWriter, r *http.Request, actor string) error {
	return h.onMember(w, r, actor, func(login, reason string) (string, error) {
		on := r.PostForm.Get("on") == "yes"
		err := h.centre.Vouch(r.Context(), actor, login, on, reason)
		if on {
			return "The community vouches for " + login + ".", err
		}
		return "The community no longer vouches for " + login + ".", err
	})
}

func (h *Handler) delistOf(w http.ResponseWriter, r *http.Request, actor string) error {
	return h.onMember(w, r, actor, func(login, reason string) (string, error) {
		n, err := h.centre.DelistOf(r.Context(), actor, login, reason)
		return fmt.Sprintf("%d listings that %s reports have ended.", n, login), err
	})
}

// void voids the reports of a member, or of a scenario.
func (h *Handler) void(w http.ResponseWriter, r *http.Request, actor string) error {
	hash := strings.TrimSpace(r.PostForm.Get("hash"))
	act := func(login, reason string) (string, error) {
		n, err := h.centre.Void(r.Context(), actor, login, hash, reason)
		return fmt.Sprintf("Reports about %d addresses are taken back.", n), err
	}
	if hash == "" {
		return h.onMember(w, r, actor, act)
	}
	return h.onList(w, r, actor, func(reason string) (string, error) { return act("", reason) })
}

// A listView is the data of the page about the list.
type listView struct {
	Frozen community.Freezing
	Aside  map[string]string // hashes of scenarios in quarantine, and why
	Facts  *community.Facts  // about the address that the moderator looked up
}

func (h *Handler) list(w http.ResponseWriter, r *http.Request, actor string) error {
	return h.showList(w, r, actor, "", listView{})
}

func (h *Handler) showList(w http.ResponseWriter, r *http.Request, actor, alert string, v listView) error {
	v.Frozen, v.Aside = h.centre.Frozen(), h.centre.Quarantined()
	return h.showDesk(w, r, actor, "list", "List", alert, v)
}

// onList carries out a form about the list, and shows its page again.
func (h *Handler) onList(w http.ResponseWriter, r *http.Request, actor string, act func(reason string) (string, error)) error {
	reason := strings.TrimSpace(r.PostForm.Get("reason"))
	if reason == "" {
		return h.showList(w, r, actor, "Nothing has changed: write a reason, too.", listView{})
	}
	done, err := act(reason)
	if text, ok := h.told(err); ok {
		return h.showList(w, r, actor, text, listView{})
	}
	if err != nil {
		return err
	}
	return h.showList(w, r, actor, done, listView{})
}

func (h *Handler) freeze(w http.ResponseWriter, r *http.Request, actor string) error {
	return h.onList(w, r, actor, func(reason string) (string, error) {
		on := r.PostForm.Get("on") == "yes"
		err := h.centre.Freeze(r.Context(), actor, on, reason)
		if on {
			return "Nothing is added to the list until you allow it again. Deletions go on.", err
		}
		return "Additions to the list are allowed again.", err
	})
}

// quarantine puts a scenario into quarantine, or ends its quarantine.
func (h *Handler) quarantine(w http.ResponseWriter, r *http.Request, actor string) error {
	return h.onList(w, r, actor, func(reason string) (string, error) {
		on := r.PostForm.Get("on") == "yes"
		n, err := h.centre.Quarantine(r.Context(), actor, strings.TrimSpace(r.PostForm.Get("hash")), on, reason)
		if on {
			return fmt.Sprintf("Reports by this scenario count for nothing, also those so far about %d addresses.", n), err
		}
		return "New reports by this scenario count again.", err
	})
}

func (h *Handler) rollback(w http.ResponseWriter, r *http.Request, actor string) error {
	return h.onList(w, r, actor, func(reason string) (string, error) {
		to, err := moment(r.PostForm.Get("to"))
		if err != nil {
			return "", err
		}
		n, err := h.centre.Rollback(r.Context(), actor, to, reason)
		return fmt.Sprintf("%d addresses are taken off, and nothing is added until you allow it again.", n), err
	})
}

func (h *Handler) delist(w http.ResponseWriter, r *http.Request, actor string) error {
	return h.onList(w, r, actor, func(reason string) (string, error) {
		unit, err := unitForm(r)
		if err != nil {
			return "", err
		}
		return show(unit) + " is taken off the list.", h.centre.Delist(r.Context(), actor, unit, reason)
	})
}

// lookUp shows all stored data about an address. The audit log records the moderator.
func (h *Handler) lookUp(w http.ResponseWriter, r *http.Request, actor string) error {
	unit, err := unitForm(r)
	if text, ok := h.told(err); ok {
		return h.showList(w, r, actor, text, listView{})
	}
	facts, err := h.centre.LookUp(r.Context(), actor, unit)
	if err != nil {
		return err
	}
	return h.showList(w, r, actor, "", listView{Facts: &facts})
}

// genuine says whether this centre made a receipt.
func (h *Handler) genuine(w http.ResponseWriter, r *http.Request, actor string) error {
	text := "This receipt is not one of this community, or was changed."
	if h.centre.Genuine(r.PostForm.Get("receipt")) {
		text = "This receipt is genuine."
	}
	return h.showList(w, r, actor, text, listView{})
}

// An invitationsView has the invitations.
type invitationsView struct {
	All    []community.Invitation
	Secret *secret
	Now    time.Time
}

// StateOf returns the state of an invitation.
func (v invitationsView) StateOf(i community.Invitation) string {
	switch {
	case !i.Used.IsZero():
		return "used"
	case v.Now.After(i.Until):
		return "over"
	}
	return "open"
}

func (h *Handler) invitations(w http.ResponseWriter, r *http.Request, actor string) error {
	return h.showInvitations(w, r, actor, "", nil)
}

func (h *Handler) showInvitations(w http.ResponseWriter, r *http.Request, actor, alert string, once *secret) error {
	all, err := h.centre.Invitations(r.Context(), actor)
	if err != nil {
		return err
	}
	slices.Reverse(all)
	v := invitationsView{All: all[:min(len(all), shownMembers)], Secret: once, Now: h.cfg.Now()}
	return h.showDesk(w, r, actor, "invitations", "Invitations", alert, v)
}

func (h *Handler) invite(w http.ResponseWriter, r *http.Request, actor string) error {
	i := community.Invitee{
		Name: strings.TrimSpace(r.PostForm.Get("name")), Operator: strings.TrimSpace(r.PostForm.Get("operator")),
		Role: community.Reporter, Vouched: r.PostForm.Get("vouched") == "yes",
	}
	if r.PostForm.Get("role") == "reader" {
		i.Role = community.Reader
	}
	code, err := h.centre.Invite(r.Context(), actor, i)
	if err != nil {
		return err
	}
	return h.showInvitations(w, r, actor, "The invitation is made.", &secret{"The invitation", "It is shown only now, and lasts 30 days.", code})
}
