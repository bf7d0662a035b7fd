package waf

import (
	"net/http"

	"github.com/tocsin-project/tocsin/inspect"
)

// An Explanation is the verdict on a request, and the rules that it matches.
type Explanation struct {
	Verdict inspect.Verdict
	Matches []Explained // rules that stop requests come first
	Part    bool        // only a part of the request was inspected
}

// An Explained is a rule that the request matches.
type Explained struct {
	Rule     *Rule
	Zones    []string
	Found    string // the first text that the rule matched
	Excepted bool   // an exception covers it
	Stops    bool   // the rule stops requests
}

// Explain returns what Inspect would decide on a request with this body, and why. It adds to
// the same counts as Inspect.
func (i *Inspector) Explain(r *http.Request, body []byte, d inspect.Details) Explanation {
	d = d.WithDefaults(r)
	req := RequestOf(r)
	req.Method, req.Target, req.Host, req.HasBody = d.Method, d.Target, d.Host, len(body) > 0
	in := i.rules.Head(&req)
	defer in.Close()
	limit := min(len(body), i.cfg.BodyLimit)
	in.limit = i.cfg.BodyLimit
	in.Body(body[:limit])
	var cut cutBody
	if limit < len(body) {
		cut.why = LongBody
	}
	cut.why = in.cutOr(cut.why)
	e := Explanation{Part: cut.why != uncut}
	for _, stops := range []bool{true, false} {
		for _, m := range in.Matches() {
			if i.stops(m) == stops {
				e.Matches = append(e.Matches, Explained{m.Rule, m.Zones, string(m.payload), i.isExcepted(m.Rule.Name, r, &d), stops})
			}
		}
	}
	e.Verdict = i.verdict(in, r, &d)
	if e.Verdict.Status == 0 {
		i.cutOff(&e.Verdict, cut, &d)
	}
	return e
}
