package people

import (
	"errors"
	"net/http"
	"strings"

	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/consensus"
)

// Purposes of the values in forms.
const (
	toAppeal = "appeal"
	toErase  = "erase"
	toRead   = "facts"
)

// A checked is the data of the first page.
type checked struct {
	Asked  string // as the person wrote it
	Bad    bool   // it is not a public address
	Yours  consensus.Unit
	Is     *community.Explanation
	Own    bool // the person uses the address
	Appeal string
	Erase  string
	Facts  string
}

// The unit of the client, and the unit that it asks about.
func (h *Handler) asked(r *http.Request) (d checked, unit consensus.Unit) {
	d.Yours = unitOf(h.cfg.ClientIP(r))
	d.Asked = strings.TrimSpace(r.FormValue("address"))
	if d.Asked == "" {
		return d, d.Yours
	}
	unit, err := consensus.ParseUnit(d.Asked)
	if err != nil || len(d.Asked) > 64 {
		d.Asked, d.Bad = d.Asked[:min(len(d.Asked), 64)], true
	}
	return d, unit
}

// check says whether an address is listed and, to the person who uses it, why.
func (h *Handler) check(w http.ResponseWriter, r *http.Request) error {
	words := wordsOf(r)
	d, unit := h.asked(r)
	status := http.StatusOK
	switch {
	case d.Bad:
		status = http.StatusUnprocessableEntity
	case unit.IsValid():
		d.Own = unit == d.Yours && !isEarly(r)
		is, err := h.centre.Explain(r.Context(), unit, d.Own)
		if err != nil {
			return err
		}
		d.Is = &is
		h.offer(&d, unit)
	}
	return h.render(w, r, status, "check", &view{words: words, Title: words.Title, Data: d})
}

// offer adds the forms for the person.
func (h *Handler) offer(d *checked, unit consensus.Unit) {
	d.Appeal = h.mint.sign(toAppeal, proofOf(unit, d.Own))
	d.Erase = h.mint.sign(toErase, proofOf(unit, d.Own))
	if d.Own {
		d.Facts = h.mint.sign(toRead, proofOf(unit, true))
	}
}

// proofOf is the subject of a signed value for a unit. It says whether the client got it at
// that unit.
func proofOf(unit consensus.Unit, own bool) string {
	if own {
		return "from " + unit.String()
	}
	return "about " + unit.String()
}

// A claim is a form about an address.
type claim struct {
	unit   consensus.Unit
	proven bool
}

// claim returns the address of a form, and whether the person proved to use it: the form and
// its signed value must come from that address.
func (h *Handler) claim(r *http.Request, purpose string) (c claim, err error) {
	d, unit := h.asked(r)
	if d.Bad || !unit.IsValid() {
		return c, errForm
	}
	proof := r.PostForm.Get("proof")
	own := unit == d.Yours && !isEarly(r)
	switch {
	case own && h.mint.spend(proof, purpose, proofOf(unit, true)):
		return claim{unit, true}, nil
	case h.mint.spend(proof, purpose, proofOf(unit, false)):
		if retry, ok := h.others.take(h.cfg.ClientIP(r)); !ok {
			return c, errMany(retry)
		}
		return claim{unit, false}, nil
	}
	return c, errForeign
}

// A taken appeal or request for erasure.
type received struct {
	Case    community.Case
	Receipt string
	Ended   bool // the listing has
}

// appeal opens a case. Only moderators see the person's text.
func (h *Handler) appeal(w http.ResponseWriter, r *http.Request) error {
	c, err := h.claim(r, toAppeal)
	if err != nil {
		return err
	}
	k, receipt, err := h.centre.Appeal(r.Context(), community.AppealRequest{
		Unit: c.unit, Proven: c.proven, Text: r.PostForm.Get("text"), Once: r.PostForm.Get("proof"),
	})
	if errors.Is(err, community.ErrTaken) { // this form was sent to another server before
		return errForeign
	}
	if err != nil {
		return err
	}
	is, err := h.centre.Explain(r.Context(), c.unit, c.proven)
	if err != nil {
		return err
	}
	words := wordsOf(r)
	return h.render(w, r, http.StatusOK, "received", &view{words: words, Title: words.Taken, Data: received{k, receipt, c.proven && !is.Listed}})
}

// erase deletes the data about an address, or opens a case for it: see [community.Centre.Erase].
func (h *Handler) erase(w http.ResponseWriter, r *http.Request) error {
	c, err := h.claim(r, toErase)
	if err != nil {
		return err
	}
	k, err := h.centre.Erase(r.Context(), c.unit, c.proven, r.PostForm.Get("proof"))
	if errors.Is(err, community.ErrTaken) {
		return errForeign
	}
	if err != nil {
		return err
	}
	words := wordsOf(r)
	if k.State != community.Open {
		return h.render(w, r, http.StatusOK, "message", &view{words: words, Title: words.EraseTitle, Data: message{words.Erased}})
	}
	return h.render(w, r, http.StatusOK, "received", &view{words: words, Title: words.Taken, Data: received{Case: k}})
}

// A caseView is a case for the person who opened it.
type caseView struct {
	Ticket string
	Case   *community.Case
}

// showCase shows the state of a case.
func (h *Handler) showCase(w http.ResponseWriter, r *http.Request) error {
	words := wordsOf(r)
	d := caseView{Ticket: strings.TrimSpace(r.FormValue("ticket"))}
	v := &view{words: words, Title: words.CaseTitle}
	status := http.StatusOK
	if d.Ticket != "" {
		d.Ticket = d.Ticket[:min(len(d.Ticket), 64)]
		k, err := h.centre.CaseByTicket(r.Context(), d.Ticket)
		switch h.refusal(err).status {
		case http.StatusNotFound:
			status, v.Alert = http.StatusNotFound, words.NoCase
		default:
			if err != nil {
				return err
			}
			d.Case = &k
		}
	}
	v.Data = d
	return h.render(w, r, status, "case", v)
}

// Rejected reports whether the person may complain about the decision.
func (d caseView) Rejected() bool { return d.Case != nil && d.Case.State == community.Rejected }
