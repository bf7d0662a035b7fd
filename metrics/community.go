package metrics

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/consensus"
)

// ofCommunity has the metrics of [NewCommunities].
var ofCommunity list

// The metrics of the centre of a community.
var (
	communityHealthy     = ofCommunity.gauge("community_healthy", "1 if the centre works; otherwise /healthz says why not.", labelCommunity)
	communityFrozen      = ofCommunity.gauge("community_frozen", "1 while nothing is added to the list.", labelCommunity)
	communityUnits       = ofCommunity.gauge("community_addresses", "Addresses that members reported, by tier: watch, suspect or listed.", labelCommunity, labelTier)
	communityEntries     = ofCommunity.gauge("community_list_entries", "Entries of the list, by action.", labelCommunity, labelAction)
	communityMembers     = ofCommunity.gauge("community_members", "Members.", labelCommunity)
	communityEstablished = ofCommunity.gauge("community_established_members", "Members that are established; those of one operator count once.", labelCommunity)
	communityQuarantined = ofCommunity.gauge("community_quarantined_members", "Members whose reports do not count until they are mended.", labelCommunity)
	communityReports     = ofCommunity.gauge("community_stored_reports", "Reports in the database.", labelCommunity)
	communityCases       = ofCommunity.gauge("community_open_cases", "Cases that a moderator has to decide.", labelCommunity)
	communityLate        = ofCommunity.gauge("community_late_cases", "Cases after their time.", labelCommunity)
	communityRetention   = ofCommunity.gauge("community_retention_age_seconds", "Time since old data was last deleted; -1: never.", labelCommunity)
	communitySignals     = ofCommunity.counter("community_signals_total", "Signals that this server got, by outcome: accepted or refused.", labelCommunity, labelOutcome)
	communityBrake       = ofCommunity.counter("community_collusion_total", "Addresses that were not listed because the members that report them are not independent.", labelCommunity)
)

// scrapeTime is how long a scrape waits for the database of a community.
const scrapeTime = 5 * time.Second

// Communities is a collector of the centres of communities.
type Communities struct{ centres []*community.Centre }

// NewCommunities returns a collector without a centre.
func NewCommunities() *Communities { return new(Communities) }

// Add adds a centre. It must not be called during a scrape.
func (c *Communities) Add(centre *community.Centre) { c.centres = append(c.centres, centre) }

// Describe implements [prometheus.Collector].
func (*Communities) Describe(ch chan<- *prometheus.Desc) {
	for _, m := range ofCommunity {
		ch <- m.desc
	}
}

// Collect implements [prometheus.Collector].
func (c *Communities) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTime)
	defer cancel()
	v := values{}
	for _, centre := range c.centres {
		name := centre.About().Name
		h := centre.Health(ctx)
		v.communityHealth(name, &h, time.Now())
		if f, err := centre.Figures(); err == nil {
			v.community(name, &f)
		}
	}
	v.send(ch)
}

func (v values) communityHealth(name string, h *community.Health, now time.Time) {
	v.set(communityHealthy, one(h.OK), name)
	v.set(communityFrozen, one(h.Frozen.On), name)
	v.set(communityCases, float64(h.Open), name)
	v.set(communityLate, float64(h.Late), name)
	age := -1.0
	if !h.Retention.IsZero() {
		age = now.Sub(h.Retention).Seconds()
	}
	v.set(communityRetention, age, name)
}

func (v values) community(name string, f *community.Figures) {
	for _, t := range []consensus.Tier{consensus.Watched, consensus.Suspect, consensus.Listed} {
		v.set(communityUnits, float64(f.Tiers[t]), name, t.String())
	}
	v.set(communityEntries, float64(f.Ban), name, consensus.Ban.String())
	v.set(communityEntries, float64(f.Captcha), name, consensus.Captcha.String())
	v.set(communityMembers, float64(f.Members), name)
	v.set(communityEstablished, float64(f.Established), name)
	v.set(communityQuarantined, float64(f.Quarantined), name)
	v.set(communityReports, float64(f.Reports), name)
	v.set(communitySignals, float64(f.Accepted), name, "accepted")
	v.set(communitySignals, float64(f.Refused), name, "refused")
	v.set(communityBrake, float64(f.BrakeTrips), name)
}

func one(is bool) float64 {
	if is {
		return 1
	}
	return 0
}
