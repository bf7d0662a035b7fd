package metrics

import (
	"github.com/tocsin-project/tocsin/middleware"
)

// The metrics of requests.
var (
	processed = own.counter("requests_processed_total",
		"Checked requests. Those with ip_type unknown have no address, and passed.", labelServer, labelIPType)
	stopped = own.counter("requests_stopped_total",
		"Stopped requests, by action and origin of the decision.", labelServer, labelAction, labelOrigin, labelIPType)
	dryRun = own.counter("requests_dry_run_total",
		"Requests that passed only because of a dry run.", labelServer, labelAction, labelOrigin, labelIPType)
	allowed = own.counter("requests_allow_listed_total",
		"Requests that passed against a decision, because of the allow list.", labelServer)
	connections = own.counter("connections_closed_total",
		"Connections of banned clients that the listener wrapper closed. Each also counts as a stopped request.", labelServer)
	connectionsDryRun = own.counter("connections_dry_run_total",
		"Connections that the listener wrapper left open only because of a dry run.", labelServer)
	ended = own.counter("requests_ended_total",
		"Requests ended while they were served, because their client was banned meanwhile.", labelServer)
	passed = own.counter("requests_passed_total",
		"Requests that passed against a captcha decision, with the pass of a solved challenge.", labelServer, labelOrigin, labelIPType)
	spared = own.counter("lookups_spared_total",
		"Lookups with a decision of a remote source that does not apply, by address: own (this server) or proxy (a trusted one).", labelKind)
)

// requests adds the counts of a server.
func (v values) requests(server string, n middleware.Counts) {
	v.add(processed, float64(n.Processed4), server, ipv4)
	v.add(processed, float64(n.Processed6), server, ipv6)
	v.add(processed, float64(n.UnknownClient), server, ipUnknown)
	v.add(allowed, float64(n.Allowed), server)
	v.add(ended, float64(n.Ended), server)
	v.add(connections, float64(n.Connections), server)
	v.add(connectionsDryRun, float64(n.ConnectionsDryRun), server)
	for _, o := range n.ByOrigin {
		ipType := ipv4
		if o.IPv6 {
			ipType = ipv6
		}
		// Few servers have both, and a series that is always 0 only costs memory.
		if o.Stopped > 0 {
			v.add(stopped, float64(o.Stopped), server, o.Action.String(), o.Origin, ipType)
		}
		if o.DryRun > 0 {
			v.add(dryRun, float64(o.DryRun), server, o.Action.String(), o.Origin, ipType)
		}
		if o.Passed > 0 {
			v.add(passed, float64(o.Passed), server, o.Origin, ipType)
		}
	}
}
