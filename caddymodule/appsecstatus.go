package caddymodule

import (
	"github.com/tocsin-project/tocsin/appsec"
	"github.com/tocsin-project/tocsin/lookup"
)

// appsecAnswer says what became of inspections, since the client was made: a config
// that says the same of AppSec goes on with it.
type appsecAnswer struct {
	URL     string            `json:"url"`
	Asked   uint64            `json:"asked"`             // requests that AppSec was asked about
	Stopped map[string]uint64 `json:"stopped"`           // by ban, captcha and challenge, dry runs included
	Unknown uint64            `json:"unknown"`           // actions that the fallback stood in for
	Failed  map[string]uint64 `json:"failed,omitempty"`  // requests without an answer: late, unreachable and so on
	Partial map[string]uint64 `json:"partial,omitempty"` // requests seen in part: long_body, stream and so on
	Refused map[string]uint64 `json:"refused,omitempty"` // requests refused unasked, for the same kinds of reason
	Broken  uint64            `json:"broken"`            // requests given up since their body broke off
	Bodies  int64             `json:"body_bytes"`        // that bodies take now
}

// answer says how it goes; nil if there is no AppSec.
func (i *heldInspector) answer() *appsecAnswer {
	if i == nil {
		return nil
	}
	s := i.Stats()
	a := &appsecAnswer{
		URL: i.url, Asked: s.Asked, Unknown: s.Unknown, Broken: s.Broken, Bodies: s.BodyMemory,
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

// write prints what a says below the status.
func (a *appsecAnswer) write(t table) {
	t.row()
	t.row("APPSEC", "ASKED", "BANNED", "CAPTCHA", "CHALLENGED", "FAILED", "SEEN IN PART", "REFUSED", "BROKEN OFF")
	t.row(a.URL, a.Asked, a.Stopped["ban"], a.Stopped["captcha"], a.Stopped["challenge"],
		total(a.Failed), total(a.Partial), total(a.Refused), a.Broken)
	if len(a.Failed) > 0 {
		t.counts("APPSEC FAILED", "REQUESTS", a.Failed)
	}
}

func total(counts map[string]uint64) (sum uint64) {
	for _, n := range counts {
		sum += n
	}
	return sum
}
