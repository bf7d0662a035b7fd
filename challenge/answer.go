package challenge

import (
	"errors"
	"net/http"
	"time"

	pages "github.com/tocsin-project/tocsin/internal/page"
)

// The header that tells an answer to a challenge from all other requests. A page
// of another origin cannot send it without being asked first.
const answerHeader = "X-Tocsin-Answer"

// Why an answer earns nothing, in words for whoever looks at the response.
var (
	errForeign  = errors.New("this is no challenge of ours, or one for somebody else")
	errExpired  = errors.New("the challenge has expired")
	errEarly    = errors.New("the wait is not over")
	errWrong    = errors.New("the solution is wrong")
	errReplayed = errors.New("the challenge was solved before")
	errBarred   = errors.New("too many challenges were solved from this network")
	errBusy     = errors.New("too many answers at once")
	errOutrun   = errors.New("challenges have become harder since: load the page anew")
)

// maxPayload is how many bytes an answer may have.
const maxPayload = 32 << 10

// Answering reports whether r is an answer to a challenge. Those go to
// [Gate.Answer] whatever is decided about the client, unless it is banned: the
// application must never see one.
//
// If the gate lets visitors wait, it looks at the first bytes of small forms of the
// site's own pages, and puts them back: the body of r is then another one, with the
// same bytes.
func (g *Gate) Answering(r *http.Request) bool {
	return len(r.Header[answerHeader]) > 0 || g.wait > 0 && isWaitForm(r)
}

// Answer answers a request that is an answer itself (see [Gate.Answering]), and
// reports whether it has solved a challenge. Due says whether a captcha decision is
// in force for the client, or was for the request that led to the challenge.
//
// An answer that is not due, or of a client that has a pass, is welcome and does not
// count: another tab was faster, or the decision has ended. A pass from before the
// challenge was sent is none here, since it was not good enough then. A right answer
// earns a pass. All others are refused, whatever the reason.
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

// again returns what to make a new challenge from, after an answer by a form that
// earned nothing because of err. Who was too early goes on waiting where he was.
func again(v Visitor, a submission, err error) challengeFor {
	c := challengeFor{Visitor: v}
	if errors.Is(err, errEarly) {
		c.Early, c.Wait, c.WaitToken = true, max(time.Until(a.waitEnds()), time.Second), a.String()
	}
	return c
}

// grant sets a cookie with the pass that the challenge solved has earned.
func (g *Gate) grant(w http.ResponseWriter, r *http.Request, v Visitor, solved token) {
	from := networkOf(v.Addr)
	b := g.bindingOf(r, from)
	s := statement{kind: pass, level: solved.level(), now: time.Now(), ttl: g.ttl, nonce: solved.nonce()}
	g.setPass(w, r, from, g.keys.all()[0].seal(s, &b))
}

// count counts an answer that earned nothing.
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

// A submission is what stands in an answer. Nobody has vouched for its token yet,
// which is the zero one if it cannot be read.
type submission struct {
	token
	body []byte
}

// issued returns when the challenge says that it was made; the zero time if that
// cannot be read.
func (a submission) issued() time.Time {
	if a.token == (token{}) {
		return time.Time{}
	}
	return a.token.issued()
}

// read reads the answer that r is.
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
		return errExpired // made before the gate's level was raised
	case g.memory.barred(by.at(t.kind()), g.rules, t.issued(), now) > 0:
		return errBarred // before a provider is asked
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

// check reports whether a claim solves the challenge that t is, which k has made.
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

// spentAs returns why a right solution earns nothing, and nil if it does.
func spentAs(r redemption) error {
	switch r {
	case granted:
		return nil
	case replayed:
		return errReplayed
	case overdone:
		return errBarred
	case outrun:
		return errOutrun
	default:
		return errBusy
	}
}

// goOn tells a visitor to load the same address anew. A script is told so by the
// status. A browser without one follows a reference that names nothing but the
// place it came from: what the request says never gets into a Location, where a
// path such as //evil.example would lead elsewhere.
func goOn(w http.ResponseWriter, scripted bool) {
	if scripted {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	w.Header().Set("Location", "#")
	w.WriteHeader(http.StatusSeeOther)
}

// refuse says why an answer earned nothing.
func refuse(w http.ResponseWriter, v Visitor, reason error) {
	problem := pages.Problem{Status: http.StatusForbidden, Detail: reason.Error(), Ref: v.Ref, Time: v.Time}
	w.Header().Set("Content-Type", pages.TypeProblem)
	w.Header().Set("X-Tocsin", "challenge")
	w.WriteHeader(http.StatusForbidden)
	_, _ = w.Write(problem.JSON())
}
