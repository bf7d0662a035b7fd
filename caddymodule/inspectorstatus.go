package caddymodule

import (
	"github.com/tocsin-project/tocsin/admin"
	"github.com/tocsin-project/tocsin/appsec"
	"github.com/tocsin-project/tocsin/caddymodule/guest"
	"github.com/tocsin-project/tocsin/lookup"
	"github.com/tocsin-project/tocsin/waf"
)

// waf returns the status of the WAF, nil if there is none.
func (all heldInspectors) waf() *admin.WAF {
	for _, i := range all {
		if g, ok := i.Inspector.(guest.Ruled); ok {
			return wafAnswer(g.Rules(), g.Stats())
		}
	}
	return nil
}

func wafAnswer(rules *waf.Rules, s waf.Stats) *admin.WAF {
	a := &admin.WAF{
		Inspected: s.Inspected, Observed: s.Told, Broken: s.Broken, Failed: s.Failed, Bodies: s.Bodies, Rules: len(rules.Rules()),
		Stopped: map[string]uint64{"ban": s.Stopped[lookup.Ban], "captcha": s.Stopped[lookup.Captcha]},
		Partial: map[string]uint64{}, Refused: map[string]uint64{}, Matched: map[string]uint64{}, Excepted: map[string]uint64{},
	}
	for why := range s.Partial {
		addSome(a.Partial, waf.Cut(why).String(), s.Partial[why])
		addSome(a.Refused, waf.Cut(why).String(), s.Refused[why])
	}
	for _, r := range s.Rules {
		addSome(a.Matched, r.Rule.Name, r.Matched)
		addSome(a.Excepted, r.Rule.Name, r.Excepted)
	}
	for _, one := range rules.Skipped() {
		a.Skipped = append(a.Skipped, one.String())
	}
	return a
}

// answers returns the status of those inspectors that count.
func (all heldInspectors) answers() (answers []admin.Inspector) {
	for _, i := range all {
		if g, ok := i.Inspector.(guest.Counted); ok {
			answers = append(answers, answerOf(i.name, g))
		}
	}
	return answers
}

func answerOf(name string, g guest.Counted) admin.Inspector {
	s := g.Stats()
	a := admin.Inspector{
		Name: name, URL: g.Target(), Asked: s.Asked, Unknown: s.Unknown, Broken: s.Broken, Bodies: s.BodyMemory,
		Stopped: map[string]uint64{
			"ban": s.Stopped[lookup.Ban], "captcha": s.Stopped[lookup.Captcha], "challenge": s.Challenged,
		},
		Failed: map[string]uint64{}, Partial: map[string]uint64{}, Refused: map[string]uint64{},
	}
	for kind, n := range s.Failed {
		addSome(a.Failed, appsec.Failure(kind).String(), n)
	}
	for kind := range s.Skipped {
		addSome(a.Partial, appsec.Skip(kind).String(), s.Skipped[kind])
		addSome(a.Refused, appsec.Skip(kind).String(), s.Refused[kind])
	}
	return a
}

// addSome adds n if there is anything to tell.
func addSome(to map[string]uint64, name string, n uint64) {
	if n > 0 {
		to[name] = n
	}
}
