package api

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/community/protocol"
	"github.com/tocsin-project/tocsin/consensus"
)

// join serves POST /api/v1/join.
func (h *Handler) join(w http.ResponseWriter, r *http.Request) {
	release, err := h.shares.take(source(h.from(r)), h.cfg.Now())
	if err != nil {
		h.fail(w, r, err)
		return
	}
	defer release()
	var in protocol.JoinRequest
	if err := h.readJSON(w, r, maxLogin, &in); err != nil {
		h.fail(w, r, err)
		return
	}
	out := protocol.JoinAnswer{Terms: h.about.Terms, TermsURL: h.cfg.TermsURL, Name: h.about.Name}
	out.Login, out.Key, err = h.centre.Join(r.Context(), in.Invitation, in.Name, in.Terms, h.from(r))
	switch {
	case errors.Is(err, community.ErrTerms):
		// The answer without a key says which terms to accept.
		out.Login, out.Key = "", ""
	case isDenied(err), errors.Is(err, community.ErrNotFound):
		refuse(w, http.StatusForbidden, "this invitation is unknown, used or has ended")
		return
	case err != nil:
		h.fail(w, r, err)
		return
	}
	answer(w, http.StatusOK, out)
}

// signals serves POST /api/v1/signals.
func (h *Handler) signals(w http.ResponseWriter, r *http.Request, by community.Caller) {
	body, err := h.read(w, r, maxBody)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	in, err := readSignals(body)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	out := protocol.SignalsAnswer{Refused: in.refused}
	if len(in.signals) > 0 {
		took, err := h.centre.Accept(r.Context(), by, in.signals)
		if err != nil {
			h.fail(w, r, err)
			return
		}
		out.Accepted, out.Known, out.Notice = took.Accepted, took.Known, took.Notice
		for _, no := range took.Refused {
			out.Refused = append(out.Refused, protocol.Refusal{Index: in.index[no.Index], Reason: no.Reason})
		}
		slices.SortFunc(out.Refused, func(a, b protocol.Refusal) int { return cmp.Compare(a.Index, b.Index) })
	}
	answer(w, http.StatusOK, out)
}

// A batch has the valid signals of a request.
type batch struct {
	signals []community.Signal
	index   []int // of each in the request
	refused []protocol.Refusal
}

func readSignals(body []byte) (batch, error) {
	var in batch
	var request struct {
		Signals json.RawMessage `json:"signals"`
	}
	if err := json.Unmarshal(body, &request); err != nil {
		return in, notJSON(err)
	}
	n := 0
	err := each(request.Signals, protocol.MaxSignals, func(s *protocol.Signal) {
		signal, why := cut(s)
		if why == "" {
			in.signals, in.index = append(in.signals, signal), append(in.index, n)
		} else {
			in.refused = append(in.refused, protocol.Refusal{Index: n, Reason: why})
		}
		n++
	})
	return in, err
}

// cut reduces a signal to what the community accepts, or returns why it accepts nothing. The
// reason never repeats text of the member.
func cut(s *protocol.Signal) (community.Signal, string) {
	unit, err := consensus.ParseUnit(s.Address)
	switch {
	case err != nil:
		return community.Signal{}, "address is neither an address nor a /64 of IPv6"
	case !isScenario(s.Scenario):
		return community.Signal{}, fmt.Sprintf("scenario is no name: want author/name of letters, digits, dots, dashes and underscores, %d characters at most", maxScenario)
	case s.Hash != "" && cleanHash(s.Hash) == "":
		return community.Signal{}, "hash is not a SHA-256 in hexadecimal"
	case s.First.IsZero() || s.Last.IsZero() || s.Last.Before(s.First):
		return community.Signal{}, "first and last are not a time from the first to the last"
	case s.Count < 1:
		return community.Signal{}, "count is not 1 or more"
	}
	out := community.Signal{Unit: unit, Scenario: s.Scenario, Hash: cleanHash(s.Hash), First: s.First, Last: s.Last, Count: s.Count}
	for _, f := range []struct {
		set  bool
		flag community.Flags
	}{{s.Reflected, community.Reflected}, {s.EarlyData, community.EarlyData}, {s.Manual, community.Manual}} {
		if f.set {
			out.Flags |= f.flag
		}
	}
	return out, ""
}

// questions serves GET /api/v1/questions.
func (h *Handler) questions(w http.ResponseWriter, r *http.Request, by community.Caller) {
	q, err := h.centre.Questions(r.Context(), by)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	out := protocol.Questions{ID: q.ID, Units: make([]string, 0, len(q.Units)), Until: q.Until}
	for _, u := range q.Units {
		out.Units = append(out.Units, u.String())
	}
	answer(w, http.StatusOK, out)
}

// answers serves POST /api/v1/answers.
func (h *Handler) answers(w http.ResponseWriter, r *http.Request, by community.Caller) {
	body, err := h.read(w, r, maxBody)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	id, given, err := readAnswers(body)
	if err == nil {
		err = h.centre.Answer(r.Context(), by, id, given)
	}
	if err != nil {
		h.fail(w, r, err)
		return
	}
	answer(w, http.StatusOK, protocol.Empty{})
}

// maxAnswers is the limit of units in the questions to a member.
const maxAnswers = 1000

func readAnswers(body []byte) (id string, given []community.Answer, err error) {
	var request struct {
		ID      string          `json:"id"`
		Answers json.RawMessage `json:"answers"`
	}
	if err := json.Unmarshal(body, &request); err != nil {
		return "", nil, notJSON(err)
	}
	err = each(request.Answers, maxAnswers, func(a *protocol.Answer) {
		// Anything that is not a unit was not in the questions, so it is dropped.
		if unit, err := consensus.ParseUnit(a.Unit); err == nil {
			given = append(given, community.Answer{Unit: unit, Last: a.Last, Count: a.Count})
		}
	})
	return request.ID, given, err
}

// standing serves GET /api/v1/standing.
func (h *Handler) standing(w http.ResponseWriter, r *http.Request, by community.Caller) {
	s, err := h.centre.StandingOf(r.Context(), by)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	out := protocol.Standing{
		State: s.State.String(), Established: s.Established, Trust: fmt.Sprintf("%.2f", float64(s.Trust)/float64(consensus.One)),
		Why: append([]string{}, s.Why...), Reports: s.Reports, Confirmed: s.Confirmed, Notice: s.Notice,
	}
	for _, u := range s.Own {
		out.Own = append(out.Own, u.String())
	}
	answer(w, http.StatusOK, out)
}

// list serves GET /api/v1/list: the whole list, or the changes after a number.
func (h *Handler) list(w http.ResponseWriter, r *http.Request, by community.Caller) {
	after, given, err := h.after(r)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	t := h.turn(w, r, by)
	defer t.done()
	d := delta{whole: true}
	if given {
		if d, err = h.since(r.Context(), after, t); err != nil {
			h.fail(w, r, err)
			return
		}
		h.noteReadBy(r, by, after)
	}
	if !d.whole {
		h.sendDelta(w, r, &d)
		return
	}
	s, err := h.forms.get(form{"native", h.appendList}, h.centre.List(), h.cfg.Now())
	if err != nil {
		h.fail(w, r, err)
		return
	}
	h.deliver(w, r, t, s, true)
}

// noteReadBy notes the read position that a member reports, but not those of strangers.
func (h *Handler) noteReadBy(r *http.Request, by community.Caller, upto uint64) {
	if by.Login != "" {
		h.noteRead(r, "native "+by.Login, upto)
	}
}
