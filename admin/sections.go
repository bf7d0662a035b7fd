package admin

import (
	"slices"
	"strconv"
	"strings"
)

// Inspector has the counts of an inspector since its start. A reload with the same
// settings keeps it.
type Inspector struct {
	Name    string            `json:"name"`              // of the module, such as appsec
	URL     string            `json:"url"`               // of the inspecting server
	Asked   uint64            `json:"asked"`             // inspected requests
	Stopped map[string]uint64 `json:"stopped"`           // by ban, captcha and challenge, dry runs included
	Unknown uint64            `json:"unknown"`           // unknown actions, which the fallback replaced
	Failed  map[string]uint64 `json:"failed,omitempty"`  // requests without an answer: late, unreachable and so on
	Partial map[string]uint64 `json:"partial,omitempty"` // requests inspected in part: long_body, stream and so on
	Refused map[string]uint64 `json:"refused,omitempty"` // requests refused without inspection, with the same reasons
	Broken  uint64            `json:"broken"`            // requests dropped because their body broke off
	Bodies  int64             `json:"body_bytes"`        // memory of bodies now
}

// write prints a in the status.
func (a *Inspector) write(t table) {
	name := strings.ToUpper(a.Name)
	t.row()
	t.row(name, "ASKED", "BANNED", "CAPTCHA", "CHALLENGED", "FAILED", "IN PART", "REFUSED", "BROKEN OFF")
	t.row(a.URL, a.Asked, a.Stopped["ban"], a.Stopped["captcha"], a.Stopped["challenge"],
		total(a.Failed), total(a.Partial), total(a.Refused), a.Broken)
	if len(a.Failed) > 0 {
		t.counts(name+" FAILED", "REQUESTS", a.Failed)
	}
}

// WAF says what became of requests at the WAF, since it was made: a config that says the
// same of it goes on with it.
type WAF struct {
	Rules     int               `json:"rules"`              // that run
	Skipped   []string          `json:"skipped,omitempty"`  // files and rules that cannot run, with the reason
	Inspected uint64            `json:"inspected"`          // requests
	Stopped   map[string]uint64 `json:"stopped"`            // by ban and captcha, dry runs included
	Observed  uint64            `json:"observed"`           // requests that rules matched and did not stop
	Matched   map[string]uint64 `json:"matched,omitempty"`  // by rule
	Excepted  map[string]uint64 `json:"excepted,omitempty"` // by rule: what did not count
	Partial   map[string]uint64 `json:"partial,omitempty"`  // requests seen in part: long_body, too_much and so on
	Refused   map[string]uint64 `json:"refused,omitempty"`  // requests refused or challenged for the same kinds of reason
	Broken    uint64            `json:"broken"`             // requests given up since their body broke off
	Failed    uint64            `json:"failed"`             // requests that passed since the WAF itself failed
	Bodies    int64             `json:"body_bytes"`         // that bodies take now
}

// write prints what a says below the status.
func (a *WAF) write(t table) {
	t.row()
	t.row("WAF", "INSPECTED", "BANNED", "CAPTCHA", "OBSERVED", "SEEN IN PART", "REFUSED", "BROKEN OFF", "FAILED")
	t.row(strconv.Itoa(a.Rules)+" rules", a.Inspected, a.Stopped["ban"], a.Stopped["captcha"], a.Observed,
		total(a.Partial), total(a.Refused), a.Broken, a.Failed)
	if len(a.Matched) > 0 {
		t.counts("WAF RULE", "MATCHED", a.Matched)
	}
	if len(a.Excepted) > 0 {
		t.counts("WAF RULE", "EXCEPTED", a.Excepted)
	}
	if len(a.Skipped) > 0 {
		t.row()
		t.row("WAF LEFT OUT")
	}
	for _, s := range a.Skipped {
		t.row(s)
	}
}

func total(counts map[string]uint64) (sum uint64) {
	for _, n := range counts {
		sum += n
	}
	return sum
}

// allowlists prints the state of the allowlists, if there are any.
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
