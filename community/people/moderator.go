package people

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/consensus"
)

const (
	shownCases   = 200
	shownRecords = 200
	shownMembers = 200
	shownEntries = 200
)

// asModerator is a page for a moderator.
type asModerator func(w http.ResponseWriter, r *http.Request, actor string) error

// addModerator adds the pages for moderators.
func (h *Handler) addModerator(m *http.ServeMux) {
	base := h.cfg.Moderator
	for pattern, show := range map[string]asModerator{
		"":             h.queue,
		"/case":        h.file,
		"/exclusive":   h.exclusive,
		"/members":     h.members,
		"/list":        h.list,
		"/invitations": h.invitations,
		"/audit":       h.audit,
	} {
		m.Handle("GET "+base+pattern, h.forModerators(show))
	}
	for pattern, act := range map[string]asModerator{
		"/decide": h.decide, "/extend": h.extend,
		"/suspend": h.suspend, "/vouch": h.vouch, "/void": h.void, "/delistof": h.delistOf,
		"/freeze": h.freeze, "/rollback": h.rollback, "/delist": h.delist, "/lookup": h.lookUp, "/genuine": h.genuine,
		"/quarantine": h.quarantine, "/invite": h.invite, "/verify": h.verify,
	} {
		m.Handle("POST "+base+pattern, h.forModerators(h.signed(act)))
	}
}

// moderator is a page for a user that the operator's authentication admitted.
func (h *Handler) moderator(act asModerator) page {
	return func(w http.ResponseWriter, r *http.Request) error {
		actor := h.cfg.Actor(r)
		if actor == "" {
			return refusal{status: http.StatusForbidden, text: func(*words) string {
				return "This page is for moderators: the server has to know who you are."
			}}
		}
		if !isAskedFor(r) {
			return h.askFirst(w, r)
		}
		return act(w, r, actor)
	}
}

// signed checks a form of a moderator: it must have a value that was signed for this moderator.
func (h *Handler) signed(act asModerator) asModerator {
	return func(w http.ResponseWriter, r *http.Request, actor string) error {
		if !h.mint.valid(r.PostForm.Get("proof"), "moderator", actor) {
			return errForeign
		}
		return act(w, r, actor)
	}
}

// A desk is a page for a moderator.
type desk struct {
	Base  string // path
	Proof string
	Of    any
}

// showDesk shows a page for a moderator, with the links to the others.
func (h *Handler) showDesk(w http.ResponseWriter, r *http.Request, actor, name, title, alert string, of any) error {
	v := &view{
		words: &english, Title: title, Wide: true, Alert: alert, Nav: h.desks(name),
		Data: desk{h.cfg.Moderator, h.mint.sign("moderator", actor), of},
	}
	return h.render(w, r, http.StatusOK, name, v)
}

// desks returns the links to the pages for moderators.
func (h *Handler) desks(current string) (nav []link) {
	for _, l := range []struct{ name, path, text string }{
		{"queue", "", "Cases"},
		{"exclusive", "/exclusive", "Few reporters"},
		{"members", "/members", "Members"},
		{"list", "/list", "List"},
		{"invitations", "/invitations", "Invitations"},
		{"audit", "/audit", "Log"},
	} {
		nav = append(nav, link{h.cfg.Moderator + l.path, l.text, l.name == current})
	}
	return nav
}

// A queueView has the open cases.
type queueView struct {
	Cases []community.Case
	All   bool
	Now   time.Time
	More  bool
}

// Late reports whether a case is after its deadline.
func (v queueView) Late(k community.Case) bool {
	return k.State == community.Open && v.Now.After(k.Due)
}

// Left returns the time until a case's deadline.
func (v queueView) Left(k community.Case) string {
	switch {
	case k.State != community.Open:
		return "–"
	case v.Late(k):
		return "late by " + english.page.Span(v.Now.Sub(k.Due))
	}
	return english.page.Span(k.Due.Sub(v.Now))
}

func (h *Handler) queue(w http.ResponseWriter, r *http.Request, actor string) error {
	return h.showQueue(w, r, actor, "")
}

func (h *Handler) showQueue(w http.ResponseWriter, r *http.Request, actor, alert string) error {
	v := queueView{All: r.URL.Query().Get("all") != "", Now: h.cfg.Now()}
	cases, err := h.centre.Cases(r.Context(), actor, v.All, shownCases+1)
	if err != nil {
		return err
	}
	v.Cases, v.More = cases[:min(len(cases), shownCases)], len(cases) > shownCases
	return h.showDesk(w, r, actor, "queue", "Cases", alert, v)
}

// A fileView is a case for a moderator.
type fileView struct {
	community.File
	Last time.Time // the legal deadline
	Now  time.Time
}

// Open reports whether a moderator can decide the case.
func (v fileView) Open() bool { return v.Case.State == community.Open }

// file shows a case with its evidence.
func (h *Handler) file(w http.ResponseWriter, r *http.Request, actor string) error {
	id, err := strconv.ParseUint(r.FormValue("id"), 10, 64)
	if err != nil {
		return community.ErrNotFound
	}
	return h.showFile(w, r, actor, id, "")
}

func (h *Handler) showFile(w http.ResponseWriter, r *http.Request, actor string, id uint64, alert string) error {
	f, err := h.centre.File(r.Context(), actor, id)
	if err != nil {
		return err
	}
	v := fileView{File: f, Last: f.Case.Opened.Add(30 * 24 * time.Hour), Now: h.cfg.Now()}
	return h.showDesk(w, r, actor, "file", "Case "+strconv.FormatUint(id, 10), alert, v)
}

// outcomes are what a moderator can decide.
var outcomes = map[string]community.CaseState{
	"upheld": community.Upheld, "goodwill": community.Goodwill, "rejected": community.Rejected,
}

// decide closes a case. If the decision is not possible, the page of the case says why.
func (h *Handler) decide(w http.ResponseWriter, r *http.Request, actor string) error {
	id, err := strconv.ParseUint(r.PostForm.Get("id"), 10, 64)
	if err != nil {
		return errForm
	}
	k, err := h.centre.Decide(r.Context(), actor, id, outcomes[r.PostForm.Get("outcome")], r.PostForm.Get("reason"))
	if text, ok := h.told(err); ok {
		return h.showFile(w, r, actor, id, text)
	}
	if err != nil {
		return err
	}
	return h.showQueue(w, r, actor, "Case "+strconv.FormatUint(id, 10)+" is decided: "+k.State.String()+".")
}

// extend extends the deadline of a case.
func (h *Handler) extend(w http.ResponseWriter, r *http.Request, actor string) error {
	id, err := strconv.ParseUint(r.PostForm.Get("id"), 10, 64)
	if err != nil {
		return errForm
	}
	due, err := moment(r.PostForm.Get("due"))
	if err == nil {
		_, err = h.centre.Extend(r.Context(), actor, id, due, r.PostForm.Get("reason"))
	}
	if text, ok := h.told(err); ok {
		return h.showFile(w, r, actor, id, text)
	}
	if err != nil {
		return err
	}
	return h.showFile(w, r, actor, id, "The case has more time.")
}

// told returns the message about an error that a moderator can correct.
func (h *Handler) told(err error) (text string, ok bool) {
	if err == nil || !errors.Is(err, community.ErrInvalid) && !errors.Is(err, community.ErrConflict) && !errors.Is(err, community.ErrNotFound) {
		return "", false
	}
	return h.refusal(err).text(&english), true
}

// moment reads a time of a form, in UTC.
func moment(s string) (time.Time, error) {
	for _, layout := range []string{"2006-01-02T15:04", "2006-01-02T15:04:05", "2006-01-02 15:04"} {
		if t, err := time.Parse(layout, strings.TrimSpace(s)); err == nil {
			return t, nil
		}
	}
	return time.Time{}, errMoment
}

var errMoment = errors.Join(community.ErrInvalid, errors.New("a time: want one such as 2026-11-30 14:00, in UTC"))

func (h *Handler) exclusive(w http.ResponseWriter, r *http.Request, actor string) error {
	records, err := h.centre.Exclusive(r.Context(), actor, shownRecords)
	if err != nil {
		return err
	}
	return h.showDesk(w, r, actor, "exclusive", "Listings with as few reporters as it takes", "", records)
}

// audit shows the audit log. It cannot be changed.
func (h *Handler) audit(w http.ResponseWriter, r *http.Request, actor string) error {
	after, _ := strconv.ParseUint(r.URL.Query().Get("after"), 10, 64) // without a number it begins at the start
	return h.showAudit(w, r, actor, "", after)
}

// A logView is a part of the log.
type logView struct {
	Entries []community.Entry
	Next    uint64 // 0: there is no more
}

func (h *Handler) showAudit(w http.ResponseWriter, r *http.Request, actor, alert string, after uint64) error {
	entries, err := h.centre.Audit(r.Context(), actor, after, shownEntries)
	if err != nil {
		return err
	}
	v := logView{Entries: entries}
	if len(entries) == shownEntries {
		v.Next = entries[len(entries)-1].Seq
	}
	return h.showDesk(w, r, actor, "audit", "Log", alert, v)
}

// verify checks that the log is unchanged, and shows its end.
func (h *Handler) verify(w http.ResponseWriter, r *http.Request, actor string) error {
	n, err := h.centre.VerifyAudit(r.Context())
	switch {
	case errors.Is(err, community.ErrTampered):
		return h.showAudit(w, r, actor, "Not verified: "+err.Error()+".", 0)
	case err != nil:
		return err
	}
	first, err := h.centre.Audit(r.Context(), actor, 0, 1)
	if err != nil {
		return err
	}
	var after uint64
	if len(first) > 0 && n > shownEntries/2 {
		after = first[0].Seq + uint64(n) - shownEntries/2
	}
	return h.showAudit(w, r, actor, "Verified: "+strconv.Itoa(n)+" entries are as they were written.", after)
}

// unitForm returns the unit of a form.
func unitForm(r *http.Request) (consensus.Unit, error) {
	unit, err := consensus.ParseUnit(strings.TrimSpace(r.PostForm.Get("address")))
	if err != nil {
		return unit, errors.Join(community.ErrInvalid, err)
	}
	return unit, nil
}
