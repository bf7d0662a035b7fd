package challenge

import (
	"errors"
	"net/http"
	"time"

	pages "github.com/tocsin-project/tocsin/internal/page"
)

// The header that marks a request as an answer to a challenge. A page of another origin
// can send it only after a preflight.
const answerHeader = "X-Tocsin-Answer"

// The reasons why an answer gets no pass. The response shows them.
var (
	errForeign  = errors.New("the challenge is unknown here, or was made for another client")
	errExpired  = errors.New("the challenge has expired")
	errEarly    = errors.New("the waiting time is not over")
	errWrong    = errors.New("the solution is wrong")
	errReplayed = errors.New("the challenge was solved before")
	errBarred   = errors.New("too many challenges were solved from this network")
	errBusy     = errors.New("too many answers at once")
	errTooEasy  = errors.New("a harder challenge is required now: reload the page")
)

// maxPayload is the largest size of an answer in bytes.
const maxPayload = 32 << 10

// Answering reports whether r is an answer to a challenge. Answers go to [Gate.Answer]
// whatever the decision about the client is, unless it is banned: the application must
// never see one.
//
// If visitors may wait instead (see [Config].Wait), it reads the first bytes of small
// forms, except for those of other sites' pages, and puts them back: r then has another
// body with the same bytes.
func (g *Gate) Answering(r *http.Request) bool {
	return len(r.Header[answerHeader]) > 0 || g.wait > 0 && isWaitForm(r)
}

// Answer handles a visitor's answer to a challenge (see [Gate.Answering]) and reports
// whether it solved the challenge. Due says whether a captcha decision is in force for
// the client, or was for the request that got the challenge.
//
// If no challenge is due any more, or the client already has a pass, the answer is
// accepted and does not count: another tab was faster, or the decision has ended. A
// pass from before the challenge was sent does not count here, because it was not
// enough then. A right answer earns a pass. All other answers are refused.
func (g *Gate) Answer(w http.ResponseWriter, r *http.Request, v Visitor, due bool) (solved bool) {
	now := time.Now()
	scripted := len(r.Header[answerHeader]) > 0
	w.Header().Set("Cache-Control", "private, no-store")
	if !due {
		goOn(w, scripted)
		return false
	}
	by := g.solver(r, v, now)
	a, err := read(w, r, scripted)
	if since := a.issued(); since.After(v.Since) {
		v.Since = since
	}
	if _, ok := g.pass(r, v, now); ok {
		goOn(w, scripted)
		return false
	}
	if err == nil {
		err = g.redeem(r, v, a, by)
	}
	if err != nil {
		g.count(err)
		if scripted {
			refuse(w, v, err)
		} else {
			g.challenge(w, r, again(v, a, err))
		}
		return false
	}
	g.counters.solved.Add(1)
	if a.kind() == waiting {
		g.counters.waited.Add(1)
	}
	g.grant(w, r, v, a.token)
	goOn(w, scripted)
	return true
}

// again describes the new challenge after err refused an answer that came by a form. A
// visitor who answered too early only waits for the remaining time.
func again(v Visitor, a submission, err error) challengeFor {
	c := challengeFor{Visitor: v}
	if errors.Is(err, errEarly) {
		c.Early, c.Wait, c.WaitToken = true, max(time.Until(a.waitEnds()), time.Second), a.String()
	}
	return c
}

// grant sets a cookie with the pass for the solved challenge.
func (g *Gate) grant(w http.ResponseWriter, r *http.Request, v Visitor, solved token) {
	from := networkOf(v.Addr)
	b := g.bindingOf(r, from)
	s := statement{kind: pass, level: solved.level(), now: time.Now(), ttl: g.ttl, nonce: solved.nonce()}
	g.setPass(w, r, from, g.keys.all()[0].seal(s, &b))
}

// count counts a refused answer.
func (g *Gate) count(err error) {
	switch {
	case errors.Is(err, errReplayed):
		g.counters.replayed.Add(1)
	case errors.Is(err, errBarred):
		g.counters.barred.Add(1)
	default:
		g.counters.failed.Add(1)
	}
}

// A submission is the content of an answer. Its token is not verified yet. It is zero
// if it cannot be read.
type submission struct {
	token
	body []byte
}

// issued returns the time of the challenge as the token states it, or the zero time if
// the token cannot be read.
func (a submission) issued() time.Time {
	if a.token == (token{}) {
		return time.Time{}
	}
	return a.token.issued()
}

// read reads the answer in r.
func read(w http.ResponseWriter, r *http.Request, scripted bool) (a submission, err error) {
	if a.body, err = readBody(w, r, maxPayload); err != nil {
		return submission{}, errWrong
	}
	text := r.Header.Get(answerHeader)
	if !scripted {
		text = waitToken(a.body)
	}
	t, ok := parseToken(text)
	if !ok || !scripted && t.kind() != waiting {
		return submission{}, errForeign
	}
	a.token = t
	return a, nil
}

// redeem checks an answer and marks its challenge as solved.
func (g *Gate) redeem(r *http.Request, v Visitor, a submission, by solver) error {
	t, now := a.token, time.Now()
	b := g.bindingOf(r, networkOf(v.Addr))
	k := g.keys.open(t, &b)
	switch {
	case k == nil:
		return errForeign
	case !t.live(now):
		return errExpired
	case t.level() < g.rules.level || t.level() > High:
		return errExpired // from before the gate's level was raised
	case g.memory.barred(by.at(t.kind()), g.rules, t.issued(), now) > 0:
		return errBarred // checked before the provider is asked
	}
	claim := Claim{Response: string(a.body), Host: hostOf(r), Addr: v.Addr}
	err := g.check(r, t, k, claim)
	if err == nil {
		err = spentAs(g.memory.redeem(t, by, g.rules, time.Now()))
	}
	if errors.Is(err, errWrong) || errors.Is(err, errReplayed) {
		g.memory.missed(by.at(t.kind()), g.rules, now)
	}
	return err
}

// check reports whether a claim solves the challenge t, which k signed.
func (g *Gate) check(r *http.Request, t token, k *key, claim Claim) error {
	switch t.kind() {
	case embedded, boxed:
		if t.kind() == boxed && !g.boxed {
			return errForeign
		}
		s, ok := parseSolution([]byte(claim.Response))
		if p := k.pose(t); !ok || !p.solvedBy(s) {
			return errWrong
		}
		return nil
	case waiting:
		if g.wait == 0 {
			return errForeign
		}
		if time.Now().Before(t.waitEnds()) {
			return errEarly
		}
		return nil
	case hosted:
		if g.hosted == nil {
			return errForeign
		}
		if g.memory.used(t, time.Now()) {
			return errReplayed
		}
		return g.hosted.ask(r.Context(), claim)
	default:
		return errForeign
	}
}

// spentAs returns why a right solution gets no pass, or nil if it gets one.
func spentAs(r redemption) error {
	switch r {
	case granted:
		return nil
	case replayed:
		return errReplayed
	case overBar:
		return errBarred
	case tooEasy:
		return errTooEasy
	default:
		return errBusy
	}
}

// goOn makes the visitor load the same address again. A script sees the status. A
// browser without scripts follows the relative Location "#". The request's path never
// becomes a Location: a path such as //evil.example would lead to another site.
func goOn(w http.ResponseWriter, scripted bool) {
	if scripted {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	w.Header().Set("Location", "#")
	w.WriteHeader(http.StatusSeeOther)
}

// refuse tells the client why its answer got no pass.
func refuse(w http.ResponseWriter, v Visitor, reason error) {
	problem := pages.Problem{Status: http.StatusForbidden, Detail: reason.Error(), Ref: v.Ref, Time: v.Time}
	w.Header().Set("Content-Type", pages.TypeProblem)
	w.Header().Set("X-Tocsin", "challenge")
	w.WriteHeader(http.StatusForbidden)
	_, _ = w.Write(problem.JSON())
}
