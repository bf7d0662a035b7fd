package caddymodule

import (
	"strings"

	"github.com/tocsin-project/tocsin/appsec"
	"github.com/tocsin-project/tocsin/caddymodule/guest"
	"github.com/tocsin-project/tocsin/lookup"
)

// inspectorAnswer says what became of inspections, since the inspector was made: a config
// that says the same of it goes on with it.
type inspectorAnswer struct {
	Name    string            `json:"name"`              // of the module, such as appsec
	URL     string            `json:"url"`               // whom it asks
	Asked   uint64            `json:"asked"`             // requests that it was asked about
	Stopped map[string]uint64 `json:"stopped"`           // by ban, captcha and challenge, dry runs included
	Unknown uint64            `json:"unknown"`           // actions that the fallback stood in for
	Failed  map[string]uint64 `json:"failed,omitempty"`  // requests without an answer: late, unreachable and so on
	Partial map[string]uint64 `json:"partial,omitempty"` // requests seen in part: long_body, stream and so on
	Refused map[string]uint64 `json:"refused,omitempty"` // requests refused unasked, for the same kinds of reason
	Broken  uint64            `json:"broken"`            // requests given up since their body broke off
	Bodies  int64             `json:"body_bytes"`        // that bodies take now
}

// answers says how it goes; nothing if there is no inspector, or it does not count.
func (i *heldInspector) answers() []inspectorAnswer {
	if i == nil {
		return nil
	}
	g, ok := i.Inspector.(guest.Counted)
	if !ok {
		return nil
	}
	s := g.Stats()
	a := inspectorAnswer{
		Name: i.name, URL: g.Target(), Asked: s.Asked, Unknown: s.Unknown, Broken: s.Broken, Bodies: s.BodyMemory,
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
	return []inspectorAnswer{a}
}

// addSome adds n if there is anything to tell.
func addSome(to map[string]uint64, name string, n uint64) {
	if n > 0 {
		to[name] = n
	}
}

// write prints what a says below the status.
func (a *inspectorAnswer) write(t table) {
	name := strings.ToUpper(a.Name)
	t.row()
	t.row(name, "ASKED", "BANNED", "CAPTCHA", "CHALLENGED", "FAILED", "SEEN IN PART", "REFUSED", "BROKEN OFF")
	t.row(a.URL, a.Asked, a.Stopped["ban"], a.Stopped["captcha"], a.Stopped["challenge"],
		total(a.Failed), total(a.Partial), total(a.Refused), a.Broken)
	if len(a.Failed) > 0 {
		t.counts(name+" FAILED", "REQUESTS", a.Failed)
	}
}

func total(counts map[string]uint64) (sum uint64) {
	for _, n := range counts {
		sum += n
	}
	return sum
}
