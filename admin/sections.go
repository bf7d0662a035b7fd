package admin

import (
	"slices"
	"strings"
)

// Inspector says what became of inspections, since the inspector was made: a config
// that says the same of it goes on with it.
type Inspector struct {
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

// write prints what a says below the status.
func (a *Inspector) write(t table) {
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

// allowlists prints how the allowlists of sources stand, if any has one.
func (t table) allowlists(sources []Source) {
	if !slices.ContainsFunc(sources, func(s Source) bool { return s.Allowlist != nil }) {
		return
	}
	t.row()
	t.row("ALLOWLISTS OF", "ENTRIES", "READ", "LAST ERROR")
	for _, s := range sources {
		if a := s.Allowlist; a != nil {
			t.row(s.Name, a.Entries, t.ago(a.Read), a.Error)
		}
	}
}
