package consensus

import (
	"slices"
	"sort"
	"time"
)

// maxEpisodes is how many episodes of a unit are kept. The duration is at its greatest
// long before.
const maxEpisodes = 8

// suppressed reports whether an appeal keeps the unit off all lists.
func (t *evaluation) suppressed() bool {
	return t.appealed() && t.now.Before(t.prev.Appealed.Add(t.cfg.Durations.Suppression))
}

// appealed reports whether an appeal is still remembered.
func (t *evaluation) appealed() bool {
	at := t.prev.Appealed
	return !at.IsZero() && t.now.Before(at.Add(t.cfg.Durations.EpisodeMemory))
}

// onProbation reports whether the next listing is the first after an appeal: it takes as
// many members as a ban, and is a challenge. If the attacks go on, each report renews that
// challenge and it never ends, so after a day it counts as over.
func (t *evaluation) onProbation() bool {
	return t.appealed() && !slices.ContainsFunc(t.prev.Episodes, func(e Episode) bool {
		over := !e.To.After(t.now) || !e.From.Add(t.cfg.Durations.First).After(t.now)
		return e.From.After(t.prev.Appealed) && over
	})
}

// closed returns the episodes, the last of which ends now if it has not ended yet.
func (t *evaluation) closed() []Episode {
	episodes := slices.DeleteFunc(slices.Clone(t.prev.Episodes), func(e Episode) bool {
		return !e.To.After(t.now.Add(-t.cfg.Durations.EpisodeMemory))
	})
	if n := len(episodes); n > 0 && episodes[n-1].To.After(t.now) {
		episodes[n-1].To = t.now
	}
	return episodes
}

// opened returns the episodes with one that is under way. One that begins soon after
// another goes on with it.
func (t *evaluation) opened() []Episode {
	episodes := t.closed()
	n := len(episodes)
	if n > 0 && episodes[n-1].To.After(t.now.Add(-t.cfg.Durations.EpisodeGap)) && episodes[n-1].From.After(t.prev.Appealed) {
		return episodes
	}
	episodes = append(episodes, Episode{From: t.now, To: t.now})
	return episodes[max(0, len(episodes)-maxEpisodes):]
}

// before returns how many episodes are over, of those that no appeal took back.
func (t *evaluation) before(episodes []Episode) (n int) {
	for _, e := range episodes {
		if e.From.After(t.prev.Appealed) && !e.To.After(t.now) {
			n++
		}
	}
	return n
}

// expires returns when a tier ends: some time after an established member saw the unit
// last, and at the latest when the evidence no longer carries it.
func (t *evaluation) expires(tier Tier, rises bool, episodes []Episode) time.Time {
	if tier < Suspect {
		end := unixTime(t.latest[0]).Add(t.cfg.Durations.Max)
		if !rises {
			end = earlier(end, t.prev.Expires)
		}
		return t.carried(tier, end)
	}
	end := unixTime(t.latest[1]).Add(t.duration(t.before(episodes[:len(episodes)-1])))
	if !rises && !t.renewed {
		end = earlier(end, t.prev.Expires)
	}
	return t.carried(tier, end)
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func (t *evaluation) duration(earlier int) time.Duration {
	d := t.cfg.Durations
	first, most := d.First, d.Max
	if t.shared {
		first, most = d.SharedFirst, d.SharedMax
	}
	for range earlier {
		first = min(2*first, most)
	}
	return min(first, most)
}

// carried returns the last minute up to end at which the evidence carries a tier.
func (t *evaluation) carried(tier Tier, end time.Time) time.Time {
	minutes := int(end.Sub(t.now) / time.Minute)
	if minutes <= 0 || t.carries(tier, end.Unix(), true) {
		return end
	}
	first := sort.Search(minutes, func(m int) bool {
		return !t.carries(tier, t.now.Add(time.Duration(m+1)*time.Minute).Unix(), true)
	})
	return t.now.Add(time.Duration(first) * time.Minute)
}

// next returns what must be kept for the next verdict.
func (t *evaluation) next(tier Tier, episodes []Episode, expires time.Time) Prev {
	p := Prev{
		Judged: true, Seq: t.prev.Seq, Tier: tier, Score: t.score, Expires: expires,
		Ended: t.ended, Episodes: episodes, Appealed: t.prev.Appealed,
	}
	for i := range t.e.Reports {
		p.Seq = max(p.Seq, t.e.Reports[i].Seq)
	}
	if tier < Suspect {
		return p
	}
	p.Since = episodes[len(episodes)-1].From
	p.Needed = t.needed
	if t.prev.Tier >= tier && t.prev.Needed > 0 {
		p.Needed = min(t.needed, t.prev.Needed)
	}
	return p
}
