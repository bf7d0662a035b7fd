package consensus

import (
	"fmt"
	"slices"
	"strconv"
	"time"
)

// A limit is a field with the values that it may have.
type limit struct {
	name               string
	value, least, most int64
	show               func(int64) string
}

// Check returns an error that names the first field with a value that makes no sense.
func (c *Config) Check() error {
	all := slices.Concat(c.times(), c.weights(), c.trustLimits(), c.counts())
	for _, l := range all {
		if l.value < l.least || l.value > l.most {
			return fmt.Errorf("checking the constants of the consensus: %s is %s: want %s to %s",
				l.name, l.show(l.value), l.show(l.least), l.show(l.most))
		}
	}
	return nil
}

func span(name string, value, least, most time.Duration) limit {
	return limit{name, int64(value), int64(least), int64(most), func(n int64) string { return time.Duration(n).String() }}
}

func share(name string, value, least, most Micro) limit {
	return limit{name, int64(value), int64(least), int64(most), func(n int64) string {
		return strconv.FormatFloat(float64(n)/float64(One), 'f', -1, 64)
	}}
}

func number(name string, value, least, most int64) limit {
	return limit{name, value, least, most, func(n int64) string { return strconv.FormatInt(n, 10) }}
}

const year = 365 * day

func (c *Config) times() []limit {
	d, t := c.Durations, c.Trust
	return []limit{
		span("half_life", c.HalfLife, time.Hour, 30*day),
		// Raw signals are kept for 14 days: what is older cannot be replayed.
		span("window", c.Window, day, 14*day),
		span("replay", c.Replay, time.Minute, c.Window),
		span("durations.first", d.First, time.Minute, d.Max),
		span("durations.max", d.Max, time.Minute, 7*day),
		span("durations.shared_first", d.SharedFirst, time.Minute, d.SharedMax),
		span("durations.shared_max", d.SharedMax, time.Minute, d.Max),
		span("durations.episode_gap", d.EpisodeGap, 0, 7*day),
		span("durations.episode_memory", d.EpisodeMemory, 0, 90*day),
		span("durations.suppression", d.Suppression, time.Hour, 90*day),
		span("own_notice", c.OwnNotice, 0, 30*day),
		span("cold_start", c.ColdStart, 0, year),
		span("quarantine.time", c.Quarantine.Time, time.Hour, c.Window),
		span("trust.weightless", t.Weightless, 0, year),
		span("trust.growth", t.Growth, time.Hour, year),
		span("trust.established_age", t.EstablishedAge, 0, year),
		span("trust.credit_life", t.CreditLife, day, year),
		span("trust.fault_memory", t.FaultMemory, day, year),
		span("trust.novelty", t.Novelty, 0, 90*day),
	}
}

func (c *Config) weights() []limit {
	s := c.Severity
	all := []limit{
		share("severity.exploit", s.Exploit, 0, One),
		share("severity.bruteforce", s.BruteForce, 0, One),
		share("severity.fraud", s.Fraud, 0, One),
		share("severity.spam", s.Spam, 0, One),
		share("severity.dos", s.DoS, 0, One),
		share("severity.scan", s.Scan, 0, One),
		share("severity.crawl", s.Crawl, 0, One),
		share("severity.audit", s.Audit, 0, One),
		share("threshold", c.Threshold, One/10, 10*One),
		share("network_cap", c.NetworkCap, 0, c.Threshold),
		// What newcomers add must not lead to a listing, with whatever one member adds.
		share("newcomer_cap", c.NewcomerCap, 0, c.Threshold/4),
		share("benign", c.Benign, 0, One),
		share("watch", c.Watch, 10_000, c.Suspect),
		share("suspect", c.Suspect, c.Watch, One),
		share("exit", c.Exit, 10_000, One),
		share("brake.share", c.Brake.Share, 0, One),
		share("quarantine.services", c.Quarantine.Services, 0, One),
		share("quarantine.corroborated", c.Quarantine.Corroborated, 0, One),
	}
	for i, v := range c.Confidence {
		all = append(all, share(fmt.Sprintf("confidence[%d]", i), v, 0, One))
	}
	for i, v := range c.Spoofable {
		all = append(all, share(fmt.Sprintf("spoofable[%d]", i), v, 0, One))
	}
	for i, v := range c.Provenance {
		all = append(all, share(fmt.Sprintf("provenance[%d]", i), v, 0, One))
	}
	return all
}

func (c *Config) trustLimits() []limit {
	t := c.Trust
	return []limit{
		share("trust.established", t.Established, 10_000, One),
		share("trust.vouched", t.Vouched, 0, One),
		number("trust.prior", t.Prior, 1, 1000),
		number("trust.contest", t.Contest, 0, 1000),
		number("trust.credits_a_day", int64(t.CreditsADay), 1, 1000),
		number("trust.faults_a_day", int64(t.FaultsADay), 1, 1000),
		number("trust.confirmations", int64(t.Confirmations), 1, 100),
	}
}

func (c *Config) counts() []limit {
	b, q := c.Brake, c.Quarantine
	return []limit{
		number("version", int64(c.Version), ConfigVersion, ConfigVersion),
		number("budget.base", c.Budget.Base, 1, 1_000_000),
		number("budget.per_credit", c.Budget.PerCredit, 0, 10_000),
		number("budget.max", c.Budget.Max, c.Budget.Base, 1_000_000),
		number("quarantine.hits", int64(q.Hits), 1, 1000),
		number("quarantine.volume", q.VolumeFactor, 2, 10_000),
		number("quarantine.volume_floor", q.VolumeFloor, 1, 10_000),
		number("small_group", int64(c.SmallGroup), 0, 50),
		// One member alone lists nobody.
		number("witnesses", int64(c.Witnesses), 2, 20),
		number("min_witnesses", int64(c.MinWitnesses), 2, 50),
		number("trusted_below", int64(c.TrustedBelow), 0, 200),
		number("brake.slack", b.Slack, 0, 1000),
		number("brake.small_slack", b.SmallSlack, 0, 1000),
		number("brake.small_below", int64(b.SmallBelow), 0, 1000),
		number("shared_factor", c.SharedFactor, 1, 100),
		number("shared_from", int64(c.SharedFrom), 1, 1000),
		number("shared_ratio", int64(c.SharedRatio), 0, 1000),
		number("own_factor", c.OwnFactor, 1, 100),
		number("questions", int64(c.Questions), 0, 100_000),
	}
}
