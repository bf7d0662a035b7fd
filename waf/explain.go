package waf

import (
	"net/http"

	"github.com/tocsin-project/tocsin/inspect"
)

// An Explanation says what becomes of a request, and which rules have a part in it.
type Explanation struct {
	Verdict inspect.Verdict
	Matches []Explained // those that stop come first
	Part    bool        // not all of the request was looked at
}

// An Explained is a rule that a request matches.
type Explained struct {
	Rule     *Rule
	Zones    []string
	Found    string // what was found there first
	Excepted bool   // it does not count
	Stops    bool   // it stops requests
}

// Explain says what Inspect would, and why, of a request with a whole body. The counts are
// those of Inspect.
func (i *Inspector) Explain(r *http.Request, body []byte, d inspect.Details) Explanation {
	d = d.WithDefaults(r)
	req := RequestOf(r)
	req.Method, req.Target, req.Host, req.HasBody = d.Method, d.Target, d.Host, len(body) > 0
	in := i.rules.Head(&req)
	defer in.Close()
	limit := min(len(body), i.cfg.BodyLimit)
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
