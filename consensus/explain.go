package consensus

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Explain returns the explanation of a verdict that everybody may read. It names no
// member, counts them in bands that begin with two, and tells hours, not minutes: who
// reported what cannot be told from it.
func Explain(v Verdict) string {
	if v.Tier < Suspect {
		return "Not listed." + v.exempt()
	}
	return strings.Join([]string{v.headline(), v.seen(), v.ordinary(), v.weighed(), v.history()}, " ")
}

// exempt says why a unit is not listed, where that does not depend on reports.
func (v *Verdict) exempt() string {
	switch {
	case slices.Contains(v.Reasons, ReasonExcluded):
		return " Addresses of this kind are never listed."
	case slices.Contains(v.Reasons, ReasonSuppressed):
		return " An appeal ended the listing."
	}
	return ""
}

func (v *Verdict) headline() string {
	what := map[Remediation]string{Captcha: "Challenged", Ban: "Listed"}[v.Remediation]
	return fmt.Sprintf("%s since %s, ends %s (UTC).", what, hour(v.Next.Since), hour(v.Expires.Add(time.Hour-time.Nanosecond)))
}

func (v *Verdict) seen() string {
	s := v.Summary()
	what := "abuse of different kinds"
	switch {
	case s.Behaviour != "":
		what = fmt.Sprintf("%s (confidence %d)", s.Behaviour, s.Confidence)
	case s.From.IsZero():
		what = "abuse"
	}
	return fmt.Sprintf("%s independent members in %s networks saw %s between %s and %s.",
		Band(v.Established), Band(v.Networks), what, hour(s.From), hour(s.To))
}

// A Summary is what an explanation says, for texts in other languages: what two or more
// established members saw, in hours. Behaviour is empty if no two of them saw the same.
type Summary struct {
	Since      time.Time
	From, To   time.Time
	Behaviour  Behaviour
	Confidence uint8
}

// Summary returns what an explanation of v says.
func (v *Verdict) Summary() Summary {
	first, last := v.span()
	s := Summary{Since: v.Next.Since.Truncate(time.Hour)}
	if !first.IsZero() {
		s.From, s.To = first.Truncate(time.Hour), last.Add(time.Hour-time.Second).Truncate(time.Hour)
	}
	s.Behaviour, s.Confidence = v.kind()
	return s
}

// span returns when established members saw the unit first and last.
func (v *Verdict) span() (first, last time.Time) {
	for _, c := range v.Contributions {
		if !c.Established {
			continue
		}
		if first.IsZero() || c.At.Before(first) {
			first = c.At
		}
		if c.At.After(last) {
			last = c.At
		}
	}
	return first, last
}

// kind returns what most established members saw, if two or more saw the same.
func (v *Verdict) kind() (Behaviour, uint8) {
	type count struct {
		name       string
		n          int
		confidence uint8
	}
	var counts []count
	for _, c := range v.Contributions {
		if !c.Established {
			continue
		}
		name := c.Behaviour.public()
		i := slices.IndexFunc(counts, func(c count) bool { return c.name == name })
		if i < 0 {
			counts = append(counts, count{name, 0, 0})
			i = len(counts) - 1
		}
		counts[i].n++
		counts[i].confidence = max(counts[i].confidence, min(c.Confidence, 3))
	}
	if len(counts) == 0 {
		return "", 0
	}
	most := slices.MinFunc(counts, func(a, b count) int { return cmp.Or(cmp.Compare(b.n, a.n), cmp.Compare(a.name, b.name)) })
	if most.n < 2 {
		return "", 0
	}
	return Behaviour(most.name), most.confidence
}

func (v *Verdict) ordinary() string {
	if v.Witnesses < 2 {
		return "No group of established members saw ordinary use."
	}
	return Band(v.Witnesses) + " established members saw ordinary use."
}

func (v *Verdict) weighed() string {
	return fmt.Sprintf("Net weight %s; a listing takes %s.", v.Net.String(), v.Threshold.String())
}

func (v *Verdict) history() string {
	switch v.Earlier {
	case 0:
		return "No earlier listing in 90 days."
	case 1:
		return "One earlier listing in 90 days."
	}
	return fmt.Sprintf("%d earlier listings in 90 days.", v.Earlier)
}

// Band returns a number of members or networks as one of few bands.
func Band(n int) string {
	switch {
	case n >= 16:
		return "16 or more"
	case n >= 8:
		return "8–15"
	case n >= 4:
		return "4–7"
	case n >= 2:
		return "2–3"
	}
	return "fewer than 2"
}

func hour(at time.Time) string { return at.UTC().Format("Mon 2 Jan 15 h") }

// String returns a with two decimals, rounded down.
func (a Micro) String() string {
	sign := ""
	if a < 0 {
		sign, a = "-", -a
	}
	return fmt.Sprintf("%s%d.%02d", sign, a/One, a%One/10_000)
}
