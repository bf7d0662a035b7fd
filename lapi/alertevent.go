package lapi

import (
	"cmp"
	"time"

	"github.com/tocsin-project/tocsin/event"
)

// newEvent returns c under the names that CrowdSec's parsers give to what they
// read in a web server's log.
func newEvent(c *event.Context, of *pushedSource, now time.Time) pushedEvent {
	if c.Rule != "" {
		return newRuleEvent(c, of, now)
	}
	e := pushedEvent{Time: stamp(c.Time, now), Meta: []pushedMeta{{"service", "http"}}}
	for _, m := range []pushedMeta{
		{"source_ip", of.IP},
		{"IsoCode", of.Country},
		{"ASNNumber", of.AS},
		{"ASNOrg", of.ASName},
		{"http_verb", clip(c.Method, maxMethod)},
		{"http_path", c.Target},
		{"target_fqdn", clip(c.Host, maxHost)},
		{"http_status", status(c.Status)},
		{"http_user_agent", clip(c.UserAgent, maxAgent)},
	} {
		if m.Value != "" {
			e.Meta = append(e.Meta, m)
		}
	}
	return e
}

// newRuleEvent returns c, which is about what a rule has found, under the names that
// CrowdSec's AppSec gives to that. What was found there is never told.
func newRuleEvent(c *event.Context, of *pushedSource, now time.Time) pushedEvent {
	e := pushedEvent{Time: stamp(c.Time, now), Meta: []pushedMeta{{"service", "appsec"}}}
	for _, m := range []pushedMeta{
		{"source_ip", of.IP},
		{"IsoCode", of.Country},
		{"ASNNumber", of.AS},
		{"ASNOrg", of.ASName},
		{"rule_name", clip(c.Rule, maxWord)},
		{"message", clip(cmp.Or(c.Message, c.Rule), maxWord)},
		{"uri", c.Target},
		{"matched_zones", clip(c.Zones, maxTarget)},
		{"target_fqdn", clip(c.Host, maxHost)},
	} {
		if m.Value != "" {
			e.Meta = append(e.Meta, m)
		}
	}
	return e
}
